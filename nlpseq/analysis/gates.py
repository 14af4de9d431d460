"""Gates and states of a recurrent encoder over a text.

Fast kernels do not return gates, so the text is read again by the cells' own equations; the outputs are the same.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor

from nlpseq.layers.cells import Cell
from nlpseq.layers.recurrent import RecurrentEncoder, RecurrentLayer


class Sweep(NamedTuple):
    """Gates and states of one cell over T tokens.

    Attributes:
        layer: its number, from 1.
        direction: "forward" or "backward"; tokens are in the order of the text in both.
        kind: "LSTM", "GRU", "minGRU", "RNN", or the class of another cell.
        gates: (T, H) for each name, from 0 (closed) to 1 (open): input, forget and output of an LSTM; reset and
            update of a GRU (update 1 keeps the old state); update of a minGRU (update 1 takes the new state);
            forget and input of a minLSTM; none for a plain RNN.
        states: (T, H) for each name, after each token: `h`, and `c` of an LSTM.
    """

    layer: int
    direction: str
    kind: str
    gates: dict[str, Tensor]
    states: dict[str, Tensor]


@torch.no_grad()
def sweeps(encoder: RecurrentEncoder, vectors: Tensor) -> list[Sweep]:
    """Read a text by the equations and keep all gates and states.

    Args:
        encoder: in evaluation mode, so without dropout.
        vectors: (T, D) of the tokens.

    Returns:
        One for each layer and direction, in the order of a state's dimension 1.
    """
    kept, inputs = [], vectors
    for number, layer in enumerate(cast("list[RecurrentLayer]", list(encoder.layers)), 1):
        normalized = layer.normalization(inputs.unsqueeze(0), None)[0]  # (T, D)
        outputs = []
        for direction, cell in zip(("forward", "backward"), layer.cells, strict=False):
            assert isinstance(cell, Cell)
            sweep = _sweep(cell, normalized, number, direction)
            outputs.append(sweep.states["h"])
            kept.append(sweep)
        joined = torch.cat(outputs, dim=1)
        inputs = inputs + joined if layer.residual else joined
    return kept


def _sweep(cell: Cell, inputs: Tensor, layer: int, direction: str) -> Sweep:
    names = ["h", "c", *(f"state {n}" for n in range(3, cell.num_states + 1))][: cell.num_states]
    state = tuple(inputs.new_zeros(1, cell.hidden_size) for _ in names)
    gates: list[dict[str, Tensor]] = []
    states: list[dict[str, Tensor]] = []
    rows = inputs if direction == "forward" else inputs.flip(0)
    for row in rows.split(1):
        opened = cell.gates(row, state)
        state = cell.equations(row, state)
        gates.append({name: value for name, value in opened.items() if name != "candidate"})
        states.append(dict(zip(names, state, strict=True)))
    kind = type(cell).__name__.removesuffix("Cell").replace("Min", "min")
    return Sweep(layer, direction, kind, _join(gates, direction), _join(states, direction))


def _join(steps: list[dict[str, Tensor]], direction: str) -> dict[str, Tensor]:
    """Join T dictionaries of (1, H) to one of (T, H), in the order of the text."""
    ordered = steps if direction == "forward" else steps[::-1]
    return {name: torch.cat([step[name] for step in ordered]) for name in steps[0]}


def by_memory(sweep: Sweep) -> Tensor:
    """Sort the units (H,) for drawing: longest memory first.

    The key is the mean of the gate that keeps the old state; without gates, how little the state changes.
    """
    gates = sweep.gates
    if "forget" in gates:
        keeping = gates["forget"]
    elif "update" in gates:
        keeping = gates["update"] if sweep.kind == "GRU" else 1 - gates["update"]
    else:
        states = sweep.states["h"]
        keeping = -states.diff(dim=0).abs() if len(states) > 1 else states
    return keeping.mean(0).argsort(descending=True)


def sorted_by(sweep: Sweep) -> str:
    """Say in words what `by_memory` sorts by."""
    if "forget" in sweep.gates:
        return "mean forget gate"
    return "mean update gate" if "update" in sweep.gates else "mean change of the state"
