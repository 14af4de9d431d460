"""The recurrent convolutional network: each word between its left and right contexts.

Lai et al. (2015), equations 1 to 4; the max over time of their equation 5 is left to pooling.

    c_l(w_i) = f(W_l c_l(w_{i-1}) + W_sl e(w_{i-1}))     the words before w_i, without w_i
    c_r(w_i) = f(W_r c_r(w_{i+1}) + W_sr e(w_{i+1}))     the words after it, without it
    y_i      = tanh(W [c_l(w_i); e(w_i); c_r(w_i)] + b)

A context is the output of a cell, shifted by one token. The contexts of the first and the last word are learned, as
in the paper, and start at zero.
"""

import torch
from torch import Tensor, nn

from nlpseq.layers.cells import Cell, build_cell
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.feedforward import build_activation, initialize_before
from nlpseq.layers.initialization import initialize
from nlpseq.layers.padding import Padding, reverse
from nlpseq.types import EncoderOutput, State


class Context(nn.Module):
    """The context before each token: the previous output of a cell.

    Args:
        cell: runs over the tokens.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.first = nn.Parameter(torch.zeros(cell.num_states, cell.hidden_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return contexts: (B, T, D) -> (B, T, C); that of token t depends on tokens 0 to t - 1."""
        before = tuple(part.repeat(inputs.size(0), 1) for part in self.first)  # of (B, C)
        outputs, _ = self.cell.sweep(inputs, before)
        return torch.cat([before[0].unsqueeze(1).to(outputs.dtype), outputs[:, :-1]], dim=1)


class RecurrentConvolutionalEncoder(Encoder):
    """An encoder that joins each word with its contexts.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units of the layer that joins the three.
        cell: kind of the two cells that compute the contexts.
        kernel: "auto" runs the cell's fast kernels, "equations" its readable equations.
        context_size: C, units of a context.
        activation: "tanh", "relu", "leaky_relu" or "gelu", after the joining layer.
        dropout: dropout of word and contexts.
        output_dropout: dropout of the output.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "rnn",
        kernel: str = "auto",
        context_size: int = 100,
        activation: str = "tanh",
        dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_size
        self.left = Context(build_cell(cell, input_size, context_size, kernel=kernel))
        self.right = Context(build_cell(cell, input_size, context_size, kernel=kernel))
        self.linear = nn.Linear(2 * context_size + input_size, hidden_size)
        self.activation = build_activation(activation)
        self.dropout = LockedDropout(dropout)
        self.output_dropout = LockedDropout(output_dropout)
        initialize_before(activation, self.linear)
        initialize(self, "orthogonal", forget_bias=1.0)

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode inputs (B, T, D): outputs (B, T, H), zero at padding, and no state."""
        padding = None if mask is None else Padding.of(mask)
        left = self.left(inputs)
        right = reverse(self.right(reverse(inputs, padding)), padding)
        joined = self.dropout(torch.cat([left, inputs, right], dim=2))  # (B, T, 2C + D)
        outputs = self.output_dropout(self.activation(self.linear(joined)))  # (B, T, H)
        return EncoderOutput(without_padding(outputs, mask), ())
