"""Convolutional encoders: a vector for each token; max over time is left to pooling.

A convolution is computed by its definition: the tokens of each window side by side, times a matrix. On a CPU that
takes half the time of `conv1d`, which needs time as the last dimension. Padding is set to zero before each
convolution, because windows reach into it.

Dropout draws one mask for each sequence: a filter is dropped everywhere or nowhere. Before max over time this equals
the dropout of the pooled vector in Kim (2014), section 2.1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.feedforward import build_activation, initialize_before
from nlpseq.layers.normalization import build_normalization
from nlpseq.types import EncoderOutput, State


class Convolution(nn.Module):
    """Filters over `width` tokens, `dilation` apart, around each token.  Kim (2014), equation 2.

    Both ends are padded with zeros. The window of an even width reaches one token further to the right.
    """

    def __init__(self, input_size: int, hidden_size: int, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.width = width
        self.dilation = dilation
        self.linear = nn.Linear(width * input_size, hidden_size)

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the filters: (B, T, D), zero at padding -> (B, T, H)."""
        reach = self.dilation * (self.width - 1)
        left = self.dilation * ((self.width - 1) // 2)
        padded = F.pad(inputs, (0, 0, left, reach - left))  # (B, T + reach, D)
        starts = range(0, reach + 1, self.dilation)
        shifted = [padded[:, start : start + inputs.shape[1]] for start in starts]
        filtered: Tensor = self.linear(torch.cat(shifted, dim=2))  # (B, T, H)
        return filtered


class ConvolutionalLayer(nn.Module):
    """Normalization, filters of several widths side by side, activation, dropout, residual."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        widths: tuple[int, ...],
        activation: str,
        dropout: float,
        residual: bool,
        normalization: str,
    ) -> None:
        super().__init__()
        self.normalization = build_normalization(normalization, input_size)
        self.convolutions = nn.ModuleList(
            Convolution(input_size, hidden_size, width) for width in widths
        )
        self.activation = build_activation(activation)
        self.dropout = LockedDropout(dropout)
        self.residual = residual
        for convolution in self.convolutions:
            assert isinstance(convolution, Convolution)  # for the type checker
            initialize_before(activation, convolution.linear)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Apply the layer: (B, T, D), anything at padding -> (B, T, output_dim), undefined at padding."""
        normalized = without_padding(self.normalization(inputs, mask), mask)
        filtered = [convolution(normalized) for convolution in self.convolutions]
        outputs: Tensor = self.dropout(self.activation(torch.cat(filtered, dim=2)))
        return inputs + outputs if self.residual else outputs


class ConvolutionalEncoder(Encoder):
    """Filters of several widths, in one layer or several.  Kim (2014).

    Args:
        input_size: D, components of an input vector.
        hidden_size: filters of each width; `output_dim` is `len(widths)` times that.
        widths: tokens that each filter sees.
        num_layers: layers in the stack.
        activation: "tanh", "relu", "leaky_relu" or "gelu".
        dropout: dropout between layers.
        output_dropout: dropout of the last layer's output.
        residual: add each layer's input to its output where the sizes agree.
        normalization: "none", "layer" or "batch", of each layer's input.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        widths: tuple[int, ...] = (3, 4, 5),
        num_layers: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        residual: bool = False,
        normalization: str = "none",
    ) -> None:
        super().__init__()
        self.output_dim = len(widths) * hidden_size
        layers = []
        for depth in range(num_layers):
            size = input_size if depth == 0 else self.output_dim
            layers.append(
                ConvolutionalLayer(
                    size,
                    hidden_size,
                    widths=widths,
                    activation=activation,
                    dropout=output_dropout if depth == num_layers - 1 else dropout,
                    residual=residual and size == self.output_dim,
                    normalization=normalization,
                )
            )
        self.layers = nn.ModuleList(layers)

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode inputs (B, T, D): outputs (B, T, output_dim), zero at padding, and no state."""
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs, mask)
        return EncoderOutput(without_padding(outputs, mask), ())


class DilatedEncoder(Encoder):
    """Iterated dilated convolutions: one block of layers, applied several times.

    Strubell et al. (2017), section 4, without the loss on the output of each iteration. As in the authors' code the
    block's filters start as the identity (Yu and Koltun 2016, section 3).

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, filters of each layer.
        width: tokens that each filter sees.
        dilations: distance between these tokens, for each layer of the block.
        iterations: how often the block is applied, with the same parameters.
        activation: "tanh", "relu", "leaky_relu" or "gelu".
        dropout: dropout of the input of each iteration.
        output_dropout: dropout of the output.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        width: int = 3,
        dilations: tuple[int, ...] = (1, 2, 1),
        iterations: int = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_size
        self.iterations = iterations
        self.initial = Convolution(input_size, hidden_size, width)
        self.block = nn.ModuleList(
            Convolution(hidden_size, hidden_size, width, dilation) for dilation in dilations
        )
        self.activation = build_activation(activation)
        self.dropout = LockedDropout(dropout)
        self.output_dropout = LockedDropout(output_dropout)
        initialize_before(activation, self.initial.linear)
        for convolution in self.block:
            assert isinstance(convolution, Convolution)  # for the type checker
            _start_as_identity(convolution)

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode inputs (B, T, D): outputs (B, T, H), zero at padding, and no state."""
        outputs = self.activation(self.initial(without_padding(inputs, mask)))  # (B, T, H)
        for _ in range(self.iterations):
            outputs = self.dropout(outputs)
            for convolution in self.block:
                outputs = self.activation(convolution(without_padding(outputs, mask)))
        return EncoderOutput(without_padding(self.output_dropout(outputs), mask), ())


@torch.no_grad()
def _start_as_identity(convolution: Convolution) -> None:
    """Make a convolution copy the token in the middle of its window."""
    weight, size = convolution.linear.weight, convolution.linear.out_features
    middle = (convolution.width - 1) // 2 * size
    nn.init.zeros_(weight)
    nn.init.zeros_(convolution.linear.bias)
    nn.init.eye_(weight[:, middle : middle + size])
