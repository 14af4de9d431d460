import pytest
import torch

from nlpseq.layers.dropout import Dropout, LockedDropout, drop_weight, keep_mask


def test_keep_mask_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    mask = keep_mask(torch.empty(0, dtype=torch.float64), (400, 500), 0.3)
    assert mask.dtype == torch.float64
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert mask.eq(0).double().mean().item() == pytest.approx(0.3, abs=0.005)
    assert mask.mean().item() == pytest.approx(1.0, abs=0.01)


def test_locked_dropout_is_constant_in_time_and_differs_between_sequences() -> None:
    torch.manual_seed(0)
    dropped = LockedDropout(0.5)(torch.ones(4, 20, 64))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert dropped.unique().tolist() == [0.0, 2.0]
    assert LockedDropout(0.5)(torch.ones(4, 64)).unique().tolist() == [0.0, 2.0]


def test_plain_dropout_differs_in_time() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.5)(torch.ones(4, 20, 64))
    assert not torch.equal(dropped[:, 0], dropped[:, 1])
    assert 0.4 < dropped.eq(0).float().mean() < 0.6


@pytest.mark.parametrize("layer", [Dropout, LockedDropout])
def test_evaluation_and_zero_change_nothing(layer: type[Dropout]) -> None:
    inputs = torch.randn(2, 3, 4)
    assert layer(0.9).eval()(inputs) is inputs
    assert layer(0.0)(inputs) is inputs


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_a_probability_is_one(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        LockedDropout(p)


def test_drop_weight_passes_the_gradient_to_the_raw_weight() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(40, 50))
    dropped = drop_weight(weight, 0.25, training=True)
    zeros = dropped == 0
    assert zeros.float().mean().item() == pytest.approx(0.25, abs=0.04)
    torch.testing.assert_close(dropped[~zeros], weight[~zeros] / 0.75)
    dropped.sum().backward()
    assert torch.equal(weight.grad == 0, zeros)
    assert drop_weight(weight, 0.25, training=False) is weight
    assert drop_weight(weight, 0.0, training=True) is weight
