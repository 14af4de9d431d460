import pytest
import torch
from tiny import config
from torch import nn

from nlpseq.training.averaging import averaged_weights, build_average, install_average


def model() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    made[1].weight = made[0].weight
    made[2].bias.requires_grad_(False)
    return made.double()


def move(made: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter))


def test_ema_is_its_closed_form() -> None:
    made = model()
    average = build_average(made, config(average="ema", ema_decay=0.3))
    expected = {name: p.detach().clone() for name, p in made.named_parameters()}
    for update in range(6):
        move(made, update)
        average.after_update()
        decay = min(0.3, (1 + update) / (10 + update))
        for name, parameter in made.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * parameter.detach()
    weights = average.weights()
    assert "2.bias" not in weights  # frozen
    assert "1.weight" not in weights  # tied to 0.weight
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, expected[name])


def test_last_k_is_the_mean_of_the_last_validations() -> None:
    made = model()
    average = build_average(made, config(average="last_k", average_last=3))
    seen = []
    for number in range(5):
        move(made, number)
        average.after_update()
        average.before_validation()
        seen.append(made[0].weight.detach().clone())
        mean = torch.stack(seen[-3:]).mean(0)
        torch.testing.assert_close(average.weights()["0.weight"], mean)


@pytest.mark.parametrize("kind", ["none", "ema", "last_k"])
def test_the_swap_restores_every_bit(kind: str) -> None:
    made = model()
    average = build_average(made, config(average=kind))
    average.before_validation()
    move(made, 7)
    average.after_update()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}

    def look(inside: bool) -> None:
        with averaged_weights(average, made):
            for name, tensor in average.weights().items():
                assert made.state_dict()[name].equal(tensor)
            assert made[1].weight is made[0].weight
            if inside:
                raise KeyError

    look(False)
    with pytest.raises(KeyError):
        look(True)
    for name, tensor in made.state_dict().items():
        assert tensor.equal(before[name])
    different = any(not t.equal(before[name]) for name, t in average.weights().items())
    assert different == (kind != "none")


@pytest.mark.parametrize("kind", ["none", "ema", "last_k"])
def test_a_reloaded_average_continues_the_same(kind: str) -> None:
    made = model()
    average = build_average(made, config(average=kind, average_last=2))
    for number in range(3):
        move(made, number)
        average.after_update()
        average.before_validation()
    again = build_average(made, config(average=kind, average_last=2))
    again.load({name: tensor.clone() for name, tensor in average.state().items()})
    move(made, 9)
    for one in (average, again):
        one.after_update()
        one.before_validation()
    own, other = average.weights(), again.weights()
    assert own.keys() == other.keys()
    assert all(tensor.equal(other[name]) for name, tensor in own.items())


def test_install_leaves_the_average_in_the_model() -> None:
    made = model()
    average = build_average(made, config(average="ema"))
    move(made, 4)
    average.after_update()
    install_average(average, made)
    assert made[0].weight.equal(average.weights()["0.weight"])
