"""How much of a loss's gradient reaches back through time: its norm against the distance that it has come.

With s(t) all that an encoder hands from token t to token t + 1 (every layer, h and, of an LSTM, c) and y(t)
its output at t, what is measured is

    k = 0    | d loss(t) / d y(t) |
    k > 0    | d loss(t) / d s(t - k) |  =  | d loss(t) / d s(t - 1)  J(t - 1)  J(t - 2) ... J(t - k + 1) |

where J(j) = d s(j) / d s(j - 1). The products vanish where the Jacobians shrink and explode where they
stretch (Bengio et al. 1994; Hochreiter 1998; Pascanu et al. 2013, equations 5 to 7). The norm is Euclidean,
taken for each sequence, and averaged over places t and sequences; all t are at least as large as the largest
k, so every point of the curve is the mean over the same losses.

loss(t) is the nll in nats of the token that comes next, where the model is a language model. Any other model
has no loss a token: there it is the product of the output y(t) with a fixed random direction of length 1.

An encoder that is not recurrent, or not causal, hands on no state. There s(t - k) is the vector x(t - k) that
its first layer reads at that token: the natural h of a Transformer, whose gradient has one path through
each layer's attention instead of one through k steps.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nlpseq.data.batch import Reading
from nlpseq.errors import UserError
from nlpseq.layers.cells import Cell, RecurrentCell
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.models.model import Model

Losses = Callable[[Tensor, int], Tensor]
"""Outputs (B, H) at place t, and t -> the losses (B,), or their sum where each is of one row only."""

NOTHING = -1  # a target that is none
LONGEST = 256  # tokens of a text beside the largest k: what is behind them is not read


class Flow(NamedTuple):
    """The measured curve.

    Attributes:
        of: "states", or "inputs" where the encoder hands on none.
        norms: mean norm for k = 0, 1, ..., K.
        losses: over how many (place, sequence) pairs the mean is.
    """

    of: str
    norms: list[float]
    losses: int

    @property
    def kept(self) -> float:
        """Of the norm at k = 1, how much is left at K; nan if there is none, or no K above 1."""
        return self.norms[-1] / self.norms[1] if len(self.norms) > 2 and self.norms[1] else math.nan

    @property
    def rate(self) -> float:
        """Mean factor a step from k = 1 to K: the (K - 1)th root of `kept`."""
        return float(self.kept ** (1 / max(len(self.norms) - 2, 1)))


@torch.enable_grad()
def flow(
    encoder: Encoder,
    vectors: Tensor,
    losses: Losses,
    places: Sequence[int],
    distance: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Norms of the gradients of losses at some places.

    Args:
        encoder: in evaluation mode.
        vectors: (B, T, D) that it reads.
        losses: what to differentiate.
        places: P tokens t, each at least `distance`.
        distance: K.
        mask: (B, T) True at real tokens; None: there is no padding.

    Returns:
        (P, B, K + 1), see above; undefined where a row has no token at that place.
    """
    assert min(places) >= distance
    vectors = vectors.detach().requires_grad_()  # so that all that follows has a graph
    if has_states(encoder):
        return _through_states(encoder, vectors, losses, places, distance)
    outputs = encoder(vectors, mask).outputs  # (B, T, H)
    found = []
    for place in places:
        at = outputs[:, place]
        total = losses(at, place).sum()
        at_output, at_inputs = torch.autograd.grad(total, [at, vectors], retain_graph=True)
        back = at_inputs[:, place - distance : place].flip(1).norm(dim=2)  # (B, K), from k = 1 on
        found.append(torch.cat([at_output.norm(dim=1, keepdim=True), back], dim=1))
    return torch.stack(found)


def has_states(encoder: Encoder) -> bool:
    """Whether gradients are taken of the states that it hands on; else they are of its inputs."""
    return isinstance(encoder, RecurrentEncoder) and encoder.causal


def _through_states(
    encoder: Encoder, vectors: Tensor, losses: Losses, places: Sequence[int], distance: int
) -> Tensor:
    """By single steps, so that each state is a tensor of its own to differentiate by."""
    state, states, outputs = encoder.initial_state(len(vectors)), [], []
    for inputs in vectors[:, : max(places) + 1].unbind(1):
        output, state = encoder.step(inputs, state)
        states.append(state)
        outputs.append(output)
    parts = len(state)
    found = []
    for place in places:
        total = losses(outputs[place], place).sum()
        wanted = [part for state in states[place - distance : place][::-1] for part in state]
        at_output, *rest = torch.autograd.grad(total, [outputs[place], *wanted], retain_graph=True)
        norms = [at_output.norm(dim=1)]  # (B,) each
        for begin in range(0, len(rest), parts):
            squares = [part.square().sum((1, 2)) for part in rest[begin : begin + parts]]
            norms.append(torch.stack(squares).sum(0).sqrt())
        found.append(torch.stack(norms, dim=1))
    return torch.stack(found)


