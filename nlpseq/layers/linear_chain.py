"""Algorithms on a linear chain of tags: sums over all paths, and the best paths.

A path y of tags over a row of T tokens scores

    start(y_1) + sum of emissions_t(y_t) + sum of transitions(y_t-1, y_t) + end(y_T)

where -inf forbids. Everything here is computed in float64, which costs little at a few tags, and
without gradients: the sums come with the expected counts, which *are* the gradients of log Z.

Both directions of forward-backward (Rabiner 1989) are one recursion: the backward one reads the
row reversed by its own length, with `start` and `end` traded and the transitions transposed. So
they run stacked, in one loop, and padding is only ever met behind a row's real tokens.

- `scaled_sums` runs it on exp(score), normalised now and then: a step is one small matrix product.
- `log_sums` runs it on the scores themselves: several times slower, but no score is too large.

`path_sums` and `messages` take the first wherever nothing can get lost in it: see
`Lattice.exp_space_steps`.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.layers.padding import Padding, reverse

NEVER = 2**31  # more steps than a row has tokens
TINY = torch.finfo(torch.float64).tiny
# A product of exps of this size, times a few thousand tokens, is still a normal float64.
LARGEST_EXPONENT = 0.9 * math.log(torch.finfo(torch.float64).max)


class Chain(NamedTuple):
    """The scores beside the emissions; -inf where a tag may not be."""

    start: Tensor  # (K,) of the first tag
    transitions: Tensor  # (K, K) from, to
    end: Tensor  # (K,) of the last tag
    mixing: int = NEVER  # in so many steps any tag can be reached from any tag


def mixing_steps(allowed: Tensor) -> int:
    """The least m for which a path of m transitions, all allowed (K, K), joins any two tags."""
    steps = reached = allowed.double()
    for number in range(1, 2 * len(allowed) + 1):
        if bool(reached.all()):
            return number
        reached = (reached @ steps).clamp(max=1)
    return NEVER


class Lattice(NamedTuple):
    """The scores of a batch of rows, in float64 and detached; emissions are 0 at padding."""

    emissions: Tensor  # (B, T, K)
    chain: Chain
    padding: Padding

    @classmethod
    def of(cls, emissions: Tensor, chain: Chain, mask: Tensor | None) -> "Lattice":
        """Of emissions (B, T, K), any type, and a mask (B, T), padding on the right, or None."""
        if mask is None:
            mask = emissions.new_ones(emissions.shape[:2], dtype=torch.bool)
        start, transitions, end = (part.detach().double() for part in chain[:3])
        emissions = emissions.detach().double().masked_fill(~mask.unsqueeze(2), 0)
        return cls(emissions, Chain(start, transitions, end, chain.mixing), Padding.of(mask))

    @property
    def last(self) -> Tensor:
        """(B,) the place of each row's last real token; 0 where a row has none."""
        return (self.padding.lengths - 1).clamp(min=0)

    def at_last(self, values: Tensor) -> Tensor:
        """What stands in (B, T, ...) at each row's last real token (B, ...)."""
        return values[torch.arange(len(values), device=values.device), self.last]

    def exp_space_steps(self) -> int:
        """After how many steps at the latest `scaled_sums` must normalise, lest a path vanish.

        Any tag is reached from the likeliest one m steps before. So no weight is smaller than the
        largest by more than m spreads, the spread being the range of the scores that a step adds;
        and n steps shrink the largest by n - 1 of them at most, until it is normalised. A forward
        and a backward weight are multiplied, with one step between them.

        Returns:
            0 where even normalising at each step would not do.
        """
        start, transitions, end, mixing = self.chain
        fixed = torch.cat([start, transitions.flatten(), end])
        low, high = self.emissions.aminmax(dim=2)
        lowest = fixed.masked_fill(fixed == -math.inf, math.inf).amin()
        spread = float((high - low).amax() + fixed.amax() - lowest)
        if not spread < LARGEST_EXPONENT:  # or nan
            return 0
        spread += math.log1p(len(start))  # the largest may be a sum over tags
        length = self.emissions.shape[1]
        steps = int((LARGEST_EXPONENT / spread - 1) / 2) - min(mixing, length) + 1
        return max(0, min(steps, length))

    def both_ways(self) -> tuple[Tensor, Tensor, Tensor]:
        """The operands of the one recursion: first is the forward direction, then the backward.

        Returns:
            initial (2, 1, K), transitions (2, K, K) and emissions (T, 2, B, K).
        """
        start, transitions, end, _ = self.chain
        mirrored = reverse(self.emissions, self.padding)
        return (
            torch.stack([start, end]).unsqueeze(1),
            torch.stack([transitions, transitions.t()]),
            torch.stack([self.emissions.transpose(0, 1), mirrored.transpose(0, 1)], dim=1),
        )

    def row_major(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Results (T, 2, B, K) of the recursion as forward and backward ones (B, T, K)."""
        forward, backward = states.permute(1, 2, 0, 3).contiguous().unbind(0)
        return forward, reverse(backward, self.padding)


class PathSums(NamedTuple):
    """Sums over all paths of each row, 0 at padding, and everywhere if no path is allowed."""

    log_z: Tensor  # (B,) log of the sum of exp(score); -inf where no path is allowed
    marginals: Tensor  # (B, T, K) P(y_t = k)
    transitions: Tensor  # (B, K, K) expected number of transitions from, to


@torch.no_grad()
def path_sums(lattice: Lattice) -> PathSums:
    """By the fastest way that is exact."""
    steps = lattice.exp_space_steps()
    return scaled_sums(lattice, steps) if steps else log_sums(lattice)


def scaled_sums(lattice: Lattice, steps: int) -> PathSums:
    """Forward-backward in exp space; all scores are taken relative to the largest of their kind.

    With a_t and b_t the weights of all that lies before and behind, both with the emission of t,

        p_t = A' a_t-1        Z_t = p_t . b_t        P(y_t) = p_t b_t / Z_t
        P(y_t-1, y_t) = a_t-1 A b_t / Z_t

    whatever factors a_t and b_t were normalised by, at every so many `steps`.
    """
    mask = lattice.padding.mask.unsqueeze(2)
    (start, transitions, end, _), tops, shift, states, scales = _Scaled.of(lattice, steps)
    before, behind = lattice.row_major(states)  # (B, T, K)
    predicted = torch.cat([start.expand_as(before[:, :1]), before[:, :-1] @ transitions], dim=1)
    joint = predicted * behind
    total = joint.sum(2, keepdim=True).clamp(min=TINY)  # Z_t; only 0 where no path is allowed
    counts = torch.bmm(before[:, :-1].transpose(1, 2), (behind / total * mask)[:, 1:])  # (B, K, K)
    at_end = lattice.at_last(before) @ end  # (B,)
    log_scales = (scales[:, 0].transpose(0, 1).log() + shift).masked_fill(~mask, 0)  # (B, T, 1)
    log_z = at_end.log() + log_scales.sum((1, 2)) + tops[0] + tops[1] * lattice.last + tops[2]
    return PathSums(log_z, joint / total * mask, counts * transitions)


class _Scaled(NamedTuple):
    """The recursion in exp space, and what its weights were divided by."""

    chain: Chain  # exp of the scores, each kind relative to its largest
    tops: tuple[Tensor, Tensor, Tensor]  # these largest ones
    shift: Tensor  # (B, T, 1) the largest emission of each token
    states: Tensor  # (T, 2, B, K)
    scales: Tensor  # (T, 2, B, 1) what each step was divided by

    @classmethod
    def of(cls, lattice: Lattice, steps: int) -> "_Scaled":
        """Normalised at every so many steps."""
        start, transitions, end, _ = lattice.chain
        tops = start.amax(), transitions.amax(), end.amax()
        chain = Chain((start - tops[0]).exp(), (transitions - tops[1]).exp(), (end - tops[2]).exp())
        shift = lattice.emissions.amax(2, keepdim=True)  # (B, T, 1)
        factors = lattice._replace(emissions=(lattice.emissions - shift).exp(), chain=chain)
        return cls(chain, tops, shift, *_scaled_recursion(*factors.both_ways(), steps))


def _scaled_recursion(
    initial: Tensor, transitions: Tensor, factors: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Normalised weights (T, 2, B, K) and what each step was divided by (T, 2, B, 1)."""
    states, scales = torch.empty_like(factors), torch.ones_like(factors[..., :1])
    before, *rest = states.unbind(0)
    torch.mul(initial, factors[0], out=before)
    for t, (factor, state) in enumerate(zip(factors.unbind(0)[1:], rest, strict=True), 1):
        torch.bmm(before, transitions, out=state).mul_(factor)
        if t % steps == 0:
            state.div_(torch.sum(state, -1, keepdim=True, out=scales[t]))
        before = state
    # A row without an allowed path becomes 0 / 0.
    return states.nan_to_num_(nan=0.0), scales.nan_to_num_(nan=0.0)


class LogMessages(NamedTuple):
    """Logs of the weights of all that lies before a tag and behind it, both with its emission."""

    forward: Tensor  # (B, T, K), undefined at padding
    backward: Tensor  # (B, T, K), undefined at padding
    log_z: Tensor  # (B,)


@torch.no_grad()
def messages(lattice: Lattice) -> LogMessages:
    """By the fastest way that is exact."""
    steps = lattice.exp_space_steps()
    return scaled_messages(lattice, steps) if steps else log_messages(lattice)


def scaled_messages(lattice: Lattice, steps: int) -> LogMessages:
    """The weights of `scaled_sums`, times all that they were divided by on their way."""
    _, tops, shift, states, scales = _Scaled.of(lattice, steps)
    shifts = torch.stack([shift, reverse(shift, lattice.padding)]).permute(2, 0, 1, 3)
    divisors = (scales.log() + shifts).cumsum(0)  # (T, 2, B, 1)
    places = torch.arange(len(states), device=states.device)
    divisors += (places * tops[1]).view(-1, 1, 1, 1) + torch.stack([tops[0], tops[2]]).view(2, 1, 1)
    return _with_log_z(lattice, states.log() + divisors)


@torch.no_grad()
def log_messages(lattice: Lattice) -> LogMessages:
    """Forward-backward on the scores themselves."""
    initial, transitions, emissions = lattice.both_ways()
    transitions = transitions.transpose(1, 2).unsqueeze(1).contiguous()  # (2, 1, K, K) to, from
    states = [initial + emissions[0]]
    for emission in emissions[1:].unbind(0):
        states.append((states[-1].unsqueeze(2) + transitions).logsumexp(3) + emission)
    return _with_log_z(lattice, torch.stack(states))


def _with_log_z(lattice: Lattice, states: Tensor) -> LogMessages:
    """Of the logs (T, 2, B, K) that the recursion came to."""
    forward, backward = lattice.row_major(states)
    at_end = lattice.at_last(forward) + lattice.chain.end
    return LogMessages(forward, backward, at_end.logsumexp(1))


def log_sums(lattice: Lattice) -> PathSums:
    """The same as `scaled_sums`, for scores of any size."""
    forward, backward, log_z = log_messages(lattice)
    mask, emissions = lattice.padding.mask, lattice.emissions
    # Finite even for a row without an allowed path, whose weights are all exp(-inf).
    divisor = log_z.clamp(min=-torch.finfo(log_z.dtype).max).view(-1, 1, 1)
    marginals = (forward + backward - emissions - divisor).exp().masked_fill(~mask.unsqueeze(2), 0)
    counts = forward.new_zeros(len(forward), *lattice.chain.transitions.shape)  # (B, K, K)
    behind = (backward - divisor).masked_fill(~mask.unsqueeze(2), -math.inf)
    for t in range(1, forward.shape[1]):
        scores = forward[:, t - 1].unsqueeze(2) + lattice.chain.transitions
        counts += (scores + behind[:, t].unsqueeze(1)).exp()
    return PathSums(log_z, marginals, counts)


class Paths(NamedTuple):
    """The n best paths of each row, the best first."""

    tags: Tensor  # (B, n, T), 0 at padding and where there are fewer than n
    scores: Tensor  # (B, n); -inf where there are fewer than n


@torch.no_grad()
def best_paths(lattice: Lattice, n: int = 1) -> Paths:
    """Viterbi (1967); for n > 1 with the n best ways to each tag (Seshadri and Sundberg 1994)."""
    (batch, _, tags), chain = lattice.emissions.shape, lattice.chain
    arriving = chain.transitions.t().repeat_interleave(n, dim=1)  # (K, K n) to, from and rank
    best = lattice.emissions.new_full((batch, tags, n), -math.inf)
    best[:, :, 0] = chain.start + lattice.emissions[:, 0]
    states, origins = [best.flatten(1)], []
    for emission in lattice.emissions.unsqueeze(3).unbind(1)[1:]:
        best, origin = _largest(states[-1].unsqueeze(1) + arriving, n)  # (B, K, n)
        states.append((best + emission).flatten(1))
        origins.append(origin.flatten(1))  # (B, K n)
    at_end = lattice.at_last(torch.stack(states, dim=1))
    scores, place = _largest(at_end + chain.end.repeat_interleave(n), n)  # (B, n)
    places = [place]
    if origins:  # walked from each row's own end: the first step there is t = 0's, which has none
        backwards = reverse(torch.stack([origins[0], *origins], dim=1), lattice.padding)
        for origin in backwards[:, :-1].unbind(1):
            places.append(origin.gather(1, places[-1]))
    found = reverse(torch.stack(places, dim=1) // n, lattice.padding)  # (B, T, n)
    found = found.masked_fill(~lattice.padding.mask.unsqueeze(2), 0).transpose(1, 2)
    return Paths(found.masked_fill((scores == -math.inf).unsqueeze(2), 0), scores)


def _largest(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest of the last dimension in order, and their places."""
    return scores.max(-1, keepdim=True) if n == 1 else scores.topk(n, -1)
