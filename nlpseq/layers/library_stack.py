"""Whole stacks of recurrent layers as one call of torch's library: on CUDA one call of cuDNN.

One call for all layers and directions leaves fewer and larger kernels than one for each. It fits LSTM, GRU and plain
RNN, where nothing happens between the layers and no row is padded (padded rows need their states at their own last
token, which the library gives only for packed sequences). Dropout between layers is not left to cuDNN, which keeps
random numbers of its own: a resumed run would draw others.

cuDNN reads all weights of a call from one block of memory. `flatten` moves the parameters there once, and they stay
parameters like any others; weights that change in each call, by weight drop, are copied there by torch.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from nlpseq.layers.cell import Cell, RecurrentCell
from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cells.rnn import RNNCell
from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.types import State

KINDS: tuple[type[RecurrentCell], ...] = (LSTMCell, GRUCell, RNNCell)
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
MODES = {"rnn_relu": 0, "rnn_tanh": 1, "lstm": 2, "gru": 3}  # cuDNN's numbers

warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


def library_cells(cells: Sequence[Cell]) -> list[RecurrentCell]:
    """Return cells of a stack if the library computes their equations, else an empty list.

    A subclass with a `sweep` or `equations` of its own computes something else.
    """
    chosen: list[RecurrentCell] = []
    for cell in cells:
        if not isinstance(cell, KINDS):
            return []
        own = next(kind for kind in KINDS if isinstance(cell, kind))
        if type(cell).sweep is not own.sweep or type(cell).equations is not own.equations:
            return []
        chosen.append(cell)
    return chosen


def runs_in_library(inputs: Tensor) -> bool:
    """Return whether one call for a stack is the fastest way: neither a CPU's kernels nor a traced graph run."""
    return not uses_cpu_kernels(inputs) and not torch.compiler.is_compiling()


def run_stack(
    cells: Sequence[RecurrentCell], num_layers: int, inputs: Tensor, states: Sequence[State]
) -> tuple[Tensor, list[State]]:
    """Run layers of cells over a window without padding.

    Args:
        cells: in torch's order: layer 0 forward, layer 0 backward, layer 1 forward, ...
        num_layers: layers; with twice as many cells each has two directions.
        inputs: (B, T, D).
        states: the state of each cell before the window, tuples of (B, H).

    Returns:
        Outputs (B, T, H), or (B, T, 2H) in two directions, and the state of each cell after the window.
    """
    if not any(cell.training and cell.weight_drop for cell in cells):
        flatten(cells, num_layers)
    weights = [weight for cell in cells for weight in cell.weights()]
    before = [torch.stack(parts) for parts in zip(*states, strict=True)]  # (L, B, H) each
    first, bidirectional = cells[0], len(cells) == 2 * num_layers
    options = (True, num_layers, 0.0, first.training, bidirectional, True)
    if isinstance(first, LSTMCell):
        outputs, *after = torch.lstm(inputs, before, weights, *options)
    else:
        function = {"gru": torch.gru, "rnn_tanh": torch.rnn_tanh, "rnn_relu": torch.rnn_relu}
        outputs, *after = function[_mode(first)](inputs, before[0], weights, *options)
    return outputs, list(zip(*(part.unbind(0) for part in after), strict=True))


@torch.no_grad()
def flatten(cells: Sequence[RecurrentCell], num_layers: int) -> None:
    """Move the parameters into one block of memory, if cuDNN will read them and they are elsewhere."""
    weights: list[Tensor] = [cell.get_parameter(name) for cell in cells for name in NAMES]
    first = weights[0]
    if not torch.backends.cudnn.is_acceptable(first) or _lie_in_one_block(weights):
        return
    if any(weight.dtype != first.dtype or weight.device != first.device for weight in weights):
        return
    with torch.cuda.device_of(first):
        torch._cudnn_rnn_flatten_weight(
            weights,
            len(NAMES),
            cells[0].input_size,
            MODES[_mode(cells[0])],
            cells[0].hidden_size,
            0,  # no projection
            num_layers,
            True,
            len(cells) == 2 * num_layers,
        )


def _lie_in_one_block(weights: Sequence[Tensor]) -> bool:
    """Return whether all tensors share one storage, as they do once they are flat."""
    return len({weight.untyped_storage().data_ptr() for weight in weights}) == 1


def _mode(cell: RecurrentCell) -> str:
    if isinstance(cell, RNNCell):
        return f"rnn_{cell.nonlinearity}"
    return "lstm" if isinstance(cell, LSTMCell) else "gru"
