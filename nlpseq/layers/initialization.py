"""Initializations by name, applied to each gate of each cell in a module.

    default     torch's: U(-1/sqrt(H), 1/sqrt(H))
    uniform     U(-bound, bound), 0.1 in Zaremba et al. (2014)
    xavier      Glorot and Bengio (2010), uniform, inputs and recurrence
    he          He et al. (2015), normal, inputs and recurrence
    orthogonal  orthogonal recurrence (Saxe et al. 2014), Xavier inputs
    identity    identity recurrence, small inputs, for ReLU RNNs (Le et al. 2015)

Each gate is drawn as a separate matrix: fan-in and fan-out are those of one gate, not of the stacked gates. Biases
start at zero, except with the first two.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cells import Cell, RecurrentCell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cells.rnn import RNNCell

SCHEMES = ("default", "uniform", "xavier", "he", "orthogonal", "identity")

Draw = Callable[[Tensor], Tensor]
Nonlinearity = Literal["linear", "tanh", "relu"]


@torch.no_grad()
def initialize(
    module: nn.Module,
    scheme: str = "default",
    *,
    forget_bias: float | None = None,
    nonlinearity: Nonlinearity = "relu",
    bound: float = 0.1,
) -> None:
    """Draw the weights of each cell in `module`, in place.

    Args:
        module: an encoder, a decoder or a cell.
        scheme: one of `SCHEMES`.
        forget_bias: sum of the two biases of an LSTM's forget gate (Jozefowicz et al. 2015 recommend 1); None
            leaves them as drawn. Other cells are not changed.
        nonlinearity: the nonlinearity whose gain "he" uses.
        bound: bound of "uniform".

    Raises:
        UserError: unknown scheme, or "identity" for a cell that is not a plain RNN.
    """
    if scheme not in SCHEMES:
        raise UserError(f"unknown initialization {scheme!r}: choose {', '.join(SCHEMES)}")
    for cell in module.modules():
        if isinstance(cell, Cell):
            _draw(cell, scheme, nonlinearity, bound)
            if isinstance(cell, LSTMCell) and forget_bias is not None:
                forget = slice(cell.hidden_size, 2 * cell.hidden_size)
                cell.bias_ih[forget] = forget_bias
                cell.bias_hh[forget] = 0  # the two are added: only one may have the value


def _draw(cell: Cell, scheme: str, nonlinearity: Nonlinearity, bound: float) -> None:
    if scheme == "default":
        cell.reset_parameters()
        return
    if scheme == "uniform":
        for parameter in cell.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        return
    for name, parameter in cell.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
    if scheme == "identity" and not isinstance(cell, RNNCell):
        raise UserError("initialization: identity is for the rnn cell; choose orthogonal here")
    he = partial(nn.init.kaiming_normal_, nonlinearity=nonlinearity)
    draws: dict[str, tuple[Draw, Draw]] = {
        "xavier": (nn.init.xavier_uniform_, nn.init.xavier_uniform_),
        "he": (he, he),
        "orthogonal": (nn.init.xavier_uniform_, nn.init.orthogonal_),
        "identity": (partial(nn.init.normal_, std=0.001), nn.init.eye_),
    }
    draw_input, draw_recurrent = draws[scheme]
    _each_gate(cell.weight_ih, cell.num_gates, draw_input)
    if isinstance(cell, RecurrentCell):
        _each_gate(cell.weight_hh, cell.num_gates, draw_recurrent)


def _each_gate(weight: Tensor, num_gates: int, draw: Draw) -> None:
    for gate in weight.chunk(num_gates):
        draw(gate)
