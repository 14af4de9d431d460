"""Every cell in three forms (equations, step, sweep) agrees with torch.nn in values and gradients."""

import pytest
import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cells import KINDS, Cell, build_cell, cell_class
from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cells.lstm import LSTMCell
from nlpseq.layers.cells.rnn import RNNCell
from nlpseq.recipe.cells import CELLS
from nlpseq.types import State

BATCH, TIME, INPUT, HIDDEN = 5, 7, 6, 8

PAIRS = {
    "rnn-tanh": (RNNCell, nn.RNN, {}),
    "rnn-relu": (RNNCell, nn.RNN, {"nonlinearity": "relu"}),
    "gru": (GRUCell, nn.GRU, {}),
    "lstm": (LSTMCell, nn.LSTM, {}),
}
ALL = {kind: (cell_class(kind), {}) for kind in KINDS}
ALL |= {name: (cell, options) for name, (cell, _, options) in PAIRS.items()}
PRECISIONS = [(torch.float64, 1e-10), (torch.float32, 1e-5)]


def make(name: str, dtype: torch.dtype = torch.float64) -> Cell:
    torch.manual_seed(1)
    cell, options = ALL[name]
    return cell(INPUT, HIDDEN, **options).to(dtype)


def window(cell: Cell, dtype: torch.dtype = torch.float64) -> tuple[Tensor, State]:
    torch.manual_seed(2)
    inputs = torch.randn(BATCH, TIME, INPUT, dtype=dtype, requires_grad=True)
    state = tuple(
        torch.randn(BATCH, HIDDEN, dtype=dtype, requires_grad=True) for _ in range(cell.num_states)
    )
    return inputs, state


def gradients(results: tuple[Tensor, ...], wrt: list[Tensor]) -> list[Tensor]:
    """Return gradients of a fixed random combination of all results."""
    torch.manual_seed(3)
    total = sum((torch.randn(part.shape, dtype=part.dtype) * part).sum() for part in results)
    return list(torch.autograd.grad(total, wrt))


