"""Algorithms on a linear chain of tags: sums over all paths, and the best paths.

The score of a path y of tags over a row of T tokens is

    start(y_1) + sum of emissions_t(y_t) + sum of transitions(y_t-1, y_t) + end(y_T)

where -inf forbids. Everything is computed in float64, which costs little with a few tags (in float32 on Apple's GPUs,
which have no other), and without gradients: the sums come with the expected counts, which are the gradients of log Z.

Both directions of forward-backward (Rabiner 1989) are one recursion: the backward one reads the reversed row, with
`start` and `end` swapped and the transitions transposed. So they run stacked in one loop, and padding only comes
after the real tokens of a row.

- `log_sums` (read this first) runs it on the scores: the plain recursion, in which no score is too large.
- `scaled_sums` runs it on exp(score), normalized from time to time: several times faster, because a step is one
  small matrix product.

`path_sums` and `messages` use the second where it loses nothing: see `Lattice.exp_space_steps`. A GPU would have to
wait for the scores to know, and uses the first.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.layers.cpu import reads_values_for_free
from nlpseq.layers.padding import Padding, reverse
from nlpseq.layers.traced_chain import best_ways, follow_back, log_weights
from nlpseq.types import widest_float

NEVER = 2**31  # more steps than a row has tokens
TINY = torch.finfo(torch.float64).tiny
# A product of exps of this size, times a few thousand tokens, is still a normal float64.
LARGEST_EXPONENT = 0.9 * math.log(torch.finfo(torch.float64).max)


_FEW = 8


class Chain(NamedTuple):
    """The scores other than emissions; -inf where a tag or transition is forbidden."""

    start: Tensor  # (K,) first tag
    transitions: Tensor  # (K, K) from, to
    end: Tensor  # (K,) last tag
    mixing: int = NEVER  # steps in which each tag can be reached from each tag


def mixing_steps(allowed: Tensor) -> int:
    """Return the smallest m for which m allowed transitions (K, K) lead from each tag to each tag."""
    steps = reached = allowed.double()
    for number in range(1, 2 * len(allowed) + 1):
        if bool(reached.all()):
            return number
        if number == _FEW and not _mixes(steps):
            return NEVER
        reached = (reached @ steps).clamp(max=1)
    return NEVER


def _mixes(steps: Tensor) -> bool:
    """Return whether some number of allowed transitions, by doubling it, leads from each tag to each tag."""
    reached, number = steps, 1
    while number < 2 * len(steps) and not bool(reached.all()):
        reached, number = (reached @ reached).clamp(max=1), 2 * number
    return bool(reached.all())


class Lattice(NamedTuple):
    """The scores of a batch of rows, in the widest float and detached; emissions are 0 at padding."""

    emissions: Tensor  # (B, T, K)
    chain: Chain
    padding: Padding

    @classmethod
    def of(cls, emissions: Tensor, chain: Chain, mask: Tensor | None) -> "Lattice":
        """Build from emissions (B, T, K) of any type and a mask (B, T), padding on the right, or None."""
        if mask is None:
            mask = emissions.new_ones(emissions.shape[:2], dtype=torch.bool)
        dtype = widest_float(emissions)
        start, transitions, end = (part.detach().to(dtype) for part in chain[:3])
        emissions = emissions.detach().to(dtype).masked_fill(~mask.unsqueeze(2), 0)
        return cls(emissions, Chain(start, transitions, end, chain.mixing), Padding.of(mask))

    @property
    def last(self) -> Tensor:
        """Return the index (B,) of each row's last real token; 0 where a row has none."""
        return (self.padding.lengths - 1).clamp(min=0)

    def at_last(self, values: Tensor) -> Tensor:
        """Select from values (B, T, ...) those at each row's last real token (B, ...)."""
        return values[torch.arange(values.size(0), device=values.device), self.last]

    def exp_space_steps(self) -> int:
        """Return how many steps `scaled_sums` may take before it must normalize, so that no path is lost.

        Each tag can be reached from the likeliest one m steps earlier. So no weight is smaller than the largest by
        more than m spreads, where the spread is the range of the scores that a step adds; and before it is
        normalized, n steps shrink the largest by at most n - 1 spreads. A forward and a backward weight are
        multiplied, with one step between them.

        Returns:
            0 if even normalizing at each step would not be enough, or the scores cannot be read for free.
        """
        if not reads_values_for_free(self.emissions):
            return 0
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
        """Return the operands of the recursion, stacked: the forward direction, then the backward one.

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
        """Split results (T, 2, B, K) of the recursion into forward and backward ones (B, T, K)."""
        forward, backward = states.permute(1, 2, 0, 3).contiguous().unbind(0)
        return forward, reverse(backward, self.padding)


class PathSums(NamedTuple):
    """Sums over all paths of each row; 0 at padding, and everywhere if no path is allowed."""

    log_z: Tensor  # (B,) log of the sum of exp(score); -inf where no path is allowed
    marginals: Tensor  # (B, T, K) P(y_t = k)
    transitions: Tensor  # (B, K, K) expected number of transitions from, to


def log_sums(lattice: Lattice) -> PathSums:
    """Sum over all paths by the plain recursion: read this first.

    P(y_t) is the weight of all paths to y_t times that of all paths from it, divided by Z and by the emission of t,
    which both include. A transition count adds up the same products over neighbouring tokens.
    """
    forward, backward, log_z = log_messages(lattice)
    mask, emissions = lattice.padding.mask, lattice.emissions
    # Finite even for a row without an allowed path, where all weights are exp(-inf).
    divisor = log_z.clamp(min=-torch.finfo(log_z.dtype).max).view(-1, 1, 1)
    marginals = (forward + backward - emissions - divisor).exp().masked_fill(~mask.unsqueeze(2), 0)
    counts = forward.new_zeros(forward.size(0), *lattice.chain.transitions.shape)  # (B, K, K)
    following = (backward - divisor).masked_fill(~mask.unsqueeze(2), -math.inf)
    if torch.compiler.is_compiling():
        scores = forward[:, :-1].unsqueeze(3) + lattice.chain.transitions  # (B, T - 1, K, K)
        counts = (scores + following[:, 1:].unsqueeze(2)).exp().sum(1)
        return PathSums(log_z, marginals, counts)
    for t in range(1, forward.shape[1]):
        scores = forward[:, t - 1].unsqueeze(2) + lattice.chain.transitions
        counts += (scores + following[:, t].unsqueeze(1)).exp()
    return PathSums(log_z, marginals, counts)


class LogMessages(NamedTuple):
    """The log-weights of all paths to a tag and from it, both including its emission."""

    forward: Tensor  # (B, T, K), undefined at padding
    backward: Tensor  # (B, T, K), undefined at padding
    log_z: Tensor  # (B,)


@torch.no_grad()
def log_messages(lattice: Lattice) -> LogMessages:
    """Run forward-backward on the scores; the backward row is reversed (see the module)."""
    initial, transitions, emissions = lattice.both_ways()
    transitions = transitions.transpose(1, 2).unsqueeze(1).contiguous()  # (2, 1, K, K) to, from
    if torch.compiler.is_compiling():
        return _with_log_z(lattice, log_weights(initial, transitions, emissions))
    states = [initial + emissions[0]]
    for emission in emissions[1:].unbind(0):
        states.append((states[-1].unsqueeze(2) + transitions).logsumexp(3) + emission)
    return _with_log_z(lattice, torch.stack(states))


def _with_log_z(lattice: Lattice, states: Tensor) -> LogMessages:
    """Add log Z to the logs (T, 2, B, K) of the recursion's weights."""
    forward, backward = lattice.row_major(states)
    at_end = lattice.at_last(forward) + lattice.chain.end
    return LogMessages(forward, backward, at_end.logsumexp(1))


