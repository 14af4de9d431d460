"""Gradient flow through time: the norm of a loss's gradient k time steps before the loss.

Let s(t) be the state that an encoder passes from token t to token t + 1 (all layers, h and, in an LSTM, c), and
y(t) its output at t. The measured norms are

    k = 0    | d loss(t) / d y(t) |
    k > 0    | d loss(t) / d s(t - k) |  =  | d loss(t) / d s(t - 1)  J(t - 1)  J(t - 2) ... J(t - k + 1) |

where J(j) = d s(j) / d s(j - 1). The products vanish where the Jacobians shrink and explode where they
stretch (Bengio et al. 1994; Hochreiter 1998; Pascanu et al. 2013, equations 5 to 7). The norm is Euclidean,
taken for each sequence, and averaged over positions t and sequences. All t are at least as large as the largest
k, so every point of the curve is a mean over the same losses.

For a language model, loss(t) is the nll in nats of the next token. Other models have no loss for each token:
their loss(t) is the product of the output y(t) with a fixed random direction of length 1.

An encoder that is not recurrent, or not causal, passes on no state. There s(t - k) is the vector x(t - k) that
its first layer reads at that token: in a Transformer, gradients take one path through each layer's attention
instead of k steps.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nlpseq.data.batch import NO_TARGET, ModelInput
from nlpseq.errors import UserError
from nlpseq.layers.cells import Cell, RecurrentCell
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.models.model import Model

Losses = Callable[[Tensor, int], Tensor]
"""Maps outputs (B, H) at position t, and t, to the losses (B,), or to their sum if each depends on one row."""

LONGEST = 256  # tokens of a text beside the largest k; the rest is not read


class Flow(NamedTuple):
    """The measured curve.

    Attributes:
        measured_at: "states", or "inputs" where the encoder passes on no state.
        norms: mean norm for k = 0, 1, ..., K.
        losses: number of (position, sequence) pairs in the mean.
    """

    measured_at: str
    norms: list[float]
    losses: int

    @property
    def kept(self) -> float:
        """Return the norm at K relative to that at k = 1; nan if that is 0, or K is below 2."""
        return self.norms[-1] / self.norms[1] if len(self.norms) > 2 and self.norms[1] else math.nan

    @property
    def rate(self) -> float:
        """Return the mean factor for each step from k = 1 to K: the (K - 1)th root of `kept`."""
        return float(self.kept ** (1 / max(len(self.norms) - 2, 1)))


@torch.enable_grad()
def flow(
    encoder: Encoder,
    vectors: Tensor,
    losses: Losses,
    positions: Sequence[int],
    distance: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Compute the norms of the gradients of losses at some positions.

    Args:
        encoder: in evaluation mode.
        vectors: (B, T, D) that it reads.
        losses: to differentiate.
        positions: P positions t, each at least `distance`.
        distance: K.
        mask: (B, T) True at real tokens; None: no padding.

    Returns:
        (P, B, K + 1), see above; undefined where a row has no token at that position.
    """
    assert min(positions) >= distance
    vectors = vectors.detach().requires_grad_()  # so that everything after has a graph
    if has_states(encoder):
        return _through_states(encoder, vectors, losses, positions, distance)
    # cuDNN computes no gradients of recurrent layers in evaluation mode.
    with torch.backends.cudnn.flags(enabled=False):
        outputs = encoder(vectors, mask).outputs  # (B, T, H)
    norms = []
    for position in positions:
        at = outputs[:, position]
        total = losses(at, position).sum()
        at_output, at_inputs = torch.autograd.grad(total, [at, vectors], retain_graph=True)
        back = (
            at_inputs[:, position - distance : position].flip(1).norm(dim=2)
        )  # (B, K), from k = 1 on
        norms.append(torch.cat([at_output.norm(dim=1, keepdim=True), back], dim=1))
    return torch.stack(norms)


def has_states(encoder: Encoder) -> bool:
    """Return whether gradients are measured at the states that it passes on, or at its inputs."""
    return isinstance(encoder, RecurrentEncoder) and encoder.causal


def _through_states(
    encoder: Encoder, vectors: Tensor, losses: Losses, positions: Sequence[int], distance: int
) -> Tensor:
    """Run single steps, so that each state is a tensor to differentiate by."""
    state, states, outputs = encoder.initial_state(len(vectors)), [], []
    for inputs in vectors[:, : max(positions) + 1].unbind(1):
        output, state = encoder.step(inputs, state)
        states.append(state)
        outputs.append(output)
    parts = len(state)
    curves = []
    for position in positions:
        total = losses(outputs[position], position).sum()
        wanted = [part for state in states[position - distance : position][::-1] for part in state]
        at_output, *rest = torch.autograd.grad(
            total, [outputs[position], *wanted], retain_graph=True
        )
        norms = [at_output.norm(dim=1)]  # (B,) each
        for begin in range(0, len(rest), parts):
            squares = [part.square().sum((1, 2)) for part in rest[begin : begin + parts]]
            norms.append(torch.stack(squares).sum(0).sqrt())
        curves.append(torch.stack(norms, dim=1))
    return torch.stack(curves)


