"""Stacks of recurrent layers, in one direction or two: vectors (B, T, D) -> (B, T, H).

A layer normalises its input, sweeps a cell over it in each direction, drops, and may add its input
back (pre-norm residual). Nothing is packed: rows of unequal length run at the full speed of the
unpacked kernel and still give the result of a batch of one, because

- a forward sweep only meets padding after a row's real tokens, and the state is taken at the last
  of these (see `Cell.sweep`);
- the backward direction reverses each row by its own length, and then *is* a forward sweep.

A state's dimension 1 is ordered as torch's: layer 0 forward, layer 0 backward, layer 1 forward, ...
In training each sweep draws its dropout masks anew; so does each `step`, which therefore cannot
keep a locked mask or a weight-drop mask over several calls.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cells import Cell, GRUCell, LSTMCell, MinGRUCell, RNNCell
from nlpseq.layers.dropout import Dropout, LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.normalization import NoNormalization, Normalization, build_normalization
from nlpseq.layers.padding import Padding, reverse
from nlpseq.types import EncoderOutput, State


class RecurrentLayer(nn.Module):
    """One level of a stack: normalisation, one cell a direction, dropout, residual."""

    def __init__(
        self, cells: list[Cell], normalization: Normalization, dropout: Dropout, residual: bool
    ) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual

    def forward(
        self, inputs: Tensor, padding: Padding | None, states: list[State]
    ) -> tuple[Tensor, list[State]]:
        """Read a window: inputs (B, T, D), one state of (B, H) a direction, before and after."""
        normalized = self.normalization(inputs, padding.mask if padding else None)
        lengths = padding.lengths if padding else None
        outputs, after = self._cell(0).sweep(normalized, states[0], lengths)
        new_states = [after]
        if len(self.cells) == 2:
            backward, after = self._cell(1).sweep(reverse(normalized, padding), states[1], lengths)
            outputs = torch.cat([outputs, reverse(backward, padding)], dim=2)  # (B, T, 2H)
            new_states.append(after)
        outputs = self.dropout(outputs)
        return (inputs + outputs if self.residual else outputs), new_states

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token: inputs (B, D), state of (B, H), before and after."""
        new_state = self._cell(0).step(self.normalization.step(inputs), state)
        outputs = self.dropout(new_state[0]) if self.training else new_state[0]
        return (inputs + outputs if self.residual else outputs), new_state

    def _cell(self, direction: int) -> Cell:
        cell = self.cells[direction]
        assert isinstance(cell, Cell)  # for the type checker: a ModuleList forgets
        return cell


class RecurrentEncoder(Encoder):
    """Layers of one kind of cell.

    Args:
        input_size: D, components of an input vector.
        hidden_size: units of a layer in each direction.
        cell: "lstm", "gru", "rnn" or "mingru".
        nonlinearity: "tanh" or "relu", of the "rnn" cell.
        num_layers: depth of the stack.
        bidirectional: also read each sequence backwards; there is no `step` then.
        dropout: of what one layer hands to the next.
        output_dropout: of what the last layer gives.
        variational: one dropout mask a sequence (Gal and Ghahramani 2016), not one a token.
        weight_drop: of the recurrent weights (Merity et al. 2018).
        residual: add a layer's input to its output, where their sizes agree.
        normalization: "none", "layer" or "batch", of each layer's input.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
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
        make_cell = _cell_maker(cell, nonlinearity, weight_drop)
        make_dropout = LockedDropout if variational else Dropout
        layers = []
        for depth in range(num_layers):
            size = input_size if depth == 0 else self.output_dim
            layers.append(
                RecurrentLayer(
                    [make_cell(size, hidden_size) for _ in range(self.num_directions)],
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
        """Read whole sequences.

        Args:
            inputs: (B, T, D).
            mask: (B, T) True at real tokens, padding on the right; None: there is no padding.
            state: tuple of (B, L, H), from an earlier window; zeros where None.

        Returns:
            outputs (B, T, output_dim), zero at padding, and the state (B, L, H) after the last real
            token of each row (in the backward direction: after its first).
        """
        ragged = mask is not None and not bool(mask.all())
        padding = Padding.of(mask) if mask is not None and ragged else None
        state = self.initial_state(len(inputs)) if state is None else state
        columns = list(zip(*(part.unbind(1) for part in state), strict=True))  # L tuples of (B, H)
        outputs, new_columns = inputs, []
        for depth, layer in enumerate(self.layers):
            first = depth * self.num_directions
            before = columns[first : first + self.num_directions]
            outputs, after = layer(outputs, padding, before)
            new_columns += after
        outputs = without_padding(outputs, padding.mask if padding else None)
        return EncoderOutput(outputs, _stack(new_columns))

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token.

        Args:
            inputs: (B, D).
            state: tuple of (B, L, H).

        Returns:
            outputs (B, H) and the next state.

        Raises:
            TypeError: the encoder is bidirectional, so its output depends on tokens to come.
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

    def plain_cell(self) -> Cell | None:
        """The one cell of an encoder that is nothing but a cell in one direction; else None."""
        (layer, *more), directions = self.layers, self.num_directions
        assert isinstance(layer, RecurrentLayer)
        bare = isinstance(layer.normalization, NoNormalization) and not layer.residual
        silent = not (self.training and layer.dropout.p)
        return layer._cell(0) if not more and directions == 1 and bare and silent else None

    def initial_state(self, batch_size: int) -> State:
        """Zeros, tuple of (B, L, H), of the parameters' device and dtype."""
        like = next(self.parameters())
        shape = (batch_size, len(self.layers) * self.num_directions, self.hidden_size)
        return tuple(like.new_zeros(shape) for _ in range(self.num_states))


def _stack(columns: list[State]) -> State:
    """L tuples of (B, H) -> a tuple of (B, L, H)."""
    return tuple(torch.stack(parts, dim=1) for parts in zip(*columns, strict=True))


def _cell_maker(kind: str, nonlinearity: str, weight_drop: float) -> Callable[[int, int], Cell]:
    """What makes a cell of `kind` from an input size and a hidden size."""
    if kind == "mingru" and weight_drop:
        raise UserError("weight_drop: a minGRU has no recurrent weights to drop; set it to 0")
    makers: dict[str, Callable[[int, int], Cell]] = {
        "lstm": lambda size, hidden: LSTMCell(size, hidden, weight_drop=weight_drop),
        "gru": lambda size, hidden: GRUCell(size, hidden, weight_drop=weight_drop),
        "rnn": lambda size, hidden: RNNCell(
            size, hidden, nonlinearity=nonlinearity, weight_drop=weight_drop
        ),
        "mingru": MinGRUCell,
    }
    if kind not in makers:
        raise UserError(f"unknown cell {kind!r}: choose {', '.join(makers)}")
    return makers[kind]