@torch.no_grad()
def path_sums(lattice: Lattice) -> PathSums:
    """Sum over all paths by the faster of the two ways that is exact."""
    steps = lattice.exp_space_steps()
    return scaled_sums(lattice, steps) if steps else log_sums(lattice)


@torch.no_grad()
def messages(lattice: Lattice) -> LogMessages:
    """Compute forward and backward weights by the faster of the two ways that is exact."""
    steps = lattice.exp_space_steps()
    return scaled_messages(lattice, steps) if steps else log_messages(lattice)


def scaled_sums(lattice: Lattice, steps: int) -> PathSums:
    """Run forward-backward in exp space; all scores are relative to the largest of their kind.

    With a_t and b_t the weights of everything before and after t, both including the emission of t,

        p_t = A' a_t-1        Z_t = p_t . b_t        P(y_t) = p_t b_t / Z_t
        P(y_t-1, y_t) = a_t-1 A b_t / Z_t

    whatever the factors by which a_t and b_t are normalized, once in so many `steps`.
    """
    mask = lattice.padding.mask.unsqueeze(2)
    (start, transitions, end, _), tops, shift, states, scales = _Scaled.of(lattice, steps)
    forward, backward = lattice.row_major(states)  # (B, T, K)
    predicted = torch.cat([start.expand_as(forward[:, :1]), forward[:, :-1] @ transitions], dim=1)
    joint = predicted * backward
    total = joint.sum(2, keepdim=True).clamp(min=TINY)  # Z_t; 0 only where no path is allowed
    counts = torch.bmm(
        forward[:, :-1].transpose(1, 2), (backward / total * mask)[:, 1:]
    )  # (B, K, K)
    at_end = lattice.at_last(forward) @ end  # (B,)
    log_scales = (scales[:, 0].transpose(0, 1).log() + shift).masked_fill(~mask, 0)  # (B, T, 1)
    log_z = at_end.log() + log_scales.sum((1, 2)) + tops[0] + tops[1] * lattice.last + tops[2]
    return PathSums(log_z, joint / total * mask, counts * transitions)


