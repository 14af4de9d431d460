"""The recursions of `linear_chain` for traced graphs: loops that stay loops, so that a program fits every length.

Their first step has no transition before it. A loop in a graph has no special first step, so each of these takes
what the first step would give, and chooses it by the index of the step.
"""

import torch
from torch import Tensor

from nlpseq.layers.time_loop import Stepped, over_time
from nlpseq.types import State


def log_weights(initial: Tensor, transitions: Tensor, emissions: Tensor) -> Tensor:
    """Return the logs (T, 2, B, K) of the weights of all paths to each tag, in both directions.

    Args:
        initial: (2, 1, K).
        transitions: (2, 1, K, K) to, from.
        emissions: (T, 2, B, K).
    """

    def step(state: State, emission: Tensor, index: Tensor) -> Stepped:
        arriving = (state[0].unsqueeze(2) + transitions).logsumexp(3)
        new = torch.where(index == 0, initial, arriving) + emission
        return (new,), (new,)

    before = torch.zeros_like(emissions[0])
    return over_time(step, (before,), (emissions, _indices(emissions)))[1][0]


def best_ways(first: Tensor, arriving: Tensor, emissions: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the n best ways to each tag and where they came from, both (T, B, K n); those at t = 0 are not used.

    Args:
        first: (B, K n) the scores at the first token.
        arriving: (K, K n) transitions to each tag, from each way.
        emissions: (T, B, K).
        n: ways that are kept.
    """

    def step(state: State, emission: Tensor, index: Tensor) -> Stepped:
        best, origin = (state[0].unsqueeze(1) + arriving).topk(n, dim=2)  # (B, K, n)
        best = (best + emission.unsqueeze(2)).flatten(1)
        best = torch.where(index == 0, first, best)
        return (best,), (best, origin.flatten(1))

    states, origins = over_time(step, (first,), (emissions, _indices(emissions)))[1]
    return states, origins


def follow_back(last: Tensor, origins: Tensor) -> Tensor:
    """Follow ways from the last tokens: last (B, n), origins (T, B, K n) from the last token on -> (T, B, n)."""

    def step(state: State, origin: Tensor) -> Stepped:
        return (origin.gather(1, state[0]),), state

    return over_time(step, (last,), (origins,))[1][0]


def _indices(steps: Tensor) -> Tensor:
    return torch.arange(steps.size(0), device=steps.device)


def log_partition(
    start: Tensor, transitions: Tensor, end: Tensor, emissions: Tensor, mask: Tensor
) -> Tensor:
    """Return log Z (B,), which autograd can differentiate; scores must be finite.

    Args:
        start: (K,).
        transitions: (K, K) from, to.
        end: (K,).
        emissions: (T, B, K).
        mask: (T, B) True at real tokens.
    """

    def step(state: State, emission: Tensor, real: Tensor, index: Tensor) -> Stepped:
        arriving = (state[0].unsqueeze(2) + transitions).logsumexp(1)
        new = torch.where(index == 0, start, arriving) + emission
        new = torch.where(real.unsqueeze(1), new, state[0])
        return (new,), ()

    before = torch.zeros_like(emissions[0])
    (last,), _ = over_time(step, (before,), (emissions, mask, _indices(emissions)))
    return (last + end).logsumexp(1)
