"""Layers of a Transformer decoder agree with torch's own with copied weights, also with a cache."""

import math

import pytest
import torch
from torch import Tensor
from torch_twins import HEADS, INNER, SIZE, decoder_twin, sinusoids

from nlpseq.layers.transformer_decoder import TransformerDecoderStack
from nlpseq.types import SentenceRows

MEMORY = 10


def make(memory_dim: int = SIZE, **options: object) -> TransformerDecoderStack:
    torch.manual_seed(0)
    stack = TransformerDecoderStack(
        SIZE,
        SIZE,
        memory_dim,
        num_layers=3,
        num_heads=HEADS,
        feedforward_size=INNER,
        **options,  # type: ignore[arg-type]
    )
    for parameter in stack.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return stack


def rows_of(*counts: int) -> SentenceRows:
    return SentenceRows.of(torch.tensor(counts), sum(counts))


def sides(dtype: torch.dtype, memory_dim: int = SIZE) -> tuple[Tensor, Tensor, Tensor]:
    """Draw targets (3, 7, H), memories (3, 5, M) and their mask."""
    targets = torch.randn(3, 7, SIZE, dtype=dtype, requires_grad=True)
    memory = torch.randn(3, 5, memory_dim, dtype=dtype, requires_grad=True)
    return targets, memory, torch.arange(5) < torch.tensor([[5], [2], [1]])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str
)
def test_values_and_gradients_of_torch(dtype: torch.dtype, tolerance: float) -> None:
    stack = make().to(dtype)
    twin = decoder_twin(stack).to(dtype)
    targets, memory, mask = sides(dtype)
    copies = [one.detach().clone().requires_grad_() for one in (targets, memory)]
    outputs, attended, _ = stack(
        targets, stack.keys(memory), mask, rows_of(1, 1, 1), stack.initial_state(3)
    )
    expected = twin(
        copies[0] * math.sqrt(SIZE) + sinusoids(7).to(dtype),
        copies[1],
        tgt_mask=torch.ones(7, 7, dtype=torch.bool).triu(1),
        memory_key_padding_mask=~mask,
    )
    close = {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(outputs, expected, **close)
    direction = torch.randn_like(outputs)
    (outputs * direction).sum().backward()
    (expected * direction).sum().backward()
    close = {"rtol": tolerance * 10, "atol": tolerance * 10}
    torch.testing.assert_close(targets.grad, copies[0].grad, **close)
    torch.testing.assert_close(memory.grad, copies[1].grad, **close)
    for mine, theirs in zip(stack.layers, twin.layers, strict=True):
        query, both = (part.weight.grad for part in (mine.cross.query, mine.cross.key_and_value))
        torch.testing.assert_close(
            torch.cat([query, both]), theirs.multihead_attn.in_proj_weight.grad, **close
        )
        torch.testing.assert_close(mine.cross_norm.bias.grad, theirs.norm2.bias.grad, **close)


@torch.no_grad()
def test_weights_are_those_of_torchs_last_layer() -> None:
    stack = make().double().eval()
    twin = decoder_twin(stack).double().eval()
    targets, memory, mask = sides(torch.float64)
    inputs_of_last: list[Tensor] = []
    last = twin.layers[-1].multihead_attn
    last.register_forward_pre_hook(lambda _, inputs: inputs_of_last.append(inputs[0]))
    _, attended, _ = stack(
        targets, stack.keys(memory), mask, rows_of(1, 1, 1), stack.initial_state(3)
    )
    twin(
        targets * math.sqrt(SIZE) + sinusoids(7),
        memory,
        tgt_mask=torch.ones(7, 7, dtype=torch.bool).triu(1),
        memory_key_padding_mask=~mask,
    )
    _, expected = last(inputs_of_last[0], memory, memory, key_padding_mask=~mask)
    torch.testing.assert_close(attended.weights, expected)
    assert attended.weights[1, :, 2:].eq(0).all()


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
@torch.no_grad()
def test_hypotheses_read_token_by_token(positions: str) -> None:
    """Rows of one sentence are adjacent, and the memory has another width."""
    stack = make(MEMORY, positions=positions, max_length=7).double().eval()
    _, memory, mask = sides(torch.float64, MEMORY)
    targets, rows = torch.randn(6, 7, SIZE, dtype=torch.float64), rows_of(2, 1, 3)
    alone, each = rows_of(1, 1, 1, 1, 1, 1), rows.sentences
    expected, attended, _ = stack(
        targets, stack.keys(memory[each]), mask[each], alone, stack.initial_state(6)
    )
    keys, state = stack.keys(memory), stack.initial_state(6)
    for t in range(7):
        found = stack(targets[:, t : t + 1], keys, mask, rows, state)
        state = found.state
        torch.testing.assert_close(found.outputs[:, 0], expected[:, t])
        torch.testing.assert_close(found.attended.weights[:, 0], attended.weights[:, t])
    assert state[1].shape == (6, 7, 2 * SIZE)


def test_dropout_is_for_training_only_and_attention_has_its_own() -> None:
    for options in ({"dropout": 0.3}, {"attention_dropout": 0.3}, {"output_dropout": 0.3}):
        stack = make(**options)
        targets, memory, mask = sides(torch.float32)
        keys, rows, state = stack.keys(memory), rows_of(1, 1, 1), stack.initial_state(3)
        one, other = (stack(targets, keys, mask, rows, state).outputs for _ in range(2))
        assert not one.equal(other)
        stack.eval()
        one, other = (stack(targets, keys, mask, rows, state).outputs for _ in range(2))
        assert one.equal(other)
