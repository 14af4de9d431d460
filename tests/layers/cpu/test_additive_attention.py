"""Scores of additive attention in blocks agree with the plain expression and finite differences."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nlpseq.layers.cpu import additive_attention as module
from nlpseq.layers.cpu.additive_attention import additive_scores

B, T, S, A = 3, 5, 4, 6
ONE_PAIR, SOME_QUERIES, SOME_SENTENCES, ALL = 1, 2 * S * A, 2 * T * S * A, 2**18


def given(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    shapes = ((B, T, A), (B, S, A), (A,))
    queries, keys, vector = (torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes)
    return queries, keys, vector


def plain(queries: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
    return (queries.unsqueeze(2) + keys.unsqueeze(1)).tanh() @ vector


@pytest.mark.parametrize("block", [ONE_PAIR, SOME_QUERIES, SOME_SENTENCES, ALL])
@pytest.mark.parametrize("transposed", [False, True])
def test_scores_and_gradients_do_not_depend_on_blocks(
    block: int, transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", block)
    inputs = given()
    queries = inputs[0]
    if transposed:  # the layout of outputs from a recurrent sweep
        queries = queries.transpose(0, 1).contiguous().transpose(0, 1)
    expected = plain(*inputs)
    found = additive_scores(queries, *inputs[1:])
    torch.testing.assert_close(found, expected)
    grad = torch.randn(B, T, S, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad(found, inputs, grad),
        torch.autograd.grad(expected, inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert torch.autograd.gradcheck(additive_scores, inputs)


@pytest.mark.parametrize("empty", [(0, T, S), (B, 0, S), (B, T, 0)])
def test_empty_inputs_have_no_scores(empty: tuple[int, int, int]) -> None:
    b, t, s = empty
    inputs = [torch.ones(shape).requires_grad_() for shape in ((b, t, A), (b, s, A), (A,))]
    found = additive_scores(*inputs)
    assert found.shape == empty
    for one in torch.autograd.grad(found.sum(), inputs):
        assert not one.any()


def test_a_single_query_has_the_same_scores_and_gradients() -> None:
    queries, *others = given()
    inputs = (queries[:, :1].detach().requires_grad_(), *others)
    torch.testing.assert_close(additive_scores(*inputs), plain(*inputs))
    assert torch.autograd.gradcheck(additive_scores, inputs)


FACTORS, TERMS = "_sigmoids_of_factors", "_sigmoids_of_terms"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("of_queries", "of_keys", "way"),
    [
        (1, -1, FACTORS),
        (43.5, -43.5, FACTORS),
        (43.5, 43.5, FACTORS),
        (44.5, -43.5, TERMS),
        (43.5, -44.5, TERMS),
        (44.5, -44.5, TERMS),
        (44.5, 0, TERMS),
        (0, 44.5, TERMS),
    ],
)
def test_both_forms_of_the_sigmoid_are_accurate(
    of_queries: float, of_keys: float, way: str, sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 the factors underflow at 43.67 and overflow at -44.36."""
    ways = []

    def noted(name: str, make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*operands: Tensor) -> Tensor:
            ways.append(name)
            return make(*operands)

        return call

    for name in (FACTORS, TERMS):
        monkeypatch.setattr(module, name, noted(name, getattr(module, name)))
    inputs = given(torch.float32)
    with torch.no_grad():
        for part, shift in zip(inputs[:2], (of_queries, of_keys), strict=True):
            part.mul_(0.02).add_(sign * shift)
    exact = [part.detach().double().requires_grad_() for part in inputs]
    found, expected = additive_scores(*inputs), plain(*exact)
    grad = torch.randn(B, T, S)
    ours = torch.autograd.grad(found, inputs, grad)
    theirs = torch.autograd.grad(expected, exact, grad.double())
    for one, other in zip((found, *ours), (expected, *theirs), strict=True):
        torch.testing.assert_close(one.double(), other, atol=2e-5, rtol=1e-5)
    assert set(ways) == {way}


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float16, 0.02), (torch.bfloat16, 0.15)])
@pytest.mark.parametrize("scale", [1, 10])  # float16 leaves its range near 5
def test_narrow_types(dtype: torch.dtype, digits: float, scale: int) -> None:
    queries, keys, vector = (part.detach().to(dtype) for part in given())
    queries, keys = scale * queries, scale * keys
    found = additive_scores(queries, keys, vector)
    assert found.dtype == dtype
    expected = plain(queries.double(), keys.double(), vector.double())
    torch.testing.assert_close(found.double(), expected, atol=digits, rtol=digits)


def test_nan_is_propagated() -> None:
    queries, keys, vector = (part.detach() for part in given())
    queries[0, 0, 0] = torch.nan
    scores = additive_scores(queries, keys, vector)
    assert scores[0, 0].isnan().all()
    assert not scores[1:].isnan().any()


def test_nothing_overflows() -> None:
    queries = torch.tensor([[[1e4], [-1e4], [1e30]]])
    keys = torch.tensor([[[1e4], [-1e4], [0.5]]])
    vector = torch.tensor([2.0])
    torch.testing.assert_close(additive_scores(queries, keys, vector), plain(queries, keys, vector))


def test_autocast_keeps_the_type_of_the_vectors() -> None:
    queries, keys, vector = given(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = additive_scores(queries.bfloat16(), keys.bfloat16(), vector)
    assert narrow.dtype == torch.float32
    rounded = plain(queries.bfloat16().float(), keys.bfloat16().float(), vector)
    torch.testing.assert_close(narrow, rounded)
    leaves = (queries, keys, vector)
    expected = torch.autograd.grad(rounded.square().sum(), leaves)
    loss = narrow.square().sum()
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(loss, leaves)
    torch.testing.assert_close(found[2], expected[2], atol=1e-4, rtol=1e-5)
    for one, other in zip(found[:2], expected[:2], strict=True):  # rounded in the backward pass
        torch.testing.assert_close(one, other, atol=0.1, rtol=0.01)