def assert_all_close(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    assert len(ours) == len(theirs)
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def unrolled(cell: Cell, how: str, inputs: Tensor, state: State) -> tuple[Tensor, ...]:
    outputs = []
    for token in inputs.unbind(1):
        state = getattr(cell, how)(token, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), *state


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_sweep_agrees_with_torch_nn(name: str, dtype: torch.dtype, tolerance: float) -> None:
    cell = make(name, dtype)
    _, library, options = PAIRS[name]
    peer = library(INPUT, HIDDEN, batch_first=True, **options).to(dtype)
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    peer.load_state_dict({f"{n}_l0": getattr(cell, n) for n in names})
    inputs, state = window(cell, dtype)

    outputs, after = cell.sweep(inputs, state)
    before = tuple(part.unsqueeze(0) for part in state)
    expected, last = peer(inputs, before if name == "lstm" else before[0])
    last = tuple(part.squeeze(0) for part in (last if name == "lstm" else (last,)))

    assert_all_close([outputs, *after], [expected, *last], tolerance)
    assert_all_close(
        gradients((outputs, *after), [inputs, *state, *(getattr(cell, n) for n in names)]),
        gradients((expected, *last), [inputs, *state, *(getattr(peer, n + "_l0") for n in names)]),
        tolerance * 10,  # sums over batch and time
    )


@pytest.mark.parametrize("how", ["equations", "step"])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("name", ALL)
def test_sweep_is_repeated_steps(name: str, dtype: torch.dtype, tolerance: float, how: str) -> None:
    cell = make(name, dtype)
    inputs, state = window(cell, dtype)
    outputs, after = cell.sweep(inputs, state)
    expected = unrolled(cell, how, inputs, state)
    assert_all_close([outputs, *after], list(expected), tolerance)
    wrt = [inputs, *state, *cell.parameters()]
    assert_all_close(gradients((outputs, *after), wrt), gradients(expected, wrt), tolerance * 10)


@pytest.mark.parametrize("name", ALL)
def test_state_is_that_after_the_last_real_token(name: str) -> None:
    cell = make(name)
    inputs, state = window(cell)
    lengths = torch.tensor([7, 3, 1, 0, 5])
    outputs, after = cell.sweep(inputs, state, lengths)
    wrt = [inputs, *state, *cell.parameters()]
    values, parts = [], []
    for row, length in enumerate(lengths.tolist()):
        row_state = tuple(part[row : row + 1] for part in state)
        result = (
            unrolled(cell, "equations", inputs[row : row + 1, :length], row_state) if length else ()
        )
        values.append(result[1:] or row_state)
        parts.append(outputs[row, :length])
        if length:
            torch.testing.assert_close(parts[-1], result[0][0], rtol=1e-10, atol=1e-10)
    expected = tuple(torch.cat(columns) for columns in zip(*values, strict=True))
    assert_all_close(list(after), list(expected), 1e-10)
    assert_all_close(gradients(after, wrt), gradients(expected, wrt), 1e-10)


@pytest.mark.parametrize("name", ["rnn-tanh", "rnn-relu", "gru"])
def test_the_library_sweep_agrees(name: str) -> None:
    """The library sweep runs where nlpseq has no CPU kernel."""
    cell = make(name)
    inputs, state = window(cell)
    torch.testing.assert_close(cell.library_sweep(inputs, state), cell.sweep(inputs, state)[0])


@pytest.mark.parametrize("name", [kind for kind in KINDS if cell_class(kind).num_states == 1])
def test_gradcheck_of_our_kernels(name: str) -> None:
    torch.manual_seed(0)
    cell = ALL[name][0](2, 3).double()
    inputs = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    hidden = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in cell.named_parameters()]

    def run(inputs: Tensor, hidden: Tensor, *values: Tensor) -> Tensor:
        other = ALL[name][0](2, 3).double()
        for parameter, value in zip(names, values, strict=True):
            delattr(other, parameter)
            setattr(other, parameter, value)
        return other.sweep(inputs, (hidden,))[0]

    assert torch.autograd.gradcheck(run, (inputs, hidden, *cell.parameters()))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("weight_drop", [0.0, 0.5])
def test_lstm_takes_the_onednn_kernel_in_training(weight_drop: float, ragged: bool) -> None:
    cell = LSTMCell(INPUT, HIDDEN, weight_drop=weight_drop)
    inputs, state = window(cell, torch.float32)
    lengths = torch.tensor([7, 3, 1, 2, 5]) if ragged else None
    with torch.profiler.profile() as profile:
        cell.sweep(inputs, state, lengths)[0].sum().backward()
    kernels = {event.key for event in profile.key_averages()}
    assert "aten::mkldnn_rnn_layer" in kernels
    assert "aten::mkldnn_rnn_layer_backward" in kernels


@pytest.mark.parametrize("name", ["rnn-tanh", "gru", "lstm"])
def test_weight_drop_drops_in_training_only(name: str) -> None:
    cell_class, options = ALL[name]
    torch.manual_seed(4)
    cell = cell_class(INPUT, 30, weight_drop=0.4, **options)
    inputs = torch.randn(BATCH, TIME, INPUT)
    state = tuple(torch.randn(BATCH, 30) for _ in range(cell.num_states))

    one, two = cell.sweep(inputs, state)[0], cell.sweep(inputs, state)[0]
    assert (one - two).abs().max() > 1e-3
    one.square().sum().backward()
    untouched = cell.weight_hh.grad == 0  # a dropped weight has no part in the result
    assert abs(untouched.float().mean().item() - 0.4) < 0.05
    assert cell.weight_hh.grad[~untouched].abs().min() > 0

    cell.eval()
    plain = cell_class(INPUT, 30, **options)
    plain.load_state_dict(cell.state_dict())
    assert torch.equal(cell.sweep(inputs, state)[0], plain.sweep(inputs, state)[0])


