"""Steps by columns agree with torch's own cells and linear layers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers import linear_cross_entropy
from nlpseq.layers.cells import RecurrentCell
from nlpseq.layers.cells import gru as gru_file
from nlpseq.layers.cells import lstm as lstm_file
from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cpu import small_batch_matmul
from nlpseq.layers.cpu.small_batch_matmul import (
    MOST_CELL_ROWS,
    MOST_VOCABULARY_ROWS,
    pays_off_for_few_rows,
)
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.types import State

PRECISIONS = [(torch.float64, 1e-10), (torch.float32, 1e-5)]


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use columns for one thread and small weights too; neither changes the results."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(small_batch_matmul, "MOST_SMALL_ELEMENTS", 0)


@pytest.fixture
def pays(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record each decision that the layers receive."""
    decisions: list[bool] = []

    def record(*args: Any, **options: Any) -> bool:
        decisions.append(pays_off_for_few_rows(*args, **options))
        return decisions[-1]

    monkeypatch.setattr(gru_file, "pays_off_for_few_rows", record)
    monkeypatch.setattr(lstm_file, "pays_off_for_few_rows", record)
    monkeypatch.setattr(linear_cross_entropy, "pays_off_for_few_rows", record)
    return decisions


def gru(inputs: Tensor, state: State, cell: RecurrentCell) -> State:
    return (torch.gru_cell(inputs, state[0], *cell.weights()),)


def lstm(inputs: Tensor, state: State, cell: RecurrentCell) -> State:
    return torch.lstm_cell(inputs, state, *cell.weights())


@pytest.mark.parametrize(("kind", "library"), [(GRUCell, gru), (LSTMCell, lstm)])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("rows", [1, 2, 5, 16, MOST_CELL_ROWS, MOST_CELL_ROWS + 1])
@pytest.mark.parametrize("layers", [1, 3])
@torch.no_grad()
def test_steps_agree_with_the_equations_and_torch(
    kind: type[RecurrentCell],
    library: Callable[..., State],
    dtype: torch.dtype,
    tolerance: float,
    rows: int,
    layers: int,
    pays: list[bool],
) -> None:
    torch.manual_seed(rows)
    cell, inputs = kind(7, 6).to(dtype), torch.randn(rows, 7, dtype=dtype)
    # The state of one layer of several is not contiguous.
    whole = torch.randn(cell.num_states, rows, layers, 6, dtype=dtype)
    state = tuple(whole[:, :, -1].unbind(0))
    before = whole.clone(), inputs.clone()
    found = cell.step(inputs, state)
    assert pays == [2 <= rows <= MOST_CELL_ROWS]
    assert torch.equal(whole, before[0])
    assert torch.equal(inputs, before[1])
    for expected in (cell.equations(inputs, state), library(inputs, state, cell)):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
            assert one.is_contiguous()


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(
    "shape",
    [(1,), (2,), (2, 3), (MOST_VOCABULARY_ROWS,), (MOST_VOCABULARY_ROWS + 1,), (0,)]
    + [(2, MOST_VOCABULARY_ROWS), (0, 3)],
)
@pytest.mark.parametrize("build", ["plain", "without bias", "tied"])
@torch.inference_mode()
def test_log_probabilities_are_those_of_a_linear_layer(
    dtype: torch.dtype, tolerance: float, shape: tuple[int, ...], build: str, pays: list[bool]
) -> None:
    torch.manual_seed(5)
    tied_to = nn.Parameter(torch.randn(3001, 4)) if build == "tied" else None
    layer = SoftmaxLayer(6, 3001, tied_to=tied_to, bias=build != "without bias").to(dtype)
    if layer.bias is not None:
        layer.bias.normal_()
    outputs = torch.randn(*shape, 6, dtype=dtype)
    expected = F.linear(layer.projection(outputs), layer.weight, layer.bias).log_softmax(dim=-1)
    found = layer.log_probs(outputs)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert pays == [2 <= outputs[..., 0].numel() <= MOST_VOCABULARY_ROWS]


def test_a_single_vector_and_gradients_have_log_probabilities() -> None:
    layer = SoftmaxLayer(6, 30)
    vector = torch.randn(6)
    with torch.no_grad():
        torch.testing.assert_close(layer.log_probs(vector), layer.log_probs(vector.view(1, 6))[0])
    assert layer.log_probs(vector).shape == (30,)
    layer.log_probs(torch.randn(4, 6))[:, 0].sum().backward()
    assert layer.weight.grad is not None


def narrow(rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return rows.bfloat16(), weight.bfloat16()


def mixed(rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return rows, weight.double()


def transposed(rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return rows, weight.t().contiguous().t()


def elsewhere(rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return rows.to("meta"), weight.to("meta")


@pytest.mark.parametrize("change", [narrow, mixed, transposed, elsewhere])
@torch.no_grad()
def test_other_layers_are_left_to_torch(change: Callable[..., tuple[Tensor, Tensor]]) -> None:
    rows, weight = torch.randn(4, 6), torch.randn(9, 6)
    assert pays_off_for_few_rows(rows, weight, most=4)
    assert not pays_off_for_few_rows(rows, weight, most=3)
    assert not pays_off_for_few_rows(*change(rows, weight), most=4)


@torch.no_grad()
def test_autocast_a_single_thread_and_small_weights_are_left_to_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, weight = torch.randn(4, 6), torch.randn(9, 6)
    with torch.enable_grad():
        assert not pays_off_for_few_rows(rows, weight, most=4)
    with torch.autocast("cpu"):
        assert not pays_off_for_few_rows(rows, weight, most=4)
    assert pays_off_for_few_rows(rows, weight, most=4)
    monkeypatch.setattr(small_batch_matmul, "MOST_SMALL_ELEMENTS", 54)
    assert not pays_off_for_few_rows(rows, weight, most=4)
    monkeypatch.setattr(small_batch_matmul, "MOST_SMALL_ELEMENTS", 53)
    assert pays_off_for_few_rows(rows, weight, most=4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert not pays_off_for_few_rows(rows, weight, most=4)
