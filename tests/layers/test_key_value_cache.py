"""A causal Transformer agrees with torch's masked one, in windows, token by token and padded."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch_twins import HEADS, INNER, SIZE, encoder_twin

from nlpseq.errors import UserError
from nlpseq.layers.positions import Rotation
from nlpseq.layers.transformer import TransformerEncoder
from nlpseq.types import State, select


class Unturned(TransformerEncoder):
    """Attention without positions, like torch's layers."""

    def rotation(self, length: int, like: Tensor) -> Rotation | None:
        return None


def make(context: int, kind: type[TransformerEncoder] = TransformerEncoder, depth: int = 2):
    torch.manual_seed(0)
    encoder = kind(
        SIZE,
        SIZE,
        num_heads=HEADS,
        num_layers=depth,
        feedforward_size=INNER,
        positions="rotary",
        context=context,
    )
    for parameter in encoder.parameters():  # biases and norms as after some training
        parameter.data += 0.1 * torch.randn_like(parameter)
    return encoder.double().eval()


def texts(batch: int = 3, length: int = 11) -> Tensor:
    return torch.randn(batch, length, SIZE, dtype=torch.float64, requires_grad=True)


def in_windows(encoder: TransformerEncoder, inputs: Tensor, *cuts: int) -> tuple[Tensor, State]:
    state, parts = encoder.initial_state(len(inputs)), []
    for begin, end in pairwise([0, *cuts, inputs.size(1)]):
        outputs, state = encoder(inputs[:, begin:end], None, state)
        parts.append(outputs)
    return torch.cat(parts, 1), state


@pytest.mark.parametrize("context", [1, 2, 5, 11, 40])
def test_values_and_gradients_of_torch_with_a_mask(context: int) -> None:
    encoder = make(context, Unturned, depth=3)
    twin = encoder_twin(encoder, "gelu").double()
    distances = torch.arange(11).unsqueeze(1) - torch.arange(11)
    unseen = (distances < 0) | (distances >= context)
    inputs = texts()
    copied = inputs.detach().clone().requires_grad_()
    outputs = encoder(inputs, None).outputs
    expected = twin(copied * math.sqrt(SIZE), mask=unseen)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(outputs, expected, **close)
    direction = torch.randn_like(outputs)
    (outputs * direction).sum().backward()
    (expected * direction).sum().backward()
    torch.testing.assert_close(inputs.grad, copied.grad, **close)
    for mine, theirs in zip(encoder.layers, twin.layers, strict=True):
        torch.testing.assert_close(
            mine.attention.projection.weight.grad, theirs.self_attn.in_proj_weight.grad, **close
        )


@pytest.mark.parametrize("context", [1, 3, 11])
@torch.no_grad()
def test_a_token_of_one_layer_is_the_last_of_its_own_context(context: int) -> None:
    """Tokens before the context have no effect, with rotary positions too."""
    encoder, inputs = make(context, depth=1), texts()
    whole = TransformerEncoder(
        SIZE, SIZE, num_heads=HEADS, num_layers=1, feedforward_size=INNER, positions="rotary"
    ).double()
    whole.load_state_dict(encoder.state_dict())
    outputs = encoder(inputs, None).outputs
    for t in range(11):
        seen = inputs[:, max(0, t + 1 - context) : t + 1]
        torch.testing.assert_close(outputs[:, t], whole(seen, None).outputs[:, -1])


@pytest.mark.parametrize("context", [1, 2, 4, 11, 40])
@pytest.mark.parametrize("cuts", [(1,), (10,), (3, 4), (4, 8), tuple(range(1, 11))])
@torch.no_grad()
def test_windows_and_steps_agree_with_reading_at_once(context: int, cuts: tuple[int, ...]) -> None:
    encoder, inputs = make(context), texts()
    expected, last = encoder(inputs, None)
    found, state = in_windows(encoder, inputs, *cuts)
    torch.testing.assert_close(found, expected)
    assert len(state) == 1 + len(encoder.layers)
    for one, other in zip(state, last, strict=True):
        assert one.shape[0] == 3
        torch.testing.assert_close(one, other)
    state = encoder.initial_state(3)
    for t in range(11):
        outputs, state = encoder.step(inputs[:, t], state)
        torch.testing.assert_close(outputs, expected[:, t])
        assert state[1].shape == (3, min(t + 1, context - 1), 2 * SIZE)


@torch.no_grad()
def test_tokens_outside_the_context_change_nothing() -> None:
    encoder, inputs = make(3), texts()
    expected = encoder(inputs, None).outputs
    for place in range(11):
        changed = inputs.clone()
        changed[:, place] = torch.randn(SIZE)
        moved = (encoder(changed, None).outputs - expected).abs().amax((0, 2)) > 1e-12
        reach = 2 * (3 - 1)  # of two layers
        assert moved.tolist() == [place <= t <= place + reach for t in range(11)]


@pytest.mark.parametrize("context", [1, 3, 6, 40])
@torch.no_grad()
def test_the_state_of_padded_rows_is_that_of_each_alone(context: int) -> None:
    encoder, inputs = make(context), texts()
    mask = torch.arange(11) < torch.tensor([[4], [11], [1]])
    garbage = inputs.masked_fill(~mask.unsqueeze(2), 1e4)
    outputs, state = encoder(garbage, mask)
    state, following = select(state, torch.tensor([2, 0, 1, 1])), texts(4, 9)  # as in a beam
    again = torch.arange(6) < torch.tensor([[6], [2], [6], [5]])
    second, state = encoder(following[:, :6], again, state)
    stepped, _ = encoder.step(following[:, 8], state)
    for row, (source, length) in enumerate([(2, 1), (0, 4), (1, 11), (1, 11)]):
        count = int(again[row].sum())
        own = [inputs[source, :length], following[row, :count], following[row, 8:]]
        expected = encoder(torch.cat(own).unsqueeze(0), None).outputs[0]
        torch.testing.assert_close(outputs[source, :length], expected[:length])
        torch.testing.assert_close(second[row, :count], expected[length : length + count])
        torch.testing.assert_close(stepped[row], expected[-1])


def test_a_detached_state_has_no_graph_and_a_carried_one_has() -> None:
    encoder, inputs = make(5), texts()
    _, state = encoder(inputs[:, :6], None)
    encoder(inputs[:, 6:], None, state).outputs.sum().backward()
    assert inputs.grad is not None
    assert inputs.grad[:, 2:6].ne(0).any()


def test_added_positions_have_no_moving_context() -> None:
    for kind in ("sinusoidal", "learned"):
        with pytest.raises(UserError, match=f"encoder.positions = {kind}: .* needs rotary"):
            TransformerEncoder(SIZE, SIZE, num_heads=HEADS, positions=kind, context=4)
