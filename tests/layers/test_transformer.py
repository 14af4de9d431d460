"""The Transformer agrees with torch's own with copied weights, padding included."""

import math

import pytest
import torch
from torch import nn
from torch_twins import HEADS, INNER, SIZE, encoder_twin, sinusoids

from nlpseq.errors import UserError
from nlpseq.layers.self_attention import AttentionMask
from nlpseq.layers.transformer import TransformerEncoder


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str
)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("padded", [False, True])
def test_values_and_gradients_of_torch(
    padded: bool, activation: str, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(
        SIZE, SIZE, num_layers=3, num_heads=HEADS, feedforward_size=INNER, activation=activation
    )
    for parameter in encoder.parameters():  # biases and norms as after some training
        parameter.data += 0.1 * torch.randn_like(parameter)
    encoder.to(dtype)
    twin = encoder_twin(encoder, activation).to(dtype)
    lengths = torch.tensor([7, 3, 1]) if padded else torch.tensor([7, 7, 7])
    mask = torch.arange(7) < lengths.unsqueeze(1)
    inputs = torch.randn(3, 7, SIZE, dtype=dtype, requires_grad=True)
    copied = inputs.detach().clone().requires_grad_()

    outputs = encoder(inputs, mask if padded else None).outputs
    positioned = copied * math.sqrt(SIZE) + sinusoids(7).to(dtype)
    expected = twin(positioned, src_key_padding_mask=~mask if padded else None)
    expected = expected * mask.unsqueeze(2)
    torch.testing.assert_close(outputs, expected, rtol=tolerance, atol=tolerance)

    direction = torch.randn_like(outputs)
    (outputs * direction).sum().backward()
    (expected * direction).sum().backward()
    close = {"rtol": tolerance * 10, "atol": tolerance * 10}
    torch.testing.assert_close(inputs.grad * mask.unsqueeze(2), inputs.grad)
    torch.testing.assert_close(inputs.grad, copied.grad * mask.unsqueeze(2), **close)
    for mine, theirs in zip(encoder.layers, twin.layers, strict=True):
        torch.testing.assert_close(
            mine.attention.projection.weight.grad, theirs.self_attn.in_proj_weight.grad, **close
        )
        torch.testing.assert_close(
            mine.feedforward[0].weight.grad, theirs.linear1.weight.grad, **close
        )
        torch.testing.assert_close(mine.attention_norm.bias.grad, theirs.norm1.bias.grad, **close)
    torch.testing.assert_close(encoder.norm.weight.grad, twin.norm.weight.grad, **close)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_the_order_of_tokens_counts(positions: str) -> None:
    encoder = TransformerEncoder(SIZE, SIZE, num_heads=HEADS, positions=positions).eval()
    inputs = torch.randn(1, 5, SIZE)
    backwards = encoder(inputs.flip(1), None).outputs.flip(1)
    assert not torch.allclose(encoder(inputs, None).outputs, backwards, atol=1e-3)


def test_rotary_outputs_depend_on_distances_alone() -> None:
    """Hidden tokens in front change nothing."""
    encoder = TransformerEncoder(SIZE, SIZE, num_heads=HEADS, positions="rotary").double()
    layer = encoder.layers[0]
    inputs = torch.randn(1, 9, SIZE, dtype=torch.float64)
    mask = (torch.arange(9) >= 4).view(1, 1, 1, 9)
    shifted, _ = layer(inputs, AttentionMask(mask, rotation=encoder.rotation(9, inputs)))
    alone, _ = layer(inputs[:, 4:], AttentionMask(rotation=encoder.rotation(5, inputs)))
    torch.testing.assert_close(shifted[:, 4:], alone)


def test_dropout_is_for_training_only() -> None:
    encoder = TransformerEncoder(
        SIZE, SIZE, num_heads=HEADS, dropout=0.3, attention_dropout=0.3, output_dropout=0.3
    )
    inputs = torch.randn(2, 5, SIZE)
    assert not encoder(inputs, None).outputs.equal(encoder(inputs, None).outputs)
    encoder.eval()
    assert encoder(inputs, None).outputs.equal(encoder(inputs, None).outputs)


def test_dropout_applies_to_the_input_and_every_sublayer() -> None:
    encoder = TransformerEncoder(SIZE, SIZE, num_heads=HEADS, dropout=1 - 1e-6)
    for module in encoder.modules():
        if isinstance(module, nn.Linear | nn.LayerNorm):
            nn.init.normal_(module.bias)
    outputs = encoder(torch.randn(2, 5, SIZE), None).outputs
    torch.testing.assert_close(outputs, encoder.norm.bias.expand_as(outputs))


def test_attention_dropout_alone_drops() -> None:
    encoder = TransformerEncoder(SIZE, SIZE, num_heads=HEADS, attention_dropout=0.5)
    inputs = torch.randn(2, 5, SIZE)
    assert not encoder(inputs, None).outputs.equal(encoder(inputs, None).outputs)


def test_positions_that_end_name_their_key() -> None:
    encoder = TransformerEncoder(SIZE, SIZE, num_heads=HEADS, positions="learned", max_length=4)
    with pytest.raises(UserError, match="5 tokens is longer than encoder.max_length = 4"):
        encoder(torch.randn(1, 5, SIZE), None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "encoder.hidden_size = 8 is not a multiple of encoder.num_heads = 3"),
        ({"num_heads": 8, "positions": "rotary"}, "have 1 each: make it even"),
        ({"positions": "relative"}, "'relative': choose sinusoidal, learned or rotary"),
    ],
)
def test_sizes_that_do_not_fit(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TransformerEncoder(SIZE, SIZE, **options)