class _Scaled(NamedTuple):
    """The recursion in exp space, and the divisors of its weights."""

    chain: Chain  # exp of the scores, each kind relative to its largest
    tops: tuple[Tensor, Tensor, Tensor]  # the largest score of each kind
    shift: Tensor  # (B, T, 1) the largest emission of each token
    states: Tensor  # (T, 2, B, K)
    scales: Tensor  # (T, 2, B, 1) the divisor of each step

    @classmethod
    def of(cls, lattice: Lattice, steps: int) -> "_Scaled":
        """Run the recursion, normalized once in so many steps."""
        start, transitions, end, _ = lattice.chain
        tops = start.amax(), transitions.amax(), end.amax()
        chain = Chain((start - tops[0]).exp(), (transitions - tops[1]).exp(), (end - tops[2]).exp())
        shift = lattice.emissions.amax(2, keepdim=True)  # (B, T, 1)
        factors = lattice._replace(emissions=(lattice.emissions - shift).exp(), chain=chain)
        return cls(chain, tops, shift, *_scaled_recursion(*factors.both_ways(), steps))


def _scaled_recursion(
    initial: Tensor, transitions: Tensor, factors: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Return normalized weights (T, 2, B, K) and the divisor of each step (T, 2, B, 1)."""
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


def scaled_messages(lattice: Lattice, steps: int) -> LogMessages:
    """Return the logs of the weights of `scaled_sums`, with their divisors undone."""
    _, tops, shift, states, scales = _Scaled.of(lattice, steps)
    shifts = torch.stack([shift, reverse(shift, lattice.padding)]).permute(2, 0, 1, 3)
    divisors = (scales.log() + shifts).cumsum(0)  # (T, 2, B, 1)
    steps_before = torch.arange(states.size(0), device=states.device)
    divisors += (steps_before * tops[1]).view(-1, 1, 1, 1) + torch.stack([tops[0], tops[2]]).view(
        2, 1, 1
    )
    return _with_log_z(lattice, states.log() + divisors)


class Paths(NamedTuple):
    """The n best paths of each row, the best first."""

    tags: Tensor  # (B, n, T), 0 at padding and where there are fewer than n
    scores: Tensor  # (B, n); -inf where there are fewer than n


@torch.no_grad()
def best_paths(lattice: Lattice, n: int = 1) -> Paths:
    """Return the n best paths by Viterbi (1967), with the n best ways to each tag (Seshadri and Sundberg 1994)."""
    (batch, _, tags), chain = lattice.emissions.shape, lattice.chain
    arriving = chain.transitions.t().repeat_interleave(n, dim=1)  # (K, K n) to, from and rank
    best = lattice.emissions.new_full((batch, tags, n), -math.inf)
    best[:, :, 0] = chain.start + lattice.emissions[:, 0]
    if torch.compiler.is_compiling():
        return _best_paths_traced(lattice, best.flatten(1), arriving, n)
    states, origins = [best.flatten(1)], []
    for emission in lattice.emissions.unsqueeze(3).unbind(1)[1:]:
        best, origin = _largest(states[-1].unsqueeze(1) + arriving, n)  # (B, K, n)
        states.append((best + emission).flatten(1))
        origins.append(origin.flatten(1))  # (B, K n)
    at_end = lattice.at_last(torch.stack(states, dim=1))
    scores, last = _largest(at_end + chain.end.repeat_interleave(n), n)  # (B, n)
    indices = [last]
    if origins:
        # Follow them from each row's own end. There is none for t = 0: repeat one, which is not used.
        backwards = reverse(torch.stack([origins[0], *origins], dim=1), lattice.padding)
        for origin in backwards[:, :-1].unbind(1):
            indices.append(origin.gather(1, indices[-1]))
    return _paths(lattice, torch.stack(indices, dim=1) // n, scores)


def _best_paths_traced(lattice: Lattice, first: Tensor, arriving: Tensor, n: int) -> Paths:
    """Compute `best_paths` in a traced graph, after the scores `first` (B, K n) of the first token."""
    states, origins = best_ways(first, arriving, lattice.emissions.transpose(0, 1), n)
    at_end = lattice.at_last(states.transpose(0, 1))
    scores, last = _largest(at_end + lattice.chain.end.repeat_interleave(n), n)
    backwards = reverse(origins.transpose(0, 1), lattice.padding).transpose(0, 1)
    indices = follow_back(last, backwards).transpose(0, 1)  # (B, T, n)
    return _paths(lattice, indices // n, scores)


def _paths(lattice: Lattice, reversed_tags: Tensor, scores: Tensor) -> Paths:
    """Turn tags (B, T, n) from each row's end on into paths."""
    tags = reverse(reversed_tags, lattice.padding)
    paths = tags.masked_fill(~lattice.padding.mask.unsqueeze(2), 0).transpose(1, 2)
    return Paths(paths.masked_fill((scores == -math.inf).unsqueeze(2), 0), scores)


def _largest(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the n largest values of the last dimension in order, and their indices."""
    return scores.max(-1, keepdim=True) if n == 1 else scores.topk(n, -1)
