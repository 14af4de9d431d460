"""Each kind of attention agrees with its paper's equation, written as loops."""

import math

import pytest
import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cross_attention import CrossAttention, MultiHeadCrossAttention, build_attention

KINDS = ["additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"]
SEQUENTIAL = ["location", "coverage"]
B, T, S, SIZE = 3, 4, 6, 8
LENGTHS = (6, 2, 4)


def build(kind: str, query_dim: int = 5, memory_dim: int = 7) -> CrossAttention:
    torch.manual_seed(0)
    query_dim = memory_dim if kind == "dot" else query_dim
    return build_attention(kind, query_dim, memory_dim, size=SIZE, num_heads=2).double()


def given(kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, memory and mask."""
    torch.manual_seed(1)
    query_dim = 7 if kind == "dot" else 5
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    memory = torch.randn(B, S, 7, dtype=torch.float64).masked_fill(~mask.unsqueeze(2), 0)
    return torch.randn(B, T, query_dim, dtype=torch.float64), memory, mask


def read(
    attention: CrossAttention, queries: Tensor, memory: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Return contexts and weights of all queries, computed in order where the kind is sequential."""
    keys = attention.keys(memory)
    if not attention.sequential:
        found = attention(queries, memory, keys, mask)
        return found.context, found.weights
    past = memory.new_zeros(len(memory), 1, memory.size(1))
    contexts, weights = [], []
    for query in queries.split(1, dim=1):
        found = attention(query, memory, keys, mask, past)
        past = attention.remember(past, found.weights)
        contexts.append(found.context)
        weights.append(found.weights)
    return torch.cat(contexts, 1), torch.cat(weights, 1)


def score(attention: CrossAttention, kind: str, q: Tensor, m: Tensor, extra: Tensor) -> Tensor:
    """Return the score of one query and one memory vector by the equation."""
    p = dict(attention.named_parameters())
    if kind == "dot":
        return q @ m
    if kind == "general":
        return q @ (p["key.weight"] @ m)
    if kind == "scaled_dot":
        return (p["query.weight"] @ q) @ (p["key.weight"] @ m) / math.sqrt(SIZE)
    inside = p["query.weight"] @ q + p["key.weight"] @ m + p["key.bias"] + extra
    return p["score.weight"][0] @ torch.tanh(inside)


def inside(attention: CrossAttention, kind: str, past: Tensor, s: int) -> Tensor:
    """Return the term that the past (S,) adds at position s."""
    p = dict(attention.named_parameters())
    if kind == "coverage":
        return p["coverage.weight"][:, 0] * past[s]
    if kind != "location":
        return past.new_zeros(SIZE)
    filters = p["filters.weight"][:, 0]  # (10, 11)
    half = filters.size(1) // 2
    near = [past[s + d] if 0 <= s + d < S else past[0] * 0 for d in range(-half, half + 1)]
    return p["location.weight"] @ (filters @ torch.stack(near))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "multi_head"])
def test_the_equation(kind: str) -> None:
    attention, (queries, memory, mask) = build(kind), given(kind)
    contexts, weights = read(attention, queries, memory, mask)
    for b in range(B):
        past = memory.new_zeros(S)
        for t in range(T):
            scores = [
                score(
                    attention, kind, queries[b, t], memory[b, s], inside(attention, kind, past, s)
                )
                for s in range(LENGTHS[b])
            ]
            total = sum(one.exp() for one in scores)
            expected = torch.stack([one.exp() / total for one in scores])
            context = sum(w * m for w, m in zip(expected, memory[b], strict=False))
            real = LENGTHS[b]
            torch.testing.assert_close(weights[b, t, :real], expected)
            assert weights[b, t, real:].eq(0).all()
            torch.testing.assert_close(contexts[b, t], context)
            full = torch.cat([expected, memory.new_zeros(S - real)])
            past = past + full if kind == "coverage" else full


