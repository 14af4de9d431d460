"""Gradient flow agrees with products of Jacobians and with finite differences."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nlpseq.analysis.gradient_flow import flow, gradient_flow, spectral_radii
from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.errors import UserError
from nlpseq.layers.cells.rnn import RNNCell
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.layers.transformer import TransformerEncoder
from nlpseq.models.model import Model
from nlpseq.types import State

B, T, D, H, K = 3, 9, 4, 5, 6
PLACES = [6, 8]


def recurrent(**options: Any) -> RecurrentEncoder:
    torch.manual_seed(0)
    return RecurrentEncoder(D, H, **options).double().eval()


def vectors() -> Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


DIRECTION = torch.linspace(-1, 2, H, dtype=torch.float64)


def along(outputs: Tensor, place: int) -> Tensor:
    """Return a loss that is not linear, so that its derivative depends on the point."""
    return (outputs @ DIRECTION[: outputs.size(1)]).sin() * (place + 1)


def test_a_plain_rnn_has_the_norms_of_the_product_of_its_jacobians() -> None:
    encoder = recurrent(cell="rnn")
    cell = encoder.layers[0].cells[0]
    assert isinstance(cell, RNNCell)
    inputs = vectors()
    found = flow(encoder, inputs, along, PLACES, K)
    outputs = encoder(inputs, None).outputs.detach()
    for row in range(B):
        for place, norms in zip(PLACES, found[:, row], strict=True):
            h = outputs[row]
            scale = (h[place] @ DIRECTION).cos() * (place + 1)
            gradient = scale * DIRECTION
            for k in range(K + 1):
                assert norms[k] == pytest.approx(gradient.norm().item(), rel=1e-9)
                gradient = gradient * (1 - h[place - k].square()) @ cell.weight_hh.detach()


def continued(encoder: Encoder, inputs: Tensor, state: State, begin: int, place: int) -> Tensor:
    """Return the loss (B,) at a position, computed from the state before token `begin`."""
    for number in range(begin, place + 1):
        outputs, state = encoder.step(inputs[:, number], state)
    return along(outputs, place)


def numerical(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    """Return the gradient (B, N) of losses (B,) by central differences of the entries (B, N) of each row."""
    columns = []
    for entry in range(at.size(1)):
        change = torch.zeros_like(at)
        change[:, entry] = step
        columns.append((function(at + change) - function(at - change)) / (2 * step))
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "num_layers": 2},
        {"cell": "gru", "residual": True, "num_layers": 2, "normalization": "layer"},
        {"cell": "mingru"},
        {"cell": "rnn", "nonlinearity": "relu"},
    ],
    ids=lambda options: options["cell"],
)
@torch.no_grad()
def test_norms_of_states_agree_with_finite_differences(options: dict[str, Any]) -> None:
    encoder, inputs = recurrent(**options), vectors()
    found = flow(encoder, inputs, along, PLACES, K)
    for place, norms in zip(PLACES, found, strict=True):
        for k in (1, 2, K):
            state = encoder(inputs[:, : place - k + 1], None).state
            flat = torch.cat([part.flatten(1) for part in state], dim=1)  # (B, parts L H)
            shapes = [part.shape for part in state]

            def loss(at: Tensor, place: int = place, k: int = k, shapes: Any = shapes) -> Tensor:
                parts = at.chunk(len(shapes), dim=1)
                given = tuple(
                    part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)
                )
                return continued(encoder, inputs, given, place - k + 1, place)

            expected = numerical(loss, flat).norm(dim=1)
            torch.testing.assert_close(norms[:, k], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
@torch.no_grad()
def test_other_encoders_are_measured_by_their_inputs(bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoder: Encoder = TransformerEncoder(D, 4, num_layers=2, num_heads=2, feedforward_size=6)
    if bidirectional:
        encoder = RecurrentEncoder(D, H, bidirectional=True)
    encoder, inputs = encoder.double().eval(), vectors()

    def losses(outputs: Tensor, place: int) -> Tensor:
        return outputs.square().sum(1) + outputs[:, 0]

    found = flow(encoder, inputs, losses, PLACES, K)
    for place, norms in zip(PLACES, found, strict=True):
        for k in (1, K):

            def loss(at: Tensor, place: int = place, k: int = k) -> Tensor:
                changed = inputs.clone()
                changed[:, place - k] = at
                return losses(encoder(changed, None).outputs[:, place], place)

            expected = numerical(loss, inputs[:, place - k]).norm(dim=1)
            torch.testing.assert_close(norms[:, k], expected, rtol=1e-5, atol=1e-9)


def model_of(encoder: Encoder, head: nn.Module | None = None) -> Model[Any]:
    torch.manual_seed(3)
    embedding = Embedding(TokenEmbedding(11, D, pad_id=0, unk_id=1))
    return Model(embedding, encoder, head or SoftmaxLayer(encoder.output_dim, 11)).float()


def reading(rows: list[list[int]], targets: Any = "next") -> ModelInput:
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    lengths = torch.tensor(list(map(len, rows)))
    if targets == "next":
        targets = torch.full_like(ids, -1)
        for number, row in enumerate(rows):
            targets[number, : len(row) - 1] = torch.tensor(row[1:])
    return ModelInput(Tokens(ids, lengths), [list(map(str, row)) for row in rows], targets)


@pytest.mark.parametrize(("factor", "kept"), [(0.5, 0.5**7), (1.0, 1.0), (1.5, 1.5**7)])
def test_a_linear_recurrence_vanishes_or_explodes_by_its_radius(factor: float, kept: float) -> None:
    encoder = RecurrentEncoder(D, H, cell="rnn", nonlinearity="relu")
    cell: Any = encoder.layers[0].cells[0]
    with torch.no_grad():
        cell.weight_hh.copy_(factor * torch.eye(H))
        cell.bias_ih.fill_(5.0)  # so that no unit is closed
    found = gradient_flow(model_of(encoder), reading([[2, 5, 3, 7, 4, 9, 8, 2, 6, 3]]), distance=8)
    assert found.kept == pytest.approx(kept, rel=1e-4)
    assert found.rate == pytest.approx(factor, rel=1e-5)
    assert spectral_radii(encoder) == {"layer 1": pytest.approx(factor)}


def test_the_mean_is_over_all_positions_and_sequences() -> None:
    """Single positions, with the head's own nll as the loss, have the same mean."""
    model = model_of(RecurrentEncoder(D, H))
    rows = [[2, 5, 3, 7, 4, 9, 8], [3, 3, 6, 5, 4], [2, 2]]  # the last text is too short for K = 3
    found = gradient_flow(model, reading(rows), distance=3)
    alone = []
    for row in rows[:2]:
        inputs = model.embedding(Tokens.unpadded(torch.tensor([row]))).detach()
        for place in range(3, len(row) - 1):
            target = torch.tensor([row[place + 1]])
            norms = flow(
                model.encoder,
                inputs,
                lambda out, _, target=target: -model.head.log_probs(out)[0, target],
                [place],
                3,
            )
            alone.append(norms[0, 0])
    assert found.losses == len(alone) == 4
    torch.testing.assert_close(torch.tensor(found.norms), torch.stack(alone).mean(0))


