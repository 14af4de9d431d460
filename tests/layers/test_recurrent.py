"""Stacks of layers agree step by step, row by row, and with packed torch.nn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cells import KINDS, cell_class
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.types import State

INPUT, HIDDEN = 6, 8
CELLS = KINDS
LIBRARY = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def make(cell: str = "lstm", *, input_size: int = INPUT, **options: object) -> RecurrentEncoder:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(input_size, HIDDEN, cell=cell, **options)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm1d):  # as after some training
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return encoder.eval()


def mask_of(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def random_state(encoder: RecurrentEncoder, batch: int) -> State:
    return tuple(torch.randn_like(part) for part in encoder.initial_state(batch))


@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_is_repeated_step(cell: str, residual: bool, normalization: str) -> None:
    encoder = make(
        cell, input_size=HIDDEN, num_layers=3, residual=residual, normalization=normalization
    )
    inputs = torch.randn(4, 9, HIDDEN)
    state = random_state(encoder, 4)
    outputs, after = encoder(inputs, None, state)
    assert outputs.shape == (4, 9, encoder.output_dim)
    for t in range(9):
        stepped, state = encoder.step(inputs[:, t], state)
        torch.testing.assert_close(stepped, outputs[:, t], rtol=1e-5, atol=1e-5)
    for left, right in zip(state, after, strict=True):
        assert left.shape == (4, 3, HIDDEN)
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_state_carries_over_windows(cell: str) -> None:
    encoder = make(cell, num_layers=2)
    inputs = torch.randn(3, 10, INPUT)
    whole, last = encoder(inputs, None)
    first, state = encoder(inputs[:, :4], None)
    second, state = encoder(inputs[:, 4:], None, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    cell=st.sampled_from(CELLS),
    bidirectional=st.booleans(),
    normalization=st.sampled_from(["none", "layer", "batch"]),
    residual=st.booleans(),
    given_state=st.booleans(),
)
def test_batch_of_n_is_n_batches_of_one(
    lengths: list[int],
    cell: str,
    bidirectional: bool,
    normalization: str,
    residual: bool,
    given_state: bool,
) -> None:
    encoder = make(
        cell,
        num_layers=2,
        bidirectional=bidirectional,
        normalization=normalization,
        residual=residual,
    )
    inputs = torch.randn(len(lengths), max(lengths), INPUT)
    state = random_state(encoder, len(lengths)) if given_state else None
    outputs, after = encoder(inputs, mask_of(lengths), state)
    for row, length in enumerate(lengths):
        alone = None if state is None else tuple(part[row : row + 1] for part in state)
        expected, last = encoder(inputs[row : row + 1, :length], None, alone)
        torch.testing.assert_close(outputs[row, :length], expected[0], rtol=1e-5, atol=1e-5)
        assert outputs[row, length:].eq(0).all()
        for left, right in zip(after, last, strict=True):
            torch.testing.assert_close(left[row], right[0], rtol=1e-5, atol=1e-5)


def library_twin(encoder: RecurrentEncoder, kind: str, **options: object) -> nn.RNNBase:
    twin = LIBRARY[kind](INPUT, HIDDEN, batch_first=True, **options).double()
    for depth, layer in enumerate(encoder.layers):
        for cell, suffix in zip(layer.cells, ["", "_reverse"], strict=False):
            for name, parameter in cell.named_parameters():
                getattr(twin, f"{name}_l{depth}{suffix}").data.copy_(parameter.data)
    return twin


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", LIBRARY)
def test_ragged_rows_agree_with_packed_torch_nn(kind: str, bidirectional: bool) -> None:
    options = {"num_layers": 2, "bidirectional": bidirectional}
    encoder = make(kind, **options).double()
    twin = library_twin(encoder, kind, **options)
    lengths = [3, 9, 1, 6]
    inputs = torch.randn(4, 9, INPUT, dtype=torch.float64, requires_grad=True)
    state = tuple(part.requires_grad_() for part in random_state(encoder, 4))

    outputs, after = encoder(inputs, mask_of(lengths), state)
    packed = nn.utils.rnn.pack_padded_sequence(
        inputs, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    before = tuple(part.transpose(0, 1) for part in state)
    expected, last = twin(packed, before if kind == "lstm" else before[0])
    expected, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    last = tuple(part.transpose(0, 1) for part in (last if kind == "lstm" else (last,)))
    torch.testing.assert_close((outputs, *after), (expected, *last), rtol=1e-10, atol=1e-10)

    direction = [torch.randn(part.shape, dtype=torch.float64) for part in (outputs, *after)]
    ours = torch.autograd.grad(
        (outputs, *after), [inputs, *state, *encoder.parameters()], direction
    )
    theirs = torch.autograd.grad((expected, *last), [inputs, *state, *twin.parameters()], direction)
    count = 1 + len(state)
    torch.testing.assert_close(ours[:count], theirs[:count], rtol=1e-10, atol=1e-10)
    by_name = dict(zip([name for name, _ in twin.named_parameters()], theirs[count:], strict=True))
    for (name, _), gradient in zip(encoder.named_parameters(), ours[count:], strict=True):
        _, depth, _, side, leaf = name.split(".")
        peer = by_name[f"{leaf}_l{depth}" + ("_reverse" if side == "1" else "")]
        torch.testing.assert_close(gradient, peer, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_gets_no_gradient_and_a_full_mask_changes_nothing(cell: str) -> None:
    encoder = make(cell, num_layers=2, bidirectional=True, normalization="batch").train()
    inputs = torch.randn(3, 6, INPUT, requires_grad=True)
    mask = mask_of([6, 2, 4])
    outputs, state = encoder(inputs, mask)
    (outputs.square().sum() + sum(part.square().sum() for part in state)).backward()
    assert inputs.grad[~mask].eq(0).all()
    assert inputs.grad[mask].ne(0).all()
    full = encoder(inputs, torch.ones(3, 6, dtype=torch.bool)).outputs
    assert torch.equal(full, encoder(inputs, None).outputs)


@pytest.mark.parametrize("cell", CELLS)
def test_empty_row_keeps_its_state(cell: str) -> None:
    encoder = make(cell, num_layers=2, bidirectional=True)
    state = random_state(encoder, 2)
    outputs, after = encoder(torch.randn(2, 4, INPUT), mask_of([0, 4]), state)
    assert outputs[0].eq(0).all()
    for before, now in zip(state, after, strict=True):
        torch.testing.assert_close(now[0], before[0])


@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_one_backward_touches_every_parameter(
    cell: str, bidirectional: bool, normalization: str
) -> None:
    encoder = make(
        cell,
        input_size=HIDDEN,
        num_layers=2,
        bidirectional=bidirectional,
        normalization=normalization,
        residual=True,
        dropout=0.2,
        output_dropout=0.2,
        weight_drop=0.2 if "weight_drop" in cell_class(cell).options else 0.0,
    ).train()
    outputs, _ = encoder(torch.randn(4, 7, HIDDEN), mask_of([7, 2, 5, 1]))
    outputs.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_between_layers_and_after_the_last(variational: bool) -> None:
    encoder = make("gru", num_layers=2, dropout=0.5, variational=variational).train()
    inputs = torch.randn(3, 50, INPUT)
    seen: list[Tensor] = []
    encoder.layers[1].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    outputs, _ = encoder(inputs, None)
    assert outputs.ne(0).all()  # `dropout` spares the last layer
    dropped = seen[0].eq(0)
    assert 0.2 < dropped.float().mean() < 0.8
    same_all_along = (dropped == dropped[:, :1]).all()
    assert bool(same_all_along) is variational

    encoder = make("gru", num_layers=2, output_dropout=0.5, variational=variational).train()
    outputs, state = encoder(inputs, None)
    assert 0.2 < outputs.eq(0).float().mean() < 0.8
    assert state[0].ne(0).all()  # the recurrence itself is not dropped
    assert torch.equal(encoder.eval()(inputs, None).outputs, encoder(inputs, None).outputs)


def test_weight_drop_reaches_the_raw_weights_of_every_layer() -> None:
    encoder = make("lstm", num_layers=2, bidirectional=True, weight_drop=0.5).train()
    inputs = torch.randn(3, 6, INPUT)
    one, two = encoder(inputs, None).outputs, encoder(inputs, None).outputs
    assert not torch.equal(one, two)
    one.square().sum().backward()
    for layer in encoder.layers:
        for cell in layer.cells:
            share = cell.weight_hh.grad.eq(0).float().mean().item()
            assert 0.3 < share < 0.7
    encoder.eval()
    assert torch.equal(encoder(inputs, None).outputs, encoder(inputs, None).outputs)


def test_residual_only_where_sizes_agree() -> None:
    assert [layer.residual for layer in make(num_layers=3, residual=True).layers] == [
        False,
        True,
        True,
    ]
    wide = make(input_size=2 * HIDDEN, num_layers=2, bidirectional=True, residual=True)
    assert [layer.residual for layer in wide.layers] == [True, True]
    assert not any(layer.residual for layer in make(input_size=HIDDEN, num_layers=2).layers)


def test_shapes_and_causality() -> None:
    both = make("lstm", num_layers=2, bidirectional=True)
    assert both.output_dim == 2 * HIDDEN
    assert not both.causal
    assert [part.shape for part in both.initial_state(3)] == [(3, 4, HIDDEN)] * 2
    with pytest.raises(TypeError, match="bidirectional"):
        both.step(torch.randn(3, INPUT), both.initial_state(3))
    one = make("gru").double()
    assert one.output_dim == HIDDEN
    assert one.causal
    (zeros,) = one.initial_state(3)
    assert zeros.dtype == torch.float64


@pytest.mark.parametrize("cell", CELLS)
def test_built_on_the_meta_device(cell: str) -> None:
    with torch.device("meta"):
        encoder = RecurrentEncoder(INPUT, HIDDEN, cell=cell, num_layers=2, normalization="batch")
    assert all(parameter.is_meta for parameter in encoder.parameters())
    real = make(cell, num_layers=2, normalization="batch")
    encoder.load_state_dict(real.state_dict(), assign=True)
    inputs = torch.randn(2, 3, INPUT)
    assert torch.equal(encoder.eval()(inputs, None).outputs, real(inputs, None).outputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "ltsm"}, "did you mean 'lstm'"),
        ({"cell": "mingru", "weight_drop": 0.5}, "no recurrent weights"),
        ({"kernel": "fast"}, "choose auto or equations"),
        ({"normalization": "group"}, "none, layer or batch"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RecurrentEncoder(INPUT, HIDDEN, **options)
