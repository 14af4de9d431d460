"""Convolutions agree with loops over windows, with torch's own and with contexts made by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlpseq.layers.convolution import Convolution, ConvolutionalEncoder, DilatedEncoder


def by_hand(convolution: Convolution, row: Tensor) -> Tensor:
    """Compute outputs window by window: (T, D) -> (T, H)."""
    width, dilation = convolution.width, convolution.dilation
    weight = convolution.linear.weight.unflatten(1, (width, -1))  # (H, width, D)
    filtered = []
    for t in range(len(row)):
        total = convolution.linear.bias
        for tap in range(width):
            place = t + (tap - (width - 1) // 2) * dilation
            if 0 <= place < len(row):
                total = total + weight[:, tap] @ row[place]
        filtered.append(total)
    return torch.stack(filtered)


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_every_window_of_any_width_and_dilation(width: int, dilation: int, length: int) -> None:
    convolution = Convolution(3, 4, width, dilation)
    inputs = torch.randn(2, length, 3)
    outputs = convolution(inputs)
    assert outputs.shape == (2, length, 4)
    for row in range(2):
        torch.testing.assert_close(
            outputs[row], by_hand(convolution, inputs[row]), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(("width", "dilation"), [(3, 1), (5, 3)])
def test_values_and_gradients_of_conv1d(width: int, dilation: int) -> None:
    convolution = Convolution(3, 4, width, dilation).double()
    weight = convolution.linear.weight.detach().unflatten(1, (width, 3)).transpose(1, 2)
    weight = weight.contiguous().requires_grad_()  # (H, D, width)
    inputs = torch.randn(2, 9, 3, dtype=torch.float64, requires_grad=True)
    twin = inputs.detach().clone().requires_grad_()
    outputs = convolution(inputs)
    expected = F.conv1d(
        twin.transpose(1, 2), weight, convolution.linear.bias, dilation=dilation, padding="same"
    ).transpose(1, 2)
    torch.testing.assert_close(outputs, expected)
    direction = torch.randn_like(outputs)
    (outputs * direction).sum().backward()
    (expected * direction).sum().backward()
    torch.testing.assert_close(inputs.grad, twin.grad)
    gradient = convolution.linear.weight.grad.unflatten(1, (width, 3)).transpose(1, 2)
    torch.testing.assert_close(gradient, weight.grad)


def test_widths_are_concatenated() -> None:
    encoder = ConvolutionalEncoder(3, 4, widths=(2, 3), activation="tanh")
    inputs = torch.randn(2, 6, 3)
    outputs = encoder(inputs, None).outputs
    assert encoder.output_dim == outputs.shape[2] == 8
    for half, convolution in zip(
        outputs.chunk(2, dim=2), encoder.layers[0].convolutions, strict=True
    ):
        torch.testing.assert_close(half[1], torch.tanh(by_hand(convolution, inputs[1])))


def test_a_residual_is_added_where_sizes_agree() -> None:
    encoder = ConvolutionalEncoder(3, 4, widths=(3, 5), num_layers=3, residual=True)
    assert [layer.residual for layer in encoder.layers] == [False, True, True]
    for layer in encoder.layers[1:]:
        for convolution in layer.convolutions:
            nn.init.zeros_(convolution.linear.weight)
    inputs = torch.randn(2, 6, 3)
    torch.testing.assert_close(encoder(inputs, None).outputs, encoder.layers[0](inputs, None))


def test_dropout_of_filters_before_the_maximum_is_dropout_of_the_maximum() -> None:
    torch.manual_seed(0)
    encoder = ConvolutionalEncoder(3, 50, widths=(3,), output_dropout=0.5)
    inputs = torch.randn(4, 6, 3)
    dropped = encoder(inputs, None).outputs.amax(1)
    whole = encoder.eval()(inputs, None).outputs.amax(1)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * whole[kept])
    assert 0.3 < kept[whole > 0].float().mean() < 0.7


def test_the_dilated_block_is_applied_again_with_the_same_parameters() -> None:
    encoder = DilatedEncoder(3, 4, dilations=(1, 2), iterations=2, activation="tanh")
    for parameter in encoder.parameters():
        nn.init.normal_(parameter)
    row = torch.randn(7, 3)
    expected = torch.tanh(by_hand(encoder.initial, row))
    for convolution in [*encoder.block, *encoder.block]:
        expected = torch.tanh(by_hand(convolution, expected))
    torch.testing.assert_close(
        encoder(row.unsqueeze(0), None).outputs[0], expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(("width", "left", "right"), [(3, 9, 9), (2, 0, 9)])
def test_the_dilated_encoder_sees_as_far_as_its_dilations_add_up_to(
    width: int, left: int, right: int
) -> None:
    """The first layer adds one step on each side, and each of two iterations 1 + 2 + 1."""
    encoder = DilatedEncoder(3, 4, width=width, iterations=2, activation="tanh").double()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    inputs = torch.randn(1, 41, 3, dtype=torch.float64, requires_grad=True)
    encoder(inputs, None).outputs[0, 20].sum().backward()
    seen = inputs.grad[0].abs().sum(1).nonzero().flatten()
    assert (seen.min().item(), seen.max().item()) == (20 - left, 20 + right)


@pytest.mark.parametrize("width", [2, 3])
def test_the_block_starts_as_the_identity(width: int) -> None:
    encoder = DilatedEncoder(3, 4, width=width, iterations=3)
    inputs = torch.randn(2, 6, 3)
    first = encoder.activation(encoder.initial(inputs))
    torch.testing.assert_close(encoder(inputs, None).outputs, first)
