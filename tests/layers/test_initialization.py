import math

import pytest
import torch
from torch import Tensor

from nlpseq.errors import UserError
from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cells.mingru import MinGRUCell
from nlpseq.layers.cells.rnn import RNNCell
from nlpseq.layers.initialization import SCHEMES, initialize
from nlpseq.layers.recurrent import RecurrentEncoder


def gates(weight: Tensor, hidden_size: int) -> list[Tensor]:
    return list(weight.detach().split(hidden_size))


@pytest.mark.parametrize("cell_class", [LSTMCell, GRUCell, RNNCell])
def test_orthogonal_recurrence_gate_by_gate(cell_class: type) -> None:
    cell = cell_class(10, 16)
    initialize(cell, "orthogonal")
    parts = gates(cell.weight_hh, 16)
    assert len(parts) == cell.num_gates
    for gate in parts:
        torch.testing.assert_close(gate @ gate.t(), torch.eye(16), rtol=0, atol=1e-5)
    bound = math.sqrt(6 / (10 + 16))  # Xavier's, of one gate
    assert 0.9 * bound < cell.weight_ih.abs().max() <= bound
    assert cell.bias_ih.eq(0).all()


def test_identity_recurrence() -> None:
    encoder = RecurrentEncoder(10, 16, cell="rnn", nonlinearity="relu", num_layers=2)
    initialize(encoder, "identity")
    for layer in encoder.layers:
        cell = layer.cells[0]
        assert torch.equal(cell.weight_hh, torch.eye(16))
        assert cell.bias_hh.eq(0).all()
        assert 0 < cell.weight_ih.abs().max() < 0.01
    hidden = torch.rand(3, 16)  # an identity ReLU RNN remembers what it holds
    (after,) = encoder.layers[0].cells[0].step(torch.zeros(3, 10), (hidden,))
    torch.testing.assert_close(after, hidden)


def test_identity_is_for_plain_rnns() -> None:
    with pytest.raises(UserError, match="identity"):
        initialize(LSTMCell(3, 4), "identity")


def test_xavier_uses_the_fans_of_one_gate() -> None:
    cell = LSTMCell(30, 50)
    initialize(cell, "xavier")
    for gate in gates(cell.weight_hh, 50):
        bound = math.sqrt(6 / 100)
        assert 0.95 * bound < gate.abs().max() <= bound


def test_he_has_the_variance_of_relu() -> None:
    cell = RNNCell(200, 100, nonlinearity="relu")
    initialize(cell, "he", nonlinearity="relu")
    assert cell.weight_ih.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.05)
    assert cell.weight_hh.std().item() == pytest.approx(math.sqrt(2 / 100), rel=0.05)
    initialize(cell, "he", nonlinearity="linear")
    assert cell.weight_ih.std().item() == pytest.approx(math.sqrt(1 / 200), rel=0.05)


def test_uniform_draws_everything_within_its_bound() -> None:
    cell = LSTMCell(30, 50)
    initialize(cell, "uniform", bound=0.2)
    for parameter in cell.parameters():
        assert 0.15 < parameter.abs().max() <= 0.2


def test_default_is_that_of_torch() -> None:
    cell = LSTMCell(6, 5)
    initialize(cell, "uniform", bound=9.0)
    initialize(cell, "default")
    for parameter in cell.parameters():
        assert parameter.abs().max() <= 1 / math.sqrt(5)
        assert parameter.abs().max() > 0.3


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s != "identity"])
def test_forget_bias_is_the_sum_of_both(scheme: str) -> None:
    encoder = RecurrentEncoder(6, 8, num_layers=2, bidirectional=True)
    initialize(encoder, scheme, forget_bias=1.0)
    for layer in encoder.layers:
        for cell in layer.cells:
            forget = slice(8, 16)
            assert (cell.bias_ih + cell.bias_hh)[forget].eq(1).all()
            assert not (cell.bias_ih + cell.bias_hh)[:8].eq(1).any()
    initialize(encoder, "uniform")
    assert not encoder.layers[0].cells[0].bias_ih[8:16].eq(1).any()


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s != "identity"])
def test_cells_without_a_forget_gate(scheme: str) -> None:
    for cell in (GRUCell(6, 8), MinGRUCell(6, 8)):
        before = cell.weight_ih.detach().clone()
        initialize(cell, scheme, forget_bias=1.0)
        assert not torch.equal(cell.weight_ih, before)
        assert not cell.bias_ih.eq(1).any()


def test_unknown_scheme() -> None:
    with pytest.raises(UserError, match="orthogonal"):
        initialize(LSTMCell(3, 4), "orthonormal")
