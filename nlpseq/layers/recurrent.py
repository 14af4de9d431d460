"""Stacks of recurrent layers, in one direction or two: vectors (B, T, D) -> (B, T, H).

A layer normalizes its input, runs a cell over it in each direction, applies dropout, and may add its input to the
result (pre-norm residual). Nothing is packed: rows of unequal length run at the full speed of the unpacked kernel
and still give the result of a batch of one, because

- the forward direction meets padding only after the real tokens of a row, and the state is taken at the last real
  token (see `Cell.sweep`);
- the backward direction reverses each row within its own length, and then is a forward sweep.

Without padding a GPU runs both directions, and layers with nothing between them, in one call: see `library_stack`.

Dimension 1 of a state has torch's order: layer 0 forward, layer 0 backward, layer 1 forward, ... In training each
sweep draws new dropout masks, and so does each `step`: steps cannot share a locked mask or a weight-drop mask.
"""

from typing import Any

import torch
from torch import Tensor, nn

from nlpseq.layers.cells import Cell, RecurrentCell, build_cell
from nlpseq.layers.cpu import may_be_padded
from nlpseq.layers.dropout import Dropout, LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.library_stack import library_cells, run_stack, runs_in_library
from nlpseq.layers.normalization import NoNormalization, Normalization, build_normalization
from nlpseq.layers.padding import Padding, reverse
from nlpseq.types import EncoderOutput, State


