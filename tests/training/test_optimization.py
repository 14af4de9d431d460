import math

import pytest
import torch
from tiny import config
from torch import Tensor, nn

from nlpseq.training.optimization import (
    add_penalties,
    build_optimizer,
    clip,
    normalize,
    set_learning_rate,
)

REFERENCES = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=0.1, foreach=False),
    "adam": lambda p, lr: torch.optim.Adam(p, lr, (0.8, 0.95), weight_decay=0.1, foreach=False),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr, (0.8, 0.95), weight_decay=0.1, foreach=False),
    "rmsprop": lambda p, lr: torch.optim.RMSprop(
        p, lr, momentum=0.9, weight_decay=0.1, foreach=False
    ),
}


def parameters(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    torch.manual_seed(0)
    made = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]
    for parameter in made:
        parameter.grad = torch.randn_like(parameter)
    return made


def grads(made: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in made]


@pytest.mark.parametrize("name", list(REFERENCES))
def test_optimizers_are_torchs(name: str) -> None:
    ours, theirs = parameters((4, 3), (5,)), parameters((4, 3), (5,))
    own = {"betas": [0.8, 0.95]} if name.startswith("adam") else {"momentum": 0.9}
    made = config(optimizer=name, learning_rate=0.1, weight_decay=0.1, **own)
    optimizer = build_optimizer([{"params": ours}], made)
    reference = REFERENCES[name](theirs, 0.05)
    for _ in range(5):
        assert set_learning_rate(optimizer, 0.5) == 0.05
        optimizer.step()
        reference.step()
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)


def test_a_group_keeps_its_own_rate_and_decay() -> None:
    matrix, vector = parameters((4, 3), (5,))
    groups = [{"params": [matrix]}, {"params": [vector], "weight_decay": 0.0, "lr": 0.3}]
    optimizer = build_optimizer(groups, config(learning_rate=0.1, weight_decay=0.2))
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.15]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2, 0.0]
    assert [group["penalized"] for group in optimizer.param_groups] == [True, False]


def test_penalties_are_the_gradient_of_the_objective() -> None:
    made = parameters((4, 3), (5,))
    before = grads(made)
    add_penalties(made, 0.3, 0.7)
    objective = sum(0.3 * p.abs().sum() + 0.7 / 2 * p.square().sum() for p in made)
    for parameter, grad, penalty in zip(
        made, before, torch.autograd.grad(objective, made), strict=True
    ):
        torch.testing.assert_close(parameter.grad, grad + penalty)


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_by_norm_is_torchs(limit: float) -> None:
    ours, theirs = parameters((4, 3), (5,)), parameters((4, 3), (5,))
    norm = clip(ours, limit, 0.0)
    assert norm == pytest.approx(float(nn.utils.clip_grad_norm_(theirs, limit)))
    for own, other in zip(grads(ours), grads(theirs), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=0)
    left = math.sqrt(sum(float(grad.square().sum()) for grad in grads(ours)))
    assert left == pytest.approx(min(limit, float(norm)))


def test_clipping_by_value_comes_before_the_norm() -> None:
    made = parameters((4, 3))
    expected = made[0].grad.clamp(-0.4, 0.4)
    norm = clip(made, 0.0, 0.4)
    torch.testing.assert_close(made[0].grad, expected)
    assert float(norm) == pytest.approx(float(expected.norm()))


def test_normalize_scales_then_penalizes_then_clips() -> None:
    matrix, vector = parameters((4, 3), (5,))
    raw = [matrix.grad / 8 + 0.1 * matrix.sign() + 0.2 * matrix, vector.grad / 8]
    raw = [part.detach() for part in raw]
    total = math.sqrt(sum(float(part.square().sum()) for part in raw))
    norm = normalize([matrix, vector], 1 / 8, norm=0.3, l1=0.1, l2=0.2, penalized=[matrix])
    assert float(norm) == pytest.approx(total)
    for grad, part in zip(grads([matrix, vector]), raw, strict=True):
        torch.testing.assert_close(grad, part * 0.3 / total)


def test_one_pass_and_two_give_the_same() -> None:
    one, two = parameters((4, 3), (5,)), parameters((4, 3), (5,))
    first = normalize(one, 1 / 7, norm=0.1)
    second = normalize(two, 1 / 7, norm=0.1, value=1e6)
    torch.testing.assert_close(first, second)
    for own, other in zip(grads(one), grads(two), strict=True):
        torch.testing.assert_close(own, other)


def test_zero_and_missing_gradients_are_allowed() -> None:
    zero, missing = parameters((3,), (2,))
    zero.grad.zero_()
    missing.grad = None
    assert float(normalize([zero, missing], 0.5, norm=1.0, l2=0.1, penalized=[missing])) == 0
    assert missing.grad is None
    assert not zero.grad.isnan().any()
    assert float(clip([missing], 1.0, 0.0)) == 0
