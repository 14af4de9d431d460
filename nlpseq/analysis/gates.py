"""What the gates of a recurrent encoder do over a text, and what its cells hold.

The fast kernels keep no gates, so the sweep is made again by the cells' own equations; what comes out of it
is what the kernels give.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor

from nlpseq.layers.cells import Cell
from nlpseq.layers.recurrent import RecurrentEncoder, RecurrentLayer


class Sweep(NamedTuple):
    """One cell's way over a text of T tokens.

    Attributes:
        layer: its place in the stack, from 1.
        direction: "forward" or "backward"; tokens are in the order of the text in both.
        kind: the cell's, for people: "LSTM", "GRU", "minGRU", "RNN".
        gates: by name (T, H), between 0 (closed) and 1 (open): input, forget, output of an LSTM; reset and
            update of a GRU (where update is 1, the old state stays); update of a minGRU (where it is 1, the
            new one comes in); none of a plain RNN.
        states: by name (T, H), after each token: `h`, and `c` of an LSTM.
    """

    layer: int
    direction: str
    kind: str
    gates: dict[str, Tensor]
    states: dict[str, Tensor]


@torch.no_grad()
def sweeps(encoder: RecurrentEncoder, vectors: Tensor) -> list[Sweep]:
    """Read a text once more, by the equations, and keep all that is inside.

    Args:
        encoder: in evaluation mode: without dropout.
        vectors: (T, D) of its tokens.

    Returns:
        one for each layer and direction, in the order of a state's dimension 1.
    """
    found, inputs = [], vectors
    for number, layer in enumerate(cast("list[RecurrentLayer]", list(encoder.layers)), 1):
        normalized = layer.normalization(inputs.unsqueeze(0), None)[0]  # (T, D)
        outputs = []
        for direction, cell in zip(("forward", "backward"), layer.cells, strict=False):
            assert isinstance(cell, Cell)
            one = _sweep(cell, normalized, number, direction)
            outputs.append(one.states["h"])
            found.append(one)
        joined = torch.cat(outputs, dim=1)
        inputs = inputs + joined if layer.residual else joined
    return found


def _sweep(cell: Cell, inputs: Tensor, layer: int, direction: str) -> Sweep:
    names = ("h", "c")[: cell.num_states]
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
    return Sweep(layer, direction, kind, _joined(gates, direction), _joined(states, direction))


def _joined(steps: list[dict[str, Tensor]], direction: str) -> dict[str, Tensor]:
    """T dictionaries of (1, H) -> one of (T, H), in the order of the text."""
    ordered = steps if direction == "forward" else steps[::-1]
    return {name: torch.cat([step[name] for step in ordered]) for name in steps[0]}


def by_memory(sweep: Sweep) -> Tensor:
    """The units (H,) in the order in which they are drawn: those that hold on longest come first.

    By the mean of the gate that keeps the old state; of a plain RNN, by how little the state changes.
    """
    gates = sweep.gates
    if "forget" in gates:
        keeping = gates["forget"]
    elif "update" in gates:
        keeping = gates["update"] if sweep.kind == "GRU" else 1 - gates["update"]
    else:
        keeping = (
            -sweep.states["h"].diff(dim=0).abs()
            if len(sweep.states["h"]) > 1
            else sweep.states["h"]
        )
    return keeping.mean(0).argsort(descending=True)
