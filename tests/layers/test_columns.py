"""Steps by columns against torch's own cells and linear layers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.layers import cells, softmax
from nlpseq.layers.cells import GRUCell, LSTMCell
from nlpseq.layers.columns import OF_CELL, OF_VOCABULARY, columns_pay
from nlpseq.layers.softmax import SoftmaxLayer


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are only for several; how many really compute makes no difference here."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.fixture
def pays(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the layers are told, each time that they ask."""
    told: list[bool] = []

    def listen(*args: Any, **options: Any) -> bool:
        told.append(columns_pay(*args, **options))
        return told[-1]

    monkeypatch.setattr(cells, "columns_pay", listen)
    monkeypatch.setattr(softmax, "columns_pay", listen)
    return told


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
        assert one.stride() == other.stride()


@pytest.mark.parametrize("rows", [1, 2, 5, 16, OF_CELL, OF_CELL + 1])
@pytest.mark.parametrize("layers", [1, 3])
@torch.no_grad()
def test_steps_of_cells_are_those_of_torch(rows: int, layers: int, pays: list[bool]) -> None:
    torch.manual_seed(rows)
    inputs, gru, lstm = torch.randn(rows, 7), GRUCell(7, 6), LSTMCell(7, 6)
    # The state of one layer out of several does not lie together in memory.
    h, c = (torch.randn(rows, layers, 6)[:, -1] for _ in range(2))
    kept = h.clone(), c.clone(), inputs.clone()
    assert_same(gru.step(inputs, (h,)), (torch.gru_cell(inputs, h, *gru.weights()),))
    assert_same(lstm.step(inputs, (h, c)), torch.lstm_cell(inputs, (h, c), *lstm.weights()))
    assert pays == 2 * [2 <= rows <= OF_CELL]
    assert all(map(torch.equal, (h, c, inputs), kept))


@pytest.mark.parametrize("shape", [(1,), (2,), (3, 1), (OF_VOCABULARY,), (OF_VOCABULARY + 1,)])
@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_log_probabilities_are_those_of_a_linear_layer(
    shape: tuple[int, ...], bias: bool, pays: list[bool]
) -> None:
    torch.manual_seed(5)
    layer, outputs = SoftmaxLayer(6, 3001, bias=bias), torch.randn(*shape, 6)
    if layer.bias is not None:
        layer.bias.normal_()
    expected = F.linear(outputs, layer.weight, layer.bias).log_softmax(dim=-1)
    found = layer.log_probs(outputs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert pays == [2 <= shape[0] <= OF_VOCABULARY]


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
def test_what_is_left_to_torch(change: Callable[..., tuple[Tensor, Tensor]]) -> None:
    rows, weight = torch.randn(4, 6), torch.randn(9, 6)
    assert columns_pay(rows, weight, most=4)
    assert not columns_pay(rows, weight, most=3)
    assert not columns_pay(*change(rows, weight), most=4)


def test_gradients_autocast_and_a_single_thread_are_left_to_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, weight = torch.randn(4, 6), torch.randn(9, 6)
    assert not columns_pay(rows, weight, most=4)
    with torch.no_grad():
        with torch.autocast("cpu"):
            assert not columns_pay(rows, weight, most=4)
        assert columns_pay(rows, weight, most=4)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
        assert not columns_pay(rows, weight, most=4)