def gradient_flow(
    model: Model[Any],
    reading: Reading,
    *,
    distance: int = 50,
    sequences: int = 16,
    places: int = 16,
) -> Flow:
    """Measure a model on texts.

    Texts of more than `distance` tokens are read each from a fresh state; where there are none, all texts are
    joined and cut into pieces of twice that length.

    Args:
        model: trained or fresh; it is put into evaluation mode.
        reading: texts as the model reads them.
        distance: K, the largest k; lowered where the texts are shorter.
        sequences: at most so many.
        places: at most so many places t of a sequence, evenly spread.

    Raises:
        UserError: the model predicts no token of these texts.
    """
    model.eval()
    with torch.no_grad():
        vectors = model.embedding(reading.tokens)  # (B, T, D)
    inputs, targets, mask = _padded(_rows(vectors, reading, distance, sequences))
    asked = targets != NOTHING  # (B, T)
    wanted = asked.any(0).nonzero().flatten()
    if not len(wanted):
        raise UserError("no gradient to measure: the model predicts no token of these texts")
    distance = min(distance, int(wanted[-1]))
    some = wanted[wanted >= distance]
    chosen = some[torch.linspace(0, len(some) - 1, min(places, len(some))).round().long()].tolist()
    norms = flow(model.encoder, inputs, _losses(model, targets), chosen, distance, mask)
    kept = norms[asked[:, chosen].t()].double()  # (N, K + 1)
    of = "states" if has_states(model.encoder) else "inputs"
    return Flow(of, kept.mean(0).tolist(), len(kept))


def _rows(
    vectors: Tensor, reading: Reading, distance: int, number: int
) -> list[tuple[Tensor, Tensor]]:
    """Vectors (T, D) and targets (T,) of the sequences to measure on."""
    tokens = reading.tokens
    targets = torch.zeros_like(tokens.ids) if reading.targets is None else reading.targets
    longest = distance + LONGEST
    rows = [
        (vectors[row, : min(length, longest)], targets[row, : min(length, longest)])
        for row, length in enumerate(tokens.lengths.tolist())
    ]
    long = [row for row in rows if bool((row[1][distance:] != NOTHING).any())]
    if not long:
        joined = [torch.cat(parts) for parts in zip(*rows, strict=True)]
        long = list(zip(*(part.split(2 * distance) for part in joined), strict=True))
        long = [row for row in long if len(row[0]) == 2 * distance] or long[:1]
    return long[:number]


def _padded(rows: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Vectors (B, T, D), targets (B, T), and the mask (B, T) where rows differ in length."""
    inputs = pad_sequence([row for row, _ in rows], batch_first=True)
    targets = pad_sequence([row for _, row in rows], batch_first=True, padding_value=NOTHING)
    lengths = torch.tensor([len(row) for row, _ in rows])
    if bool((lengths == lengths[0]).all()):
        return inputs, targets, None
    mask = torch.arange(inputs.size(1)) < lengths.unsqueeze(1)
    return inputs, targets, mask.to(inputs.device)


def _losses(model: Model[Any], targets: Tensor) -> Losses:
    """The nll of each row's target, where the model gives one; else a random direction of the output."""
    head = model.head
    if isinstance(head, SoftmaxLayer | AdaptiveSoftmaxLayer):

        def nll(outputs: Tensor, place: int) -> Tensor:
            rows = targets[:, place] != NOTHING
            loss: Tensor = head.loss(outputs[rows], targets[rows, place])
            return loss

        return nll
    size = model.encoder.output_dim
    direction = torch.randn(size, generator=torch.Generator().manual_seed(0))
    direction = (direction / direction.norm()).to(targets.device)
    return lambda outputs, place: outputs @ direction.to(outputs)


def spectral_radii(encoder: Encoder) -> dict[str, float]:
    """The largest modulus of the eigenvalues of each recurrent matrix (H, H), by its place.

    Of a plain RNN it says what becomes of gradients in the long run where no unit is saturated: they vanish
    below 1 and can explode above; slopes of tanh, 1 at most, shrink them further (Pascanu et al. 2013,
    section 2.1). A gated cell has a matrix a gate, and none of them alone decides. A minGRU has none.
    """
    radii = {}
    for name, cell in encoder.named_modules():
        if isinstance(cell, Cell) and isinstance(cell, RecurrentCell):
            blocks = cell.weight_hh.detach().double().chunk(cell.num_gates)
            gates = {1: [""], 3: [" reset", " update", " candidate"]}.get(
                cell.num_gates, [" input", " forget", " candidate", " output"]
            )
            for gate, block in zip(gates, blocks, strict=True):
                label = f"{_place(name)}{gate}"
                radii[label] = float(torch.linalg.eigvals(block).abs().max())
    return radii


def _place(name: str) -> str:
    """`layers.0.cells.1` -> `layer 1 backward`; others as they are."""
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "layers" and parts[2] == "cells":
        return f"layer {int(parts[1]) + 1}{' backward' if parts[3] == '1' else ''}"
    return name
