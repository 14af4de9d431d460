"""A copy of a model that generates one token after another, faster on a CPU.

The product of a few rows with a matrix is limited by reading the matrix, and the BLAS of a CPU reads `weight.t()` one
and a half to three times as fast if that is contiguous (measured with MKL with 1 to 20 rows; from 64 rows there is no
difference). Training, the look-up of token vectors and safetensors need `weight` itself contiguous. The rest of a
token's cost is the sum of small things: views, and look-ups of modules in modules. So generation uses a copy of the
model. (Seq2seq searches do not: their steps have more rows, for which `small_batch_matmul` transposes the operands.)
"""

import copy
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from nlpseq.layers.cells import Cell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.normalization import NoNormalization
from nlpseq.layers.recurrent import RecurrentEncoder, RecurrentLayer
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.types import State

Module = TypeVar("Module", bound=nn.Module)


class LSTMStep:
    """The step of an `LSTMCell` on input and state side by side, as two or four products.

    BLAS does not divide the product of a single row among threads, but it runs several products in parallel.
    """

    def __init__(self, cell: LSTMCell) -> None:
        self.parts = 4 if torch.get_num_threads() >= 4 else 2  # P
        self.sizes = (3 * cell.hidden_size, cell.hidden_size)
        order = [0, 1, 3, 2]  # i, f, o, g: the three sigmoids together
        joined = torch.cat([cell.weight_ih, cell.weight_hh], dim=1).detach()  # (4H, D + H)
        gates = joined.view(4, cell.hidden_size, -1)[order].flatten(0, 1)
        biases = (cell.bias_ih + cell.bias_hh).detach().view(4, -1)[order]
        self.weight = gates.view(self.parts, -1, joined.size(1)).transpose(1, 2).contiguous()
        self.bias = biases.view(self.parts, 1, -1)  # (P, 1, 4H / P)

    def __call__(self, inputs: Tensor, state: State) -> State:
        """Run one step: inputs (B, D), state of (B, H) -> the next state."""
        h, c = state
        rows = torch.cat([inputs, h], dim=1).expand(self.parts, -1, -1)  # (P, B, D + H)
        gates = torch.baddbmm(self.bias, rows, self.weight)  # (P, B, 4H / P)
        gates = gates.transpose(0, 1).reshape(len(h), -1)  # (B, 4H)
        sigmoids, g = gates.split(self.sizes, dim=1)
        i, f, o = sigmoids.sigmoid_().chunk(3, dim=1)
        c = torch.addcmul(f * c, i, g.tanh_())
        return o * c.tanh(), c


class LayerStep(NamedTuple):
    """One layer of a stack: the normalization of its input, its cell's step, and whether it adds its input."""

    normalize: Callable[[Tensor], Tensor] | None
    cell: Callable[[Tensor, State], State]
    residual: bool


class SingleStepEncoder(Encoder):
    """The steps of a causal `RecurrentEncoder` in evaluation mode, without look-ups of modules in modules."""

    def __init__(self, encoder: RecurrentEncoder) -> None:
        super().__init__()
        self.causal = encoder.causal
        self.output_dim = encoder.output_dim
        self.initial_state = encoder.initial_state  # type: ignore[method-assign]
        self.kept = nn.ModuleList()  # modules that are called as they are
        self._layers = [self._layer_step(layer) for layer in encoder.layers]

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Encode one token: inputs (B, D), state of (B, L, H) -> outputs (B, H) and the next state."""
        outputs, after = inputs, []
        columns = zip(*[part.unbind(1) for part in state], strict=True)  # L tuples of (B, H)
        for (normalize, cell, residual), before in zip(self._layers, columns, strict=True):
            new = cell(outputs if normalize is None else normalize(outputs), before)
            outputs = outputs + new[0] if residual else new[0]
            after.append(new)
        return outputs, tuple([torch.stack(parts, dim=1) for parts in zip(*after, strict=True)])

    def _layer_step(self, layer: nn.Module) -> LayerStep:
        assert isinstance(layer, RecurrentLayer)  # for the type checker: a ModuleList forgets
        cell, normalize = layer.cells[0], None
        assert isinstance(cell, Cell)
        if not isinstance(layer.normalization, NoNormalization):
            self.kept.append(layer.normalization)
            normalize = layer.normalization.step
        if type(cell) is LSTMCell and torch.get_num_threads() > 1:
            return LayerStep(normalize, LSTMStep(cell), layer.residual)
        self.kept.append(cell)
        return LayerStep(normalize, cell.step, layer.residual)


def for_single_steps(module: Module) -> Module:
    """Copy a module for generation: same results in evaluation mode, matrices transposed, encoders that only step.

    Matrices are copied, so the copy does not follow later training. Tables of token vectors, biases and other
    parameters are shared; an output layer that is tied to a table gets a copy of it.

    Returns:
        The copy; on other devices than a CPU the module itself.
    """
    parameters = list(module.parameters())
    if not all(uses_cpu_kernels(parameter) for parameter in parameters):
        return module
    twin = copy.deepcopy(module, {id(parameter): parameter for parameter in parameters})
    for part in list(twin.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, RecurrentEncoder) and child.causal:
                setattr(part, name, SingleStepEncoder(child))
    for part in twin.modules():
        if isinstance(part, TokenEmbedding):
            continue
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter.dim() == 2:
                transposed = parameter.detach().t().contiguous().t()
                setattr(part, name, nn.Parameter(transposed, requires_grad=False))
    return twin