def test_short_texts_are_joined_and_none_is_too_short() -> None:
    model = model_of(RecurrentEncoder(D, H))
    found = gradient_flow(model, reading([[2, 5, 3], [4, 6], [7, 8, 9]] * 4), distance=10)
    assert len(found.norms) == 11
    one = gradient_flow(model, reading([[2, 5]]), distance=10)
    assert len(one.norms) == one.losses == 1
    assert math.isnan(one.kept)
    with pytest.raises(UserError, match="predicts no token"):
        gradient_flow(model, reading([[2]]), distance=10)


def test_only_answers_count_where_only_answers_are_predicted() -> None:
    model = model_of(RecurrentEncoder(D, H, cell="gru"))
    targets = torch.tensor([[-1, -1, -1, -1, 4, -1]])
    found = gradient_flow(model, reading([[2, 5, 3, 7, 4, 4]], targets), distance=3)
    assert (found.losses, found.measured_at) == (1, "states")


@pytest.mark.parametrize(
    "head",
    [AdaptiveSoftmaxLayer(2 * H, 11, cutoffs=(4,)), nn.Linear(2 * H, 3)],
    ids=["adaptive", "other"],
)
def test_any_head_works_and_padding_changes_nothing(head: nn.Module) -> None:
    model = model_of(RecurrentEncoder(D, H, bidirectional=True), head)
    adaptive = isinstance(head, AdaptiveSoftmaxLayer)
    rows, targets = [[2, 5, 3, 7, 4, 9, 8], [3, 3, 6, 5, 4]], "next" if adaptive else None
    found = gradient_flow(model, reading(rows, targets), distance=3)
    each = [gradient_flow(model, reading([row], targets), distance=3) for row in rows]
    assert found.measured_at == "inputs"
    if adaptive:
        total = sum(one.losses for one in each)
        means = [
            sum(a * one.losses for a, one in zip(part, each, strict=True)) / total
            for part in zip(*(o.norms for o in each), strict=True)
        ]
        assert found.norms == pytest.approx(means, rel=1e-5)


def test_radii_of_gates_have_their_names() -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(D, H, cell="gru", bidirectional=True)
    cell: Any = encoder.layers[0].cells[1]
    radii = spectral_radii(encoder)
    assert len(radii) == 6
    block = cell.weight_hh[2 * H :].detach().double()
    power = torch.linalg.matrix_power(block, 200).norm().item() ** (1 / 200)  # Gelfand's formula
    assert radii["layer 1 backward candidate"] == pytest.approx(power, rel=0.02)
    assert spectral_radii(RecurrentEncoder(D, H, cell="mingru")) == {}
