"""Cells and tasks in a user's own file: used only if the file is given, and wrong ones refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

import nlpseq
from nlpseq import custom_code
from nlpseq.analysis.comparison import default_folder
from nlpseq.errors import UserError
from nlpseq.experiment.comparison_plan import ComparisonPlan
from nlpseq.layers.cells import build_cell
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.models.builders import build_encoder
from nlpseq.recipe import Recipe, RecurrentConfig, validate
from nlpseq.task_lookup import resolve

PEEPHOLE = '''
import torch
from torch import nn

from nlpseq.layers.cells import RecurrentCell


class Peephole(RecurrentCell):
    """An LSTM whose gates see the cell state (Gers and Schmidhuber 2000)."""

    num_gates = 4
    num_states = 2

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size, **options)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))

    def equations(self, inputs, state):
        h, c = state
        gates = inputs @ self.weight_ih.t() + self.bias_ih + h @ self.weight_hh.t() + self.bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        p_i, p_f, p_o = self.peepholes
        i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
        c = f * c + i * torch.tanh(g)
        return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


class Rewritten(__import__("nlpseq.layers.cells.gru", fromlist=["GRUCell"]).GRUCell):
    def equations(self, inputs, state):
        return (3 * state[0],)


class Short(RecurrentCell):
    num_states = 2

    def equations(self, inputs, state):
        return (state[0],)


class Wrong(RecurrentCell):
    def equations(self, inputs, state):
        return (state[0] @ inputs.t(),)


class Empty(RecurrentCell):
    pass


class NoCell:
    pass
'''
KIND = "my_cells.py:Peephole"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_code, "_modules", {})


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    path = tmp_path / "my_cells.py"
    path.write_text(PEEPHOLE)
    custom_code.register([path])
    return path


def recipe(kind: str) -> Recipe:
    return validate(Recipe, {"task": "x:Y", "encoder": {"kind": kind, "hidden_size": 5}}, "test")


def test_a_cell_is_its_equations_in_all_ways_to_run(cells: Path) -> None:
    config = recipe(KIND).encoder
    assert isinstance(config, RecurrentConfig)
    torch.manual_seed(0)
    encoder = build_encoder(config, 4)
    assert isinstance(encoder, RecurrentEncoder)
    inputs, mask = torch.randn(3, 6, 4), torch.arange(6) < torch.tensor([[6], [2], [4]])
    outputs, state = encoder(inputs, mask)
    assert [tuple(part.shape) for part in state] == [(3, 1, 5), (3, 1, 5)]
    alone, _ = encoder(inputs[1:2, :2], None)
    torch.testing.assert_close(outputs[1, :2], alone[0])
    stepped, before = encoder.step(inputs[:, 0], encoder.initial_state(3))
    torch.testing.assert_close(stepped, outputs[:, 0])
    cell = encoder.layers[0].cells[0]
    gates = cell.gates(inputs[:, 1], tuple(part[:, 0] for part in before))
    assert [*gates] == ["gate 1", "gate 2", "gate 3"]
    outputs.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert cell.peepholes.grad.abs().sum() > 0


def test_peepholes_of_zero_are_an_lstm(cells: Path) -> None:
    torch.manual_seed(0)
    own, lstm = build_cell(KIND, 4, 5), build_cell("lstm", 4, 5)
    lstm.load_state_dict({k: v for k, v in own.state_dict().items() if k != "peepholes"})
    inputs, state = torch.randn(3, 6, 4), (torch.randn(3, 5), torch.randn(3, 5))
    torch.testing.assert_close(own.sweep(inputs, state), lstm.sweep(inputs, state))


def test_rewritten_equations_are_run_although_the_parent_has_kernels(cells: Path) -> None:
    cell = build_cell("my_cells.py:Rewritten", 4, 5)
    inputs, state = torch.randn(3, 2, 4), (torch.ones(3, 5),)
    assert cell.step(inputs[:, 0], state)[0].eq(3).all()
    assert cell.sweep(inputs, state)[0][:, 1].eq(9).all()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("my_cells.py:Peephol", "my_cells.py has no such class; did you mean 'Peephole'"),
        ("my_cells.py:NoCell", "is not a Cell: derive it from"),
        ("my_cells.py:Empty", "has no method equations"),
        ("my_cells.py:Short", "must return a tuple of 2 tensors"),
        ("my_cells.py:Wrong", "my_cells.py, line 4[0-9]: RuntimeError: mat1 and mat2"),
    ],
)
def test_faulty_cells_are_refused(cells: Path, kind: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        build_encoder(recipe(kind).encoder, 4)
    assert "\n" not in str(refused.value)


def test_without_the_file_the_recipe_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        recipe(KIND)
    assert str(refused.value) == (
        "test: encoder.kind = 'my_cells.py:Peephole': a class in a Python file, which is loaded only "
        "on request; give --code my_cells.py (code='my_cells.py' in Python)"
    )


@pytest.mark.parametrize("kind", ["Peephole", "my_cells:Peephole", "Peephole.py"])
def test_a_name_that_is_not_complete_gets_the_complete_one(cells: Path, kind: str) -> None:
    with pytest.raises(UserError, match="did you mean 'my_cells.py:Peephole'?"):
        recipe(kind)


def test_folders_of_a_comparison_have_names_that_windows_allows(cells: Path) -> None:
    plan = ComparisonPlan(["ner/quickstart"], models=["lstm", KIND])
    assert [model.name for model in plan.planned_models()] == ["lstm", "my_cells.py-Peephole"]
    folder = default_folder("ner/quickstart", ["lstm", KIND, "13/gru"])
    assert folder.parts[2:] == ("ner-quickstart", "lstm-my_cells.py-Peephole-13_gru")


@pytest.mark.parametrize("code", [5, None, [5]])
def test_code_is_a_path_or_several(code: Any) -> None:
    with pytest.raises(
        UserError, match=r"code=.*: give the path of a .py file, or a list of paths"
    ):
        nlpseq.load("somewhere", code=code)


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_needs_no_list(cells: Path, kind: type) -> None:
    with pytest.raises(UserError, match="nowhere"):
        nlpseq.load("nowhere", code=kind(cells))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "--code bad.py, line 1: SyntaxError: "),
        ("\n\nimport no_such_module_x\n", "--code bad.py, line 3: ModuleNotFoundError: No module"),
        ("def f():\n    raise ValueError\n\nf()\n", "--code bad.py, line 2: ValueError"),
    ],
)
def test_errors_in_the_file_name_their_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(UserError) as refused:
        custom_code.register([tmp_path / "bad.py"])
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_files_that_do_not_exist_or_share_a_name_are_refused(tmp_path: Path, cells: Path) -> None:
    with pytest.raises(UserError, match="no such Python file"):
        custom_code.register(tmp_path / "none.py")
    with pytest.raises(UserError, match="two files are called my_cells.py"):
        custom_code.register([cells, cells])


def test_a_changed_file_is_imported_again_an_unchanged_one_is_not(cells: Path) -> None:
    first = custom_code.lookup(KIND)
    custom_code.register(str(cells))
    assert custom_code.lookup(KIND) is first
    cells.write_text(PEEPHOLE + "\n\nx = 1\n")
    custom_code.register(str(cells))
    assert custom_code.lookup(KIND) is not first


def test_commands_for_a_recipe_name_the_files_that_it_needs() -> None:
    document = {"task": "dir/my_task.py:MyTask", "encoder": {"kind": KIND, "hidden_size": 5}}
    document |= {"decoder": {"kind": KIND}, "data": {"files": {"train": "a.txt"}}}
    assert custom_code.files_named_in(document) == ["my_task.py", "my_cells.py"]
    assert custom_code.code_options(document["encoder"]) == ["--code", "my_cells.py"]
    assert custom_code.code_options({"encoder": {"kind": "lstm"}}) == []


def test_an_interrupted_import_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "stops.py").write_text("raise KeyboardInterrupt\n")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            custom_code.register(tmp_path / "stops.py")


def test_a_task_in_a_users_file_is_trained(tmp_path: Path) -> None:
    (tmp_path / "my_task.py").write_text(
        "from nlpseq.tasks.tagging.task import Tagging\n\n\nclass MyTask(Tagging):\n    pass\n"
    )
    with pytest.raises(UserError, match="give --code my_task.py"):
        resolve("my_task.py:MyTask")
    custom_code.register(tmp_path / "my_task.py")
    assert resolve("my_task.py:MyTask").__name__ == "MyTask"
