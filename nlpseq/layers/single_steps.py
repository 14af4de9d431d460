"""A model laid out in memory for reading one token after another.

A product of a few rows with a matrix is bound by reading the matrix, and the BLAS of a CPU reads
`weight.t()` one and a half to three times as fast where it is contiguous (measured with MKL at 1 to
20 rows; from 64 rows on there is no difference). Training wants `weight` itself contiguous, and so
do the look-up of token vectors and safetensors. So what generates works on a twin of the model.
"""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from nlpseq.contracts import State
from nlpseq.layers.cells import Cell, LSTMCell
from nlpseq.layers.token_embedding import TokenEmbedding

Module = TypeVar("Module", bound=nn.Module)


class GatewiseLSTMCell(Cell):
    """The step of an `LSTMCell` by one product a gate, of input and state side by side.

    BLAS does not divide the product of a single row among threads; four of them it does.
    """

    num_gates = LSTMCell.num_gates
    num_states = LSTMCell.num_states

    def __init__(self, cell: LSTMCell) -> None:
        nn.Module.__init__(self)  # not Cell's: the weights are the other cell's, laid out anew
        self.input_size, self.hidden_size = cell.input_size, cell.hidden_size
        order = [0, 1, 3, 2]  # i, f, o, g: the three that are sigmoids together
        joined = torch.cat([cell.weight_ih, cell.weight_hh], dim=1).detach()  # (4H, D + H)
        gates = joined.view(4, self.hidden_size, -1)[order].transpose(1, 2)  # (4, D + H, H)
        biases = (cell.bias_ih + cell.bias_hh).detach().view(4, 1, -1)[order]
        self.weight = nn.Parameter(gates.contiguous(), requires_grad=False)
        self.bias = nn.Parameter(biases, requires_grad=False)

    def step(self, inputs: Tensor, state: State) -> State:
        """One step: inputs (B, D), state of (B, H) -> the next state."""
        h, c = state
        rows = torch.cat([inputs, h], dim=1).expand(4, -1, -1)  # (4, B, D + H)
        gates = torch.baddbmm(self.bias, rows, self.weight)  # (4, B, H)
        i, f, o = gates[:3].sigmoid()
        c = torch.addcmul(f * c, i, gates[3].tanh())
        return o * c.tanh(), c


def for_single_steps(module: Module) -> Module:
    """A twin with the same results: matrices transposed in memory, LSTM cells that step gatewise.

    Matrices are copied, so the twin does not follow later training. Tables of token vectors,
    biases and the like are shared; an output layer that is tied to a table gets a copy of it.
    Elsewhere than on a CPU the module itself is returned.
    """
    parameters = list(module.parameters())
    if any(parameter.device.type != "cpu" for parameter in parameters):
        return module
    twin = copy.deepcopy(module, {id(parameter): parameter for parameter in parameters})
    for part in twin.modules():
        for name, child in list(part.named_children()):
            if isinstance(child, LSTMCell):
                setattr(part, name, GatewiseLSTMCell(child))
    for part in twin.modules():
        if isinstance(part, TokenEmbedding | GatewiseLSTMCell):
            continue
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter.dim() == 2:
                transposed = parameter.detach().t().contiguous().t()
                setattr(part, name, nn.Parameter(transposed, requires_grad=False))
    return twin
