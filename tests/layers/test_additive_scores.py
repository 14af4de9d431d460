"""Scores of additive attention in blocks, against the plain expression and by finite differences."""

import pytest
import torch
from torch import Tensor

from nlpseq.layers import additive_scores as module
from nlpseq.layers.additive_scores import additive_scores

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
    if transposed:  # as a recurrent sweep hands its outputs over
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
def test_of_nothing_there_are_no_scores(empty: tuple[int, int, int]) -> None:
    b, t, s = empty
    inputs = [torch.ones(shape).requires_grad_() for shape in ((b, t, A), (b, s, A), (A,))]
    found = additive_scores(*inputs)
    assert found.shape == empty
    for one in torch.autograd.grad(found.sum(), inputs):
        assert not one.any()


def test_nothing_overflows() -> None:
    queries = torch.tensor([[[1e4], [-1e4], [1e30]]])
    keys = torch.tensor([[[1e4], [-1e4], [0.5]]])
    vector = torch.tensor([2.0])
    torch.testing.assert_close(additive_scores(queries, keys, vector), plain(queries, keys, vector))


def test_autocast_leaves_the_scores_in_the_vectors_type() -> None:
    queries, keys, vector = given(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = additive_scores(queries.bfloat16(), keys.bfloat16(), vector)
    assert narrow.dtype == torch.float32
    rounded = plain(queries.bfloat16().float(), keys.bfloat16().float(), vector)
    torch.testing.assert_close(narrow, rounded)
    narrow.sum().backward()
    assert all(
        leaf.grad is not None and leaf.grad.isfinite().all() for leaf in (queries, keys, vector)
    )