def test_heads_are_those_of_torch() -> None:
    attention, (queries, memory, mask) = build("multi_head", 8, 8), given("dot")
    assert isinstance(attention, MultiHeadCrossAttention)
    queries, memory = (torch.cat([part, part[:, :, :1]], 2) for part in (queries, memory))
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        both = attention.key_and_value
        theirs.in_proj_weight.copy_(torch.cat([attention.query.weight, both.weight]))
        theirs.in_proj_bias.copy_(torch.cat([attention.query.bias, both.bias]))
        theirs.out_proj.load_state_dict(attention.output.state_dict())
    expected, weights = theirs(queries, memory, memory, key_padding_mask=~mask)
    found = attention(queries, memory, attention.keys(memory), mask)
    torch.testing.assert_close(found.context, expected)
    torch.testing.assert_close(found.weights, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str) -> None:
    attention, (queries, memory, mask) = build(kind), given(kind)

    def run(rows: slice, length: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        leaf = memory[rows, :length].clone().requires_grad_()
        context, weights = read(attention, queries[rows], leaf, mask[rows, :length])
        inputs = [leaf, *attention.parameters()]
        gradients = torch.autograd.grad((context.sin().sum() + weights.cos()[..., 0].sum()), inputs)
        return context, weights, list(gradients)

    whole = run(slice(None), S)
    parts = [run(slice(row, row + 1), length) for row, length in enumerate(LENGTHS)]
    for row, (length, (context, weights, gradients)) in enumerate(zip(LENGTHS, parts, strict=True)):
        torch.testing.assert_close(whole[0][row : row + 1], context, atol=1e-5, rtol=0)
        torch.testing.assert_close(whole[1][row : row + 1, :, :length], weights)
        torch.testing.assert_close(whole[2][0][row : row + 1, :length], gradients[0])
        assert whole[1][row, :, length:].eq(0).all()
    for place in range(1, len(whole[2])):
        total = sum(part[2][place] for part in parts)
        torch.testing.assert_close(whole[2][place], total, atol=1e-5, rtol=0)
    other = memory.masked_scatter(~mask.unsqueeze(2), torch.randn_like(memory))
    again = read(attention, queries, other, mask)
    torch.testing.assert_close(again[0], whole[0])
    torch.testing.assert_close(again[1], whole[1])


@pytest.mark.parametrize("kind", KINDS)
def test_queries_at_once_are_single_queries(kind: str) -> None:
    """In a sequential kind they are the queries of a beam, each with its own past."""
    attention, (queries, memory, mask) = build(kind), given(kind)
    keys = attention.keys(memory)
    past = torch.rand(B, T, S, dtype=torch.float64) if attention.sequential else None
    at_once = attention(queries, memory, keys, mask, past)
    for t in range(T):
        before = None if past is None else past[:, t : t + 1]
        one = attention(queries[:, t : t + 1], memory, keys, mask, before)
        torch.testing.assert_close(one.context, at_once.context[:, t : t + 1])
        torch.testing.assert_close(one.weights, at_once.weights[:, t : t + 1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("half", [False, True])
def test_weights_sum_to_one_also_under_autocast(kind: str, half: bool) -> None:
    attention, (queries, memory, mask) = build(kind).float(), given(kind)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        context, weights = read(attention, queries.float(), memory.float(), mask)
    assert weights.dtype == torch.float32
    assert context.shape == (B, T, attention.output_dim)
    torch.testing.assert_close(weights.sum(2), torch.ones(B, T))
    assert (weights >= 0).all()


@pytest.mark.parametrize("kind", SEQUENTIAL)
def test_each_kind_remembers_its_past(kind: str) -> None:
    past, weights = torch.rand(2, 1, 3), torch.rand(2, 1, 3)
    expected = past + weights if kind == "coverage" else weights
    assert torch.equal(build(kind).remember(past, weights), expected)


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(UserError, match=r"5 units do not fit .* of 7; choose general"):
        build_attention("dot", 5, 7, size=8, num_heads=1)
    with pytest.raises(UserError, match="attention_size = 8 is not a multiple .* = 3"):
        build_attention("multi_head", 5, 7, size=8, num_heads=3)
    with pytest.raises(UserError, match="unknown attention 'local'"):
        build_attention("local", 5, 7, size=8, num_heads=1)