def gradient_flow(
    model: Model[Any],
    model_input: ModelInput,
    *,
    distance: int = 50,
    sequences: int = 16,
    positions: int = 16,
) -> Flow:
    """Measure gradient flow of a model on texts.

    Texts of more than `distance` tokens are each read from a fresh state. If there are none, all texts are joined
    and cut into pieces of twice that length.

    Args:
        model: trained or new; it is put into evaluation mode.
        model_input: texts as the model reads them.
        distance: K, the largest k; lowered where the texts are shorter.
        sequences: largest number of sequences.
        positions: largest number of positions t in a sequence, evenly spread.

    Raises:
        UserError: the model predicts no token of these texts.
    """
    model.eval()
    with torch.no_grad():
        vectors = model.embedding(model_input.tokens)  # (B, T, D)
    inputs, targets, mask = _padded(_rows(vectors, model_input, distance, sequences))
    asked = targets != NO_TARGET  # (B, T)
    wanted = asked.any(0).nonzero().flatten()
    if not len(wanted):
        raise UserError("no gradient to measure: the model predicts no token of these texts")
    distance = min(distance, int(wanted[-1]))
    some = wanted[wanted >= distance]
    chosen = some[
        torch.linspace(0, len(some) - 1, min(positions, len(some))).round().long()
    ].tolist()
    norms = flow(model.encoder, inputs, _losses(model, targets), chosen, distance, mask)
    kept = norms[asked[:, chosen].t()].cpu().double()  # (N, K + 1)
    measured_at = "states" if has_states(model.encoder) else "inputs"
    return Flow(measured_at, kept.mean(0).tolist(), len(kept))


def _rows(
    vectors: Tensor, model_input: ModelInput, distance: int, number: int
) -> list[tuple[Tensor, Tensor]]:
    """Return vectors (T, D) and targets (T,) of the sequences to measure on."""
    tokens = model_input.tokens
    targets = torch.zeros_like(tokens.ids) if model_input.targets is None else model_input.targets
    longest = distance + LONGEST
    rows = [
        (vectors[row, : min(length, longest)], targets[row, : min(length, longest)])
        for row, length in enumerate(tokens.lengths.tolist())
    ]
    long = [row for row in rows if bool((row[1][distance:] != NO_TARGET).any())]
    if not long:
        joined = [torch.cat(parts) for parts in zip(*rows, strict=True)]
        long = list(zip(*(part.split(2 * distance) for part in joined), strict=True))
        long = [row for row in long if len(row[0]) == 2 * distance] or long[:1]
    return long[:number]


def _padded(rows: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return vectors (B, T, D), targets (B, T), and the mask (B, T) if rows differ in length."""
    inputs = pad_sequence([row for row, _ in rows], batch_first=True)
    targets = pad_sequence([row for _, row in rows], batch_first=True, padding_value=NO_TARGET)
    lengths = torch.tensor([len(row) for row, _ in rows])
    if bool((lengths == lengths[0]).all()):
        return inputs, targets, None
    mask = torch.arange(inputs.size(1)) < lengths.unsqueeze(1)
    return inputs, targets, mask.to(inputs.device)


def _losses(model: Model[Any], targets: Tensor) -> Losses:
    """Return the nll of each row's target for a language model; else a random direction of the output."""
    head = model.head
    if isinstance(head, SoftmaxLayer | AdaptiveSoftmaxLayer):

        def nll(outputs: Tensor, position: int) -> Tensor:
            rows = targets[:, position] != NO_TARGET
            loss: Tensor = head.loss(outputs[rows], targets[rows, position])
            return loss

        return nll
    size = model.encoder.output_dim
    direction = torch.randn(size, generator=torch.Generator().manual_seed(0))
    direction = (direction / direction.norm()).to(targets.device)
    return lambda outputs, position: outputs @ direction.to(outputs)


def spectral_radii(encoder: Encoder) -> dict[str, float]:
    """Return the spectral radius of each recurrent matrix (H, H), by its name.

    For a plain RNN it tells how gradients behave in the long run if no unit is saturated: they vanish below 1 and
    can explode above 1; slopes of tanh, at most 1, shrink them further (Pascanu et al. 2013, section 2.1). A gated
    cell has a matrix for each gate, and none of them alone decides. A minGRU or minLSTM has none.
    """
    radii = {}
    for name, cell in encoder.named_modules():
        if isinstance(cell, RecurrentCell):
            blocks = cell.weight_hh.detach().cpu().double().chunk(cell.num_gates)
            for gate, block in zip(_gate_names(cell), blocks, strict=True):
                label = f"{_cell_name(name)}{gate}"
                radii[label] = float(torch.linalg.eigvals(block).abs().max())
    return radii


@torch.no_grad()
def _gate_names(cell: Cell) -> list[str]:
    """Return the names of a cell's gates, each after a blank; numbers if the cell does not name them."""
    if cell.num_gates == 1:
        return [""]
    weight = cell.weight_ih
    state = tuple(weight.new_zeros(1, cell.hidden_size) for _ in range(cell.num_states))
    names = [f" {name}" for name in cell.gates(weight.new_zeros(1, weight.size(1)), state)]
    known = len(names) == cell.num_gates
    return names if known else [f" gate {number}" for number in range(1, cell.num_gates + 1)]


def _cell_name(name: str) -> str:
    """Turn `layers.0.cells.1` into `layer 1 backward`; other names stay."""
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "layers" and parts[2] == "cells":
        return f"layer {int(parts[1]) + 1}{' backward' if parts[3] == '1' else ''}"
    return name