@pytest.mark.parametrize("name", ALL)
def test_sweep_under_autocast(name: str) -> None:
    cell = make(name, torch.float32)
    inputs, state = window(cell, torch.float32)
    exact, _ = cell.sweep(inputs, state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, after = cell.sweep(inputs, state, torch.tensor([7, 3, 1, 2, 5]))
        stepped = cell.step(inputs[:, 0], state)
    outputs.float().sum().backward()
    assert all(parameter.grad is not None for parameter in cell.parameters())
    assert (outputs[0] - exact[0]).abs().max() < 0.05
    assert (stepped[0] - exact[:, 0]).abs().max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_equations_can_be_run_instead_of_the_kernels(kind: str) -> None:
    fast = make(kind)
    readable = build_cell(kind, INPUT, HIDDEN, kernel="equations").double()
    readable.load_state_dict(fast.state_dict())
    assert type(readable).__name__ == type(fast).__name__
    assert isinstance(readable, type(fast))
    inputs, state = window(fast)
    lengths = torch.tensor([7, 3, 1, 0, 5])
    wrt = [inputs, *state]
    expected, last = fast.sweep(inputs, state, lengths)
    outputs, after = readable.sweep(inputs, state, lengths)
    real = torch.arange(TIME) < lengths.unsqueeze(1)
    assert_all_close([outputs[real], *after], [expected[real], *last], 1e-10)
    assert_all_close(
        [*gradients((outputs[real], *after), [*wrt, *readable.parameters()])],
        [*gradients((expected[real], *last), [*wrt, *fast.parameters()])],
        1e-9,
    )
    assert_all_close(
        list(readable.step(inputs[:, 0], state)), list(fast.step(inputs[:, 0], state)), 1e-10
    )


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_the_equations_drop_the_same_weights(kind: str) -> None:
    torch.manual_seed(4)
    fast = cell_class(kind)(INPUT, HIDDEN, weight_drop=0.5).double()
    readable = build_cell(kind, INPUT, HIDDEN, kernel="equations", weight_drop=0.5).double()
    readable.load_state_dict(fast.state_dict())
    inputs, state = window(fast)
    results = []
    for cell in (fast, readable):
        torch.manual_seed(5)
        results.append([*cell.sweep(inputs, state)[0].unbind(0), *cell.step(inputs[:, 0], state)])
    assert_all_close(*results, 1e-10)
    assert isinstance(readable.weight_hh, nn.Parameter)
    assert [*readable.state_dict()] == [*fast.state_dict()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_equation_changes_the_result(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = build_cell(kind, INPUT, HIDDEN, kernel="equations")
    inputs, state = window(cell, torch.float32)
    old = type(cell).equations
    monkeypatch.setattr(
        cell_class(kind), "equations", lambda *given: tuple(2 * part for part in old(*given))
    )
    before = old(cell, inputs[:, 0], state)
    torch.testing.assert_close(cell.step(inputs[:, 0], state)[0], 2 * before[0])
    torch.testing.assert_close(cell.sweep(inputs, state)[0][:, 0], 2 * before[0])


def test_recipes_know_the_same_kinds_and_describe_each() -> None:
    assert tuple(CELLS) == KINDS
    assert all(len(line) > 20 for line in CELLS.values())


def test_gates_of_equations_alone_are_their_sigmoids() -> None:
    cell = make("gru")
    inputs, state = window(cell)
    gates = Cell.gates(cell, inputs[:, 0], state)
    own = cell.gates(inputs[:, 0], state)
    assert [*gates] == ["gate 1", "gate 2"]
    assert_all_close([*gates.values()], [own["reset"], own["update"]], 1e-12)
    assert make("rnn").gates(inputs[:, 0], state) == {}


def test_bad_options() -> None:
    with pytest.raises(UserError, match="tanh or relu"):
        RNNCell(2, 3, nonlinearity="sigmoid")
    with pytest.raises(UserError, match="weight_drop"):
        LSTMCell(2, 3, weight_drop=1.0)