class RecurrentLayer(nn.Module):
    """One level of a stack: normalization, one cell for each direction, dropout, residual."""

    def __init__(
        self, cells: list[Cell], normalization: Normalization, dropout: Dropout, residual: bool
    ) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual

    @property
    def library_cells(self) -> list[RecurrentCell]:
        """The cells, if torch's library computes them; else none."""
        return library_cells([self._cell(number) for number in range(len(self.cells))])

    @property
    def is_plain(self) -> bool:
        """Return whether the layer has only cells and perhaps dropout."""
        return isinstance(self.normalization, NoNormalization) and not self.residual

    def forward(
        self, inputs: Tensor, padding: Padding | None, states: list[State]
    ) -> tuple[Tensor, list[State]]:
        """Run over a window: inputs (B, T, D) and the states of both directions -> outputs and the new states."""
        normalized = self.normalization(inputs, padding.mask if padding else None)
        if padding is None and runs_in_library(inputs) and (cells := self.library_cells):
            outputs, new_states = run_stack(cells, 1, normalized, states)
        else:
            outputs, new_states = self._sweep(normalized, padding, states)
        outputs = self.dropout(outputs)
        return (inputs + outputs if self.residual else outputs), new_states

    def _sweep(
        self, inputs: Tensor, padding: Padding | None, states: list[State]
    ) -> tuple[Tensor, list[State]]:
        """Run each cell over a window by its own sweep."""
        lengths = padding.lengths if padding else None
        outputs, after = self._cell(0).sweep(inputs, states[0], lengths)
        new_states = [after]
        if len(self.cells) == 2:
            backward, after = self._cell(1).sweep(reverse(inputs, padding), states[1], lengths)
            outputs = torch.cat([outputs, reverse(backward, padding)], dim=2)  # (B, T, 2H)
            new_states.append(after)
        return outputs, new_states

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one step: inputs (B, D), state of (B, H) -> outputs (B, H) and the new state."""
        new_state = self._cell(0).step(self.normalization.step(inputs), state)
        outputs = self.dropout(new_state[0]) if self.training else new_state[0]
        return (inputs + outputs if self.residual else outputs), new_state

    def _cell(self, direction: int) -> Cell:
        cell = self.cells[direction]
        assert isinstance(cell, Cell)  # for the type checker: a ModuleList forgets
        return cell


class RecurrentEncoder(Encoder):
    """A stack of layers with one kind of cell.

    Args:
        input_size: D, components of an input vector.
        hidden_size: units in each layer and direction.
        cell: a kind in `nlpseq.layers.cells.KINDS`, or a class in a file given with `--code`.
        kernel: "auto" runs the cell's fast kernels, "equations" its readable equations.
        nonlinearity: "tanh" or "relu", for the "rnn" cell.
        num_layers: layers in the stack.
        bidirectional: also read each sequence backwards; then there is no `step`.
        dropout: dropout between layers.
        output_dropout: dropout of the last layer's output.
        variational: one dropout mask for a sequence (Gal and Ghahramani 2016), not one for each token.
        weight_drop: dropout of the recurrent weights (Merity et al. 2018).
        residual: add each layer's input to its output where the sizes agree.
        normalization: "none", "layer" or "batch", of each layer's input.

    Raises:
        UserError: unknown cell, kernel or normalization, or an option that the cell does not have.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        kernel: str = "auto",
        nonlinearity: str = "tanh",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        variational: bool = True,
        weight_drop: float = 0.0,
        residual: bool = False,
        normalization: str = "none",
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.output_dim = 2 * hidden_size if bidirectional else hidden_size
        self.causal = not bidirectional
        self.num_directions = 2 if bidirectional else 1
        options: dict[str, Any] = {
            "kernel": kernel,
            "nonlinearity": nonlinearity,
            "weight_drop": weight_drop,
        }
        make_dropout = LockedDropout if variational else Dropout
        layers = []
        for depth in range(num_layers):
            size = input_size if depth == 0 else self.output_dim
            layers.append(
                RecurrentLayer(
                    [
                        build_cell(cell, size, hidden_size, **options)
                        for _ in range(self.num_directions)
                    ],
                    build_normalization(normalization, size),
                    make_dropout(output_dropout if depth == num_layers - 1 else dropout),
                    residual and size == self.output_dim,
                )
            )
        self.layers = nn.ModuleList(layers)
        self.num_states = layers[0]._cell(0).num_states

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode whole sequences.

        Args:
            inputs: (B, T, D).
            mask: (B, T) True at real tokens, padding on the right; None: there is no padding.
            state: tuple of (B, L, H), from an earlier window; None: zeros.

        Returns:
            outputs (B, T, output_dim), zero at padding, and the state (B, L, H) after the last real
            token of each row (in the backward direction: after the first).
        """
        padding = Padding.of(mask) if mask is not None and may_be_padded(mask) else None
        state = self.initial_state(inputs.size(0)) if state is None else state
        columns = list(zip(*(part.unbind(1) for part in state), strict=True))  # L tuples of (B, H)
        if padding is None and runs_in_library(inputs) and (cells := self._cells_of_one_call()):
            outputs, new_columns = run_stack(cells, len(self.layers), inputs, columns)
            outputs = self._layer(-1).dropout(outputs)
            return EncoderOutput(outputs, _stack(new_columns))
        outputs, new_columns = inputs, []
        for depth, layer in enumerate(self.layers):
            first = depth * self.num_directions
            before = columns[first : first + self.num_directions]
            outputs, after = layer(outputs, padding, before)
            new_columns += after
        outputs = without_padding(outputs, padding.mask if padding else None)
        return EncoderOutput(outputs, _stack(new_columns))

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one step.

        Args:
            inputs: (B, D).
            state: tuple of (B, L, H).

        Returns:
            outputs (B, H) and the next state.

        Raises:
            TypeError: the encoder is bidirectional, so its output depends on later tokens.
        """
        if not self.causal:
            raise TypeError("a bidirectional encoder reads whole sequences: it has no single step")
        columns = zip(*(part.unbind(1) for part in state), strict=True)
        outputs, new_columns = inputs, []
        for layer, before in zip(self.layers, columns, strict=True):
            assert isinstance(layer, RecurrentLayer)
            outputs, after = layer.step(outputs, before)
            new_columns.append(after)
        return outputs, _stack(new_columns)

    def _layer(self, depth: int) -> RecurrentLayer:
        layer = self.layers[depth]
        assert isinstance(layer, RecurrentLayer)  # for the type checker: a ModuleList forgets
        return layer

    def _cells_of_one_call(self) -> list[RecurrentCell]:
        """Return all cells, if the library can run several layers at once: nothing happens between them."""
        layers = [self._layer(depth) for depth in range(len(self.layers))]
        between = any(layer.dropout.p for layer in layers[:-1])
        if len(layers) == 1 or between or not all(layer.is_plain for layer in layers):
            return []
        cells = [layer.library_cells for layer in layers]
        return [cell for part in cells for cell in part] if all(cells) else []

    def only_cell(self) -> Cell | None:
        """Return the cell of an encoder that adds nothing to one cell in one direction; else None."""
        (layer, *more) = self.layers
        assert isinstance(layer, RecurrentLayer)
        if more or self.num_directions == 2 or layer.residual:
            return None
        if not isinstance(layer.normalization, NoNormalization) or (
            self.training and layer.dropout.p
        ):
            return None
        return layer._cell(0)

    def initial_state(self, batch_size: int) -> State:
        """Return zeros, a tuple of (B, L, H), with the device and dtype of the parameters."""
        like = next(self.parameters())
        shape = (batch_size, len(self.layers) * self.num_directions, self.hidden_size)
        return tuple(like.new_zeros(shape) for _ in range(self.num_states))


def _stack(columns: list[State]) -> State:
    """Stack the states of the layers: L tuples of (B, H) -> a tuple of (B, L, H)."""
    return tuple(torch.stack(parts, dim=1) for parts in zip(*columns, strict=True))
