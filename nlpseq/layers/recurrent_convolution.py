"""The recurrent convolutional network: each word between its left and its right context.

Lai et al. (2015), equations 1 to 4; the max over time of their equation 5 is the pooling's work.

    c_l(w_i) = f(W_l c_l(w_{i-1}) + W_sl e(w_{i-1}))     the words in front of w_i, without w_i
    c_r(w_i) = f(W_r c_r(w_{i+1}) + W_sr e(w_{i+1}))     the words behind it, without it
    y_i      = tanh(W [c_l(w_i); e(w_i); c_r(w_i)] + b)

So a context is the output of a cell, one token late. The contexts of the first and of the last word are
learnt, as in the paper; they start at zero.
"""

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.activations import build_activation, initialize_before
from nlpseq.layers.cells import Cell, GRUCell, LSTMCell, RecurrentCell, RNNCell
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.padding import Padding, reverse
from nlpseq.types import EncoderOutput, State

CELLS: dict[str, type[RecurrentCell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}


class Context(nn.Module):
    """What a cell knows in front of each token.

    Args:
        cell: reads the tokens.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.first = nn.Parameter(torch.zeros(cell.num_states, cell.hidden_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, C); the context of token t depends on tokens 0 to t - 1."""
        before = tuple(part.expand(len(inputs), -1) for part in self.first)  # of (B, C)
        outputs, _ = self.cell.sweep(inputs, before)
        return torch.cat([before[0].unsqueeze(1).to(outputs.dtype), outputs[:, :-1]], dim=1)


class RecurrentConvolutionalEncoder(Encoder):
    """Joins each word to its contexts.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units of the layer that joins the three.
        cell: "rnn", "gru" or "lstm", reads the contexts.
        context_size: C, units of a context.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of the joining layer.
        dropout: of the three, joined.
        output_dropout: of what comes out.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "rnn",
        context_size: int = 100,
        activation: str = "tanh",
        dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_size
        if cell not in CELLS:
            raise UserError(f"unknown cell {cell!r}: choose {', '.join(CELLS)}")
        self.left = Context(CELLS[cell](input_size, context_size))
        self.right = Context(CELLS[cell](input_size, context_size))
        self.linear = nn.Linear(2 * context_size + input_size, hidden_size)
        self.activation = build_activation(activation)
        self.dropout = LockedDropout(dropout)
        self.output_dropout = LockedDropout(output_dropout)
        initialize_before(activation, self.linear)

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Inputs (B, T, D) -> outputs (B, T, H), zero at padding, and no state."""
        padding = None if mask is None else Padding.of(mask)
        left = self.left(inputs)
        right = reverse(self.right(reverse(inputs, padding)), padding)
        joined = self.dropout(torch.cat([left, inputs, right], dim=2))  # (B, T, 2C + D)
        outputs = self.output_dropout(self.activation(self.linear(joined)))  # (B, T, H)
        return EncoderOutput(without_padding(outputs, mask), ())
