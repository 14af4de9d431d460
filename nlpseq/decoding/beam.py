"""Beam search, batched over sentences and hypotheses: the rows of a step are the live hypotheses.

A finished hypothesis keeps its slot in the beam (Sutskever et al., 2014): with f of K finished, the K - f best
continuations stay alive. So a beam of 1 is greedy decoding with any length penalty, and the search always ends.
Finished hypotheses and finished sentences are not stepped any more.

"Safe" stopping is exact. A live hypothesis of log-probability l <= 0 can only lose as it grows, and each length
penalty divides by a number that does not fall with length. So after the length penalty it can reach at most l
("none"), l / m ("average") or l / ((5 + m) / 6) ** alpha ("wu"), where m is the greatest length of its sentence: the
score of ending at the last possible token for free. The coverage penalty adds at most 0, so the bound holds without
it; and constraints can only lower what is reached. A sentence stops when its best live hypothesis cannot, by this
bound, beat the worst of its `num_return` best finished ones, so the result is that of a search that never stops
early. "Heuristic" stopping uses the score of the best live hypothesis if it ended now instead of the bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.decoding.constraints import SearchConstraints, per_sentence
from nlpseq.decoding.coverage import Coverage
from nlpseq.decoding.options import BeamOptions
from nlpseq.types import SentenceRows, State, StepFunction, select

BLOCK = 64  # tokens in a block whose maximum is computed first, to find the best of many


class Hypothesis(NamedTuple):
    """A finished continuation: `ids` without end of sentence, its `log_prob`, its `score` (higher is better)."""

    ids: list[int]
    log_prob: float
    score: float


class _Candidates(NamedTuple):
    """Continuations (N, K), the best first: total log-probability, row that they continue, token that they add."""

    log_probs: Tensor
    rows: Tensor
    tokens: Tensor


@torch.no_grad()
def beam_search(
    step: StepFunction,
    ids: Tensor,
    state: State,
    options: BeamOptions,
    *,
    memory: State = (),
    eos_id: int | None = None,
    forbidden: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] | None = None,
    min_lengths: Sequence[int] | None = None,
    max_lengths: Sequence[int] | None = None,
    source_mask: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """Search for the best continuations of each sentence.

    Args:
        step: the step function; its rows are the live hypotheses, those of a sentence adjacent, the best first.
        ids: (N,) last id of each prompt, which `step` has not read yet.
        state: the model's state before `ids`, parts (N, ...).
        options: width, length and ranking.
        memory: number of rows of each sentence (N,), then parts (N, ...) to attend to.
        eos_id: ends a hypothesis; None: all grow to their greatest length.
        forbidden: ids that are never chosen.
        prefix: for each sentence the first ids of all its hypotheses; they count in log-probability and length.
        min_lengths: for each sentence a number instead of `options.min_new_tokens`.
        max_lengths: for each sentence a number instead of `options.max_new_tokens`; it wins over the minimum.
        source_mask: (N, S) True at positions that the coverage penalty counts; None: all.

    Returns:
        The `num_return` best hypotheses of each sentence, the best first (fewer if there are no more).

    Raises:
        ValueError: prefix or lengths of another number than sentences, or out of range.
        UserError: an impossible id in a prefix; a coverage penalty without attention weights.
    """
    limits = per_sentence("max_lengths", max_lengths, options.max_new_tokens, len(ids), 1)
    constraints = SearchConstraints.of(
        len(ids), ids.device, options, eos_id, forbidden, prefix, min_lengths
    )
    coverage = Coverage(options.coverage_penalty, source_mask)
    beam = _Beam(options, eos_id, limits, constraints, coverage, ids, state, memory)
    for length in range(1, max(limits, default=0) + 1):
        candidates = beam.collect_finished(beam.expand(step, length), length)
        if not (unfinished := beam.unfinished_sentences(candidates, length)):
            break
        beam.follow(candidates, unfinished)
    return beam.results()


@dataclass
class _Beam:
    """The live hypotheses (R) of N sentences, and the finished ones of all sentences.

    Attributes:
        options: width, length and ranking.
        eos_id: ends a hypothesis.
        limits: greatest length of each original sentence.
        constraints: allowed tokens for each live hypothesis.
        coverage: attention sums of each live hypothesis.
        ids: (R,) last token of each live hypothesis.
        state: parts (R, ...).
        memory: parts (N, ...).
        sentences: the original index of each of the N sentences.
        finished: the finished hypotheses of each original sentence.
        rows: the sentence of each live hypothesis.
        totals: (R,) log-probability of each live hypothesis.
        histories: (R, length) tokens of each live hypothesis.
        penalties: (R,) coverage penalty of each row of the last step, if any.
    """

    options: BeamOptions
    eos_id: int | None
    limits: list[int]
    constraints: SearchConstraints
    coverage: Coverage
    ids: Tensor
    state: State
    memory: State
    sentences: list[int] = field(init=False)
    finished: list[list[Hypothesis]] = field(init=False)
    rows: SentenceRows = field(init=False)
    totals: Tensor = field(init=False)
    histories: Tensor = field(init=False)
    penalties: Tensor | None = None

    def __post_init__(self) -> None:
        """Start with one empty hypothesis for each sentence."""
        size = len(self.ids)
        self.sentences = list(range(size))
        self.finished = [[] for _ in self.sentences]
        self.rows = SentenceRows.of(torch.ones_like(self.ids), size)
        self.totals = torch.zeros(size, device=self.ids.device)
        self.histories = self.ids.new_empty(size, 0)

    def expand(self, step: StepFunction, length: int) -> _Candidates:
        """Take a step: the best continuations of each sentence that fit into the beam."""
        log_probs, self.state, weights = step(self.ids, self.state, *self.memory)
        self.coverage = self.coverage.add(weights)
        self.penalties = self.coverage.penalties()
        log_probs = self.constraints.apply(log_probs, self.histories, length)
        candidates = _expand(log_probs, self.totals, self.rows, self.options.beam_size)
        return _limit(
            candidates, [self.options.beam_size - len(self.finished[s]) for s in self.sentences]
        )

    def collect_finished(self, candidates: _Candidates, length: int) -> _Candidates:
        """Store the finished candidates, and return the others."""
        ended = _ended(candidates, [self.limits[s] == length for s in self.sentences], self.eos_id)
        hypotheses = _collect(
            candidates, ended, self.histories, self.penalties, self.options, self.eos_id
        )
        for index, hypothesis in hypotheses:
            self.finished[self.sentences[index]].append(hypothesis)
        return candidates._replace(log_probs=candidates.log_probs.masked_fill(ended, -torch.inf))

    def unfinished_sentences(self, candidates: _Candidates, length: int) -> list[int]:
        """Return the indices (in the batch) of the sentences that a live hypothesis can still improve."""
        limits = [self.limits[sentence] for sentence in self.sentences]
        reach = _reach(candidates, self.penalties, length, limits, self.options)
        return [
            index
            for index, sentence in enumerate(self.sentences)
            if not _is_done(reach[index], self.finished[sentence], self.options)
        ]

    def follow(self, candidates: _Candidates, unfinished: list[int]) -> None:
        """Continue with the live candidates of unfinished sentences."""
        if len(unfinished) < len(self.sentences):
            kept = torch.tensor(unfinished, device=self.ids.device)  # (N',)
            candidates, self.memory = (
                _Candidates(*select(candidates, kept)),
                select(self.memory, kept),
            )
            self.sentences = [self.sentences[index] for index in unfinished]
        alive = candidates.log_probs > -torch.inf  # (N, K)
        self.totals, parents, self.ids = (part[alive] for part in candidates)  # (R,)
        counts = alive.sum(dim=1)
        self.rows = SentenceRows.of(counts, len(self.ids))
        if self.memory:
            self.memory = (counts, *self.memory[1:])
        self.histories = torch.cat([self.histories[parents], self.ids.unsqueeze(1)], dim=1)
        self.state, self.coverage = select(self.state, parents), self.coverage.select(parents)
        self.constraints = self.constraints.select(parents)

    def results(self) -> list[list[Hypothesis]]:
        """Return the best finished hypotheses of each original sentence."""
        count = self.options.num_return
        return [sorted(each, key=lambda h: -h.score)[:count] for each in self.finished]


def _expand(log_probs: Tensor, totals: Tensor, rows: SentenceRows, beam_size: int) -> _Candidates:
    """Return the best K continuations of each sentence; log_probs (R, V), totals (R,)."""
    # At most K tokens of a row can be among the best K of its sentence.
    count = min(beam_size, log_probs.shape[1])
    best, tokens = _top(log_probs, count)  # (R, k)
    dtype = torch.promote_types(best.dtype, torch.float32)
    sums = best.to(dtype) + totals.to(dtype).unsqueeze(1)
    sums = sums.masked_fill(sums.isnan(), -torch.inf)  # a continuation without probability is dead
    sums, tokens = rows.spread(sums, -torch.inf).flatten(1), rows.spread(tokens).flatten(1)
    top, indices = sums.topk(min(beam_size, sums.shape[1]), dim=1)  # (N, K)
    numbers = rows.spread(torch.arange(len(totals), device=totals.device))  # (N, W)
    parents = numbers.gather(1, indices.div(count, rounding_mode="floor"))
    return _Candidates(top, parents, tokens.gather(1, indices))


def _top(log_probs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the k = `count` greatest values of each row (R, V) and their tokens, both (R, k).

    They are in the k blocks with the greatest maxima, or after the last whole block. On a CPU this is faster than
    torch's `topk` over a whole row, because maxima are vectorized.
    """
    blocks = log_probs.shape[1] // BLOCK
    if blocks <= 2 * count:
        values, tokens = log_probs.topk(count, dim=1)
        return values, tokens
    whole = BLOCK * blocks
    numbers = torch.arange(log_probs.shape[1], device=log_probs.device)
    maxima = log_probs[:, :whole].unflatten(1, (blocks, BLOCK)).amax(dim=2)
    chosen = maxima.topk(count, dim=1).indices  # (R, k)
    inside = numbers[:whole].view(blocks, BLOCK)[chosen].flatten(1)  # (R, k * BLOCK)
    tokens = torch.cat([inside, numbers[whole:].expand(len(log_probs), -1)], dim=1)
    values, indices = log_probs.gather(1, tokens).topk(count, dim=1)
    return values, tokens.gather(1, indices)


