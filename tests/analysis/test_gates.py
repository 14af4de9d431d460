"""Gates recomputed by the equations, and their figures."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nlpseq import custom_code
from nlpseq.analysis.gate_plots import gate_figure
from nlpseq.analysis.gates import Sweep, by_memory, sweeps
from nlpseq.analysis.gradient_flow import spectral_radii
from nlpseq.layers.cells import KINDS
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.reporting.figures import save

T, D, H = 7, 4, 6
GATES = {
    "lstm": ["input", "forget", "output"],
    "gru": ["reset", "update"],
    "mingru": ["update"],
    "minlstm": ["forget", "input"],
    "rnn": [],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True, "num_layers": 2, "residual": True, "normalization": "layer"}],
    ids=["plain", "deep"],
)
@torch.no_grad()
def test_states_are_those_of_the_fused_kernels(kind: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(D, H, cell=kind, dropout=0.5, weight_drop=0.0, **options).eval()
    vectors = torch.randn(T, D)
    found = sweeps(encoder, vectors)
    encoded = encoder(vectors.unsqueeze(0), None)
    assert len(found) == len(encoder.layers) * encoder.num_directions
    for index, sweep in enumerate(found):
        assert list(sweep.gates) == GATES.get(kind, list(sweep.gates))
        last = 0 if sweep.direction == "backward" else -1
        for part, name in zip(encoded.state, sweep.states, strict=True):
            torch.testing.assert_close(
                sweep.states[name][last], part[0, index], atol=1e-5, rtol=1e-5
            )
        for gate in sweep.gates.values():
            assert gate.shape == (T, H)
            assert 0 < gate.min() < gate.max() < 1
    if not options.get("residual"):
        top = torch.cat([one.states["h"] for one in found[-encoder.num_directions :]], dim=1)
        torch.testing.assert_close(top, encoded.outputs[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["lstm", "gru", "mingru"])
@torch.no_grad()
def test_a_gate_forced_open_preserves_its_unit(kind: str) -> None:
    """Biases of its gate make unit 2 keep its state; it is drawn first."""
    encoder = RecurrentEncoder(D, H, cell=kind)
    cell: Any = encoder.layers[0].cells[0]
    name, place, bias = {
        "lstm": ("forget", H + 2, 50.0),
        "gru": ("update", H + 2, 50.0),
        "mingru": ("update", 2, -50.0),
    }[kind]
    cell.bias_ih[place] = bias
    if kind == "lstm":
        cell.bias_ih[2] = -50.0  # close the input gate
    (sweep,) = sweeps(encoder, torch.randn(T, D))
    assert sweep.gates[name][:, 2].tolist() == pytest.approx([float(bias > 0)] * T, abs=1e-6)
    assert sweep.states[list(sweep.states)[-1]][:, 2].abs().max() < 1e-6
    assert by_memory(sweep)[0] == 2


CODE = """
import torch
from torch import nn
from nlpseq.layers.cells import RecurrentCell

class Coupled(RecurrentCell):
    num_gates = 2
    num_states = 3

    def equations(self, inputs, state):
        gate, new = (inputs @ self.weight_ih.t() + self.bias_ih + state[0] @ self.weight_hh.t()).chunk(2, 1)
        h = torch.lerp(state[0], new.tanh(), gate.sigmoid())
        return h, state[1] + h, state[2]
"""


def test_a_cell_of_equations_alone_can_be_inspected(tmp_path: Path) -> None:
    """Its gates are numbered, and it has more states than other cells."""
    (tmp_path / "coupled.py").write_text(CODE)
    custom_code.register(tmp_path / "coupled.py")
    encoder = RecurrentEncoder(D, H, cell="coupled.py:Coupled")
    (sweep,) = sweeps(encoder, torch.randn(T, D))
    assert (sweep.kind, list(sweep.gates)) == ("Coupled", ["gate 1"])
    assert list(sweep.states) == ["h", "c", "state 3"]
    save(partial(gate_figure, sweep, list("abcdefg")), tmp_path / "x.png", trim=True)
    assert list(spectral_radii(encoder)) == ["layer 1 gate 1", "layer 1 gate 2"]


def sweep_of(gates: dict[str, Any]) -> Sweep:
    return Sweep(1, "forward", "GRU", gates, {"h": torch.zeros(T, H)})


def test_a_picture_has_a_panel_each_and_is_dark_where_gates_are_open(tmp_path: Path) -> None:
    tokens = ["<bos>", "a", "$b$", "c", "日本", "\n", "e"]
    opened = torch.zeros(T, H)
    opened[3:] = 1
    one = sweep_of({"update": opened})
    save(partial(gate_figure, one, tokens), tmp_path / "one.png", trim=True)
    two = sweep_of({"update": opened, "reset": opened})
    save(partial(gate_figure, two, tokens), tmp_path / "two.png", trim=True)
    pictures = []
    for name in ("one", "two"):
        with Image.open(tmp_path / f"{name}.png") as image:
            pictures.append(np.asarray(image.convert("RGB"), dtype=int))
    assert pictures[1].shape[0] > pictures[0].shape[0] + 160
    picture = pictures[0]
    dark = (picture[..., 0] < 30) & (picture[..., 2] > 90)
    gap = np.flatnonzero(np.diff(np.flatnonzero(dark.any(0))) > 1)[0] + 1  # before the colour bar
    panel = picture[:, : np.flatnonzero(dark.any(0))[gap]]
    dark = dark[:, : panel.shape[1]]
    rows, columns = np.nonzero(dark)
    spread = columns.max() - columns.min()
    assert len(rows) > 2000
    assert dark[rows.min() + 5 : rows.max() - 5, columns.min() + 5 : columns.max() - 5].mean() > 0.9
    assert spread < 0.75 * panel.shape[1]


def test_a_text_of_one_token_can_be_drawn(tmp_path: Path) -> None:
    (sweep,) = sweeps(RecurrentEncoder(D, H, cell="rnn"), torch.randn(1, D))
    save(partial(gate_figure, sweep, ["a"]), tmp_path / "one.png", trim=True)
    assert (tmp_path / "one.png").stat().st_size > 1000
