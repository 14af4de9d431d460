from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nlpseq.layers import linear_cross_entropy as layer
from nlpseq.layers.linear_cross_entropy import linear_cross_entropy, linear_nll

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@pytest.fixture(autouse=True, params=["chunked", "small by itself"])
def _size_limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test through the chunked function too, which such small problems would not need."""
    if request.param == "chunked":
        monkeypatch.setattr(layer, "SMALL_ELEMENTS", -1)


class LargestTensor(TorchDispatchMode):
    """Records the number of elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


def problem(
    rows: int, dim: int, vocab: int, bias: bool = True, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(rows + vocab)

    def draw(*shape: int) -> Tensor:
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return values.to(dtype).requires_grad_()

    targets = torch.randint(vocab, (rows,), generator=generator)
    return draw(rows, dim), draw(vocab, dim), draw(vocab) if bias else None, targets


def plain(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float = 0.0
) -> Tensor:
    logits = F.linear(inputs, weight, bias)
    return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)


def gradients(loss: Tensor, *leaves: Tensor | None) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [leaf for leaf in leaves if leaf is not None]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("rows", "chunk_size"), [(1, None), (7, 1), (7, 3), (8, 4), (7, 100), (300, None)]
)
def test_values_and_gradients_are_those_of_cross_entropy(
    rows: int, chunk_size: int | None, bias: bool, smoothing: float, dtype: torch.dtype
) -> None:
    *leaves, targets = problem(rows, 6, 11, bias, dtype)
    expected = plain(*leaves, targets, smoothing)
    loss = linear_cross_entropy(*leaves, targets, smoothing, chunk_size)
    assert loss.dtype == dtype
    assert loss.shape == ()
    torch.testing.assert_close(loss, expected, rtol=TOLERANCE[dtype] / 10, atol=0)
    for mine, other in zip(
        gradients(3 * loss, *leaves), gradients(3 * expected, *leaves), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradcheck(smoothing: float) -> None:
    inputs, weight, bias, targets = problem(5, 3, 7)

    def loss(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return linear_cross_entropy(inputs, weight, bias, targets, smoothing, chunk_size=2)

    assert torch.autograd.gradcheck(loss, (inputs, weight, bias))


def test_no_rows_have_zero_loss() -> None:
    inputs, weight, bias, targets = problem(0, 4, 9)
    loss = linear_cross_entropy(inputs, weight, bias, targets)
    assert loss.item() == 0
    d_inputs, d_weight, d_bias = gradients(loss, inputs, weight, bias)
    assert d_inputs.shape == (0, 4)
    assert not d_weight.any()
    assert not d_bias.any()


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_only_required_gradients_are_computed(wanted: int) -> None:
    *leaves, targets = problem(9, 4, 13)
    for place, leaf in enumerate(leaves):
        leaf.requires_grad_(place == wanted)
    expected = gradients(plain(*leaves, targets), leaves[wanted])
    loss = linear_cross_entropy(*leaves, targets, chunk_size=4)
    torch.testing.assert_close(gradients(loss, leaves[wanted]), expected)
    assert all(leaf.grad is None for leaf in leaves)


def test_large_logits_neither_overflow_nor_vanish() -> None:
    weight = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    inputs = torch.tensor([[500.0], [-500.0], [500.0]], requires_grad=True)
    targets = torch.tensor([0, 1, 1])
    loss = linear_cross_entropy(inputs, weight, None, targets)
    assert loss.item() == 1000
    assert gradients(loss, inputs)[0].tolist() == [[0.0], [0.0], [2.0]]


def test_backward_twice_and_accumulation_do_not_spoil_the_saved_gradients() -> None:
    inputs, weight, bias, targets = problem(6, 4, 8)
    expected = gradients(plain(inputs, weight, bias, targets), weight)[0]
    loss = linear_cross_entropy(inputs, weight, bias, targets)
    for times in (1, 2, 3):
        loss.backward(retain_graph=True)
        torch.testing.assert_close(weight.grad, times * expected)
    weight.grad.zero_()  # type: ignore[union-attr]
    loss.backward()
    torch.testing.assert_close(weight.grad, expected)


def test_a_second_derivative_is_refused() -> None:
    inputs, weight, bias, targets = problem(3, 2, 4)
    loss = linear_cross_entropy(inputs, weight, bias, targets, chunk_size=2)
    (gradient,) = torch.autograd.grad(loss, inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_under_autocast(smoothing: float) -> None:
    inputs, weight, bias, targets = problem(300, 32, 50, dtype=torch.float32)
    with torch.no_grad():
        weight.mul_(0.2)
    exact = plain(inputs, weight, bias, targets, smoothing)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = linear_cross_entropy(inputs, weight, bias, targets, smoothing, 64)
        usual = plain(inputs, weight, bias, targets, smoothing)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=5e-3, atol=0)
    leaves = (inputs, weight, bias)
    truth, ours, theirs = (gradients(each, *leaves) for each in (exact, loss, usual))
    for right, mine, other in zip(truth, ours, theirs, strict=True):
        assert mine.dtype == torch.float32
        error, usual_error = (mine - right).norm(), (other - right).norm()
        assert error <= 1.2 * usual_error  # no worse than autocast's own arithmetic
        assert error <= 0.02 * right.norm()


def test_bfloat16_parameters() -> None:
    *leaves, targets = problem(40, 16, 30, dtype=torch.bfloat16)
    loss = linear_cross_entropy(*leaves, targets, chunk_size=16)
    exact = plain(*(leaf.double() for leaf in leaves), targets)  # type: ignore[union-attr]
    torch.testing.assert_close(loss.double(), exact, rtol=2e-2, atol=0)
    assert [g.dtype for g in gradients(loss, *leaves)] == [torch.bfloat16] * 3


@pytest.mark.parametrize("training", [True, False])
def test_the_logits_of_all_rows_are_never_held(training: bool) -> None:
    rows, dim, vocab = 1300, 8, 4000
    *leaves, targets = problem(rows, dim, vocab, dtype=torch.float32)
    with LargestTensor() as usual:
        plain(*leaves, targets).backward()
    assert usual.elements == rows * vocab
    with LargestTensor() as ours, torch.set_grad_enabled(training):
        loss = linear_cross_entropy(*leaves, targets, chunk_size=50)
        if training:
            loss.backward()
    assert ours.elements <= 50 * vocab
    with LargestTensor() as by_default:
        linear_nll(*leaves, targets)
    assert by_default.elements < rows * vocab