def _limit(candidates: _Candidates, slots: list[int]) -> _Candidates:
    """Rule out candidates beyond the free slots of each sentence's beam."""
    free = torch.tensor(slots, device=candidates.rows.device).unsqueeze(1)  # (N, 1)
    rank = torch.arange(candidates.rows.shape[1], device=candidates.rows.device)
    return candidates._replace(log_probs=candidates.log_probs.masked_fill(rank >= free, -torch.inf))


def _ended(candidates: _Candidates, at_limit: list[bool], eos_id: int | None) -> Tensor:
    """Return which candidates (N, K) end: at the end of sentence, or at their sentence's greatest length."""
    tokens = candidates.tokens
    ended = torch.zeros_like(tokens, dtype=torch.bool) if eos_id is None else tokens.eq(eos_id)
    if any(at_limit):
        ended |= torch.tensor(at_limit, device=tokens.device).unsqueeze(1)
    return ended


def _collect(
    candidates: _Candidates,
    ended: Tensor,
    histories: Tensor,
    penalties: Tensor | None,
    options: BeamOptions,
    eos_id: int | None,
) -> list[tuple[int, Hypothesis]]:
    """Return the hypotheses that end in this step, with the index of their sentence in the batch."""
    indices = (ended & (candidates.log_probs > -torch.inf)).nonzero()  # (F, 2)
    if len(indices) == 0:
        return []
    index = indices.unbind(1)
    tokens, log_probs = candidates.tokens[index].tolist(), candidates.log_probs[index].tolist()
    rows = candidates.rows[index]
    prefixes = histories[rows].tolist()
    costs = [0.0] * len(rows) if penalties is None else penalties[rows].tolist()
    results = []
    for sentence, token, log_prob, prefix, cost in zip(
        indices[:, 0].tolist(), tokens, log_probs, prefixes, costs, strict=True
    ):
        score = options.score(log_prob, len(prefix) + 1) + cost
        ids = prefix if token == eos_id else [*prefix, token]
        results.append((sentence, Hypothesis(ids, log_prob, score)))
    return results


def _reach(
    candidates: _Candidates,
    penalties: Tensor | None,
    length: int,
    limits: list[int],
    options: BeamOptions,
) -> list[float]:
    """Return the score that live candidates of each sentence can reach; -inf if none is alive."""
    if options.early_stopping == "safe":
        best = candidates.log_probs.amax(dim=1).tolist()
        return [options.score(*each) for each in zip(best, limits, strict=True)]
    scores = candidates.log_probs / options.divisor(length)
    if penalties is not None:
        scores = scores + penalties[candidates.rows]
    return scores.amax(dim=1).tolist()


def _is_done(reach: float, finished: list[Hypothesis], options: BeamOptions) -> bool:
    """Return whether no live hypothesis can enter the best `num_return` (see the module)."""
    if reach == -torch.inf:
        return True
    if len(finished) < options.num_return:
        return False
    worst_kept = sorted((h.score for h in finished), reverse=True)[options.num_return - 1]
    return reach <= worst_kept
