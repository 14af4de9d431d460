import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers import linear_cross_entropy
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer


@pytest.fixture(autouse=True, params=["chunked", "small by itself"])
def _size_limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test through the chunked function too, which such small problems would not need."""
    if request.param == "chunked":
        monkeypatch.setattr(linear_cross_entropy, "SMALL_ELEMENTS", -1)


def plain(layer: SoftmaxLayer, outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(outputs, layer.weight, layer.bias), targets, reduction="sum")


def test_tied_weight_gets_both_gradients() -> None:
    torch.manual_seed(0)
    embedding = nn.Embedding(12, 5).double()
    layer = SoftmaxLayer(5, 12, tied_to=embedding.weight).double()
    assert layer.weight is embedding.weight
    ids, targets = torch.tensor([1, 2, 2, 7]), torch.tensor([2, 2, 7, 0])
    expected = torch.autograd.grad(plain(layer, embedding(ids), targets), embedding.weight)
    found = torch.autograd.grad(layer.loss(embedding(ids), targets), embedding.weight)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_tied_weight_of_another_size_is_projected_and_not_reinitialised() -> None:
    embedding = nn.Embedding(12, 5)
    before = embedding.weight.clone()
    layer = SoftmaxLayer(8, 12, tied_to=embedding.weight)
    layer.reset_parameters()
    assert torch.equal(embedding.weight, before)
    outputs = torch.randn(3, 8, requires_grad=True)
    assert layer.log_probs(outputs).shape == (3, 12)
    layer.loss(outputs, torch.tensor([0, 5, 11])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())
    with pytest.raises(ValueError, match="12 rows"):
        SoftmaxLayer(5, 13, tied_to=embedding.weight)


def test_initialisation_is_that_of_linear_with_zero_bias() -> None:
    layer = SoftmaxLayer(25, 1000)
    assert layer.weight.abs().max() <= 0.2
    assert layer.weight.std().item() == pytest.approx(0.2 / math.sqrt(3), rel=0.05)
    assert layer.bias is not None
    assert not layer.bias.any()
    assert SoftmaxLayer(25, 10, bias=False).bias is None


def full(**kwargs: Any) -> SoftmaxLayer:
    return SoftmaxLayer(10, 40, **kwargs)


def adaptive(**kwargs: Any) -> AdaptiveSoftmaxLayer:
    return AdaptiveSoftmaxLayer(10, 40, cutoffs=(8, 20), div_value=2.0, **kwargs)


@pytest.mark.parametrize("build", [full, adaptive])
@pytest.mark.parametrize("bias", [True, False])
def test_loss_nll_and_log_probs_agree(build: Any, bias: bool) -> None:
    torch.manual_seed(1)
    layer = build(bias=bias).double()
    outputs, targets = 3 * torch.randn(90, 10, dtype=torch.float64), torch.randint(40, (90,))
    log_probs = layer.log_probs(outputs)
    torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(90, dtype=torch.float64))
    nll = layer.nll(outputs, targets)
    assert nll.shape == (90,)
    assert not nll.requires_grad
    expected = -log_probs.gather(1, targets.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(nll, expected.detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.loss(outputs, targets), nll.sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("highest", [40, 20, 8])  # with empty clusters too
@pytest.mark.parametrize("rows", [60, 1, 0])
def test_adaptive_loss_and_gradients_are_those_of_torch(highest: int, rows: int) -> None:
    torch.manual_seed(2)
    layer = adaptive().double()
    outputs = torch.randn(rows, 10, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(highest, (rows,))
    leaves = [outputs, *layer.parameters()]
    loss = layer.loss(outputs, targets)
    reference = layer.softmax.log_prob(outputs).gather(1, targets.unsqueeze(1))
    expected = -reference.sum()
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-10)
    found = torch.autograd.grad(
        loss, leaves
    )  # every parameter takes part, even of an empty cluster
    for mine, other in zip(found, torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)
    if rows:
        torch.testing.assert_close(layer.softmax(outputs, targets).loss * rows, expected)


def test_adaptive_refuses_label_smoothing() -> None:
    with pytest.raises(UserError, match="label_smoothing"):
        adaptive().loss(torch.randn(2, 10), torch.tensor([0, 1]), 0.1)


@pytest.mark.parametrize("cutoffs", [(), (0, 5), (5, 5), (9, 5), (5, 40), (41,), (-3, 10)])
def test_bad_cutoffs_are_named(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="head.cutoffs"):
        AdaptiveSoftmaxLayer(10, 40, cutoffs=cutoffs)


@pytest.mark.parametrize("build", [full, adaptive])
def test_layers_under_autocast(build: Any) -> None:
    torch.manual_seed(3)
    layer, outputs, targets = build(), torch.randn(50, 10), torch.randint(40, (50,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, nll = layer.loss(outputs, targets), layer.nll(outputs, targets)
    torch.testing.assert_close(loss, layer.loss(outputs, targets), rtol=1e-2, atol=0)
    torch.testing.assert_close(nll.sum(), loss.detach(), rtol=1e-4, atol=0)
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())


def test_outputs_may_be_a_strided_view() -> None:
    """Rows cut out of a larger tensor, as windows are, need no copy first."""
    outputs = torch.randn(4, 6, 10, dtype=torch.float64).transpose(0, 1).flatten(0, 1)[::2]
    layer, targets = full().double(), torch.randint(40, (12,))
    expected = plain(layer, outputs, targets)
    torch.testing.assert_close(layer.loss(outputs, targets), expected)
