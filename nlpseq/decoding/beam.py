"""Beam search, batched over sentences and hypotheses: the rows of a step are all that live.

A hypothesis that ends keeps its place in the beam (Sutskever et al., 2014): with f of K finished, the K - f best
continuations live on. So a beam of 1 is greedy decoding under any length penalty, and the search always ends.
What has ended is not stepped any more: neither a finished hypothesis nor a sentence that is done.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.decoding.constraints import SearchConstraints, per_sentence
from nlpseq.decoding.coverage import Coverage
from nlpseq.decoding.options import BeamOptions
from nlpseq.types import SentenceRows, State, StepFunction, select

BLOCK = 64  # tokens whose maximum is looked at first where the best of many are sought


class Hypothesis(NamedTuple):
    """A finished continuation: `ids` without end of sentence, its `log_prob`, its `score` (higher is better)."""

    ids: list[int]
    log_prob: float
    score: float


class _Candidates(NamedTuple):
    """Continuations (N, K), the best first: total log-probability, row they continue, token they add."""

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

    "Safe" stopping is provably so. A live hypothesis of log-probability l <= 0 can only lose as it grows, and each
    length penalty divides by a number that does not fall with length. So after the length penalty it can reach at
    most l ("none"), l / m ("average") or l / ((5 + m) / 6) ** alpha ("wu"), where m is the greatest length of its
    sentence: in each case what it would score if it ended at the last possible token for free. The coverage
    penalty adds a number that is at most 0, so the bound holds with 0 in its place; and what the constraints rule
    out could only have made the bound too high. A sentence stops once the best live hypothesis cannot, by this
    bound, beat the worst of the `num_return` best finished ones. The result is that of a search that never stops
    early. "Heuristic" stopping puts in the bound's place the best live hypothesis' score if it ended here.

    Args:
        step: reads ids (R,) and gives the distribution of the tokens that follow; R is the number of live
            hypotheses, those of a sentence beside each other, the best first.
        ids: (N,) last id of each prompt, which `step` has not read yet.
        state: what the model remembers of everything before `ids`, parts (N, ...); it moves with hypotheses.
        options: width, length and ranking.
        memory: what the model attends to, parts (N, ...), behind the number of rows of each sentence, which is
            counted anew at each step. It is handed to `step` behind the state, and cut down when sentences leave.
        eos_id: ends a hypothesis; None to let all of them grow to their greatest length.
        forbidden: ids that are never chosen.
        prefix: for each sentence the ids that all its hypotheses begin with, perhaps none; they are part of ids,
            log-probability and length, and an end of sentence in them ends the hypothesis.
        min_lengths: for each sentence a number instead of `options.min_new_tokens`.
        max_lengths: for each sentence a number instead of `options.max_new_tokens`, at least 1. Where the minimum
            is above it, it is the maximum that holds.
        source_mask: (N, S) True at the positions that the coverage penalty counts; None where all do.

    Returns:
        For each sentence its `num_return` best hypotheses, the best first (fewer if no more exist). Those that
        reach the greatest length count as finished; the end of sentence counts in log-probability and length.

    Raises:
        ValueError: prefix or lengths that are not one a sentence, or out of range.
        UserError: a prefix has an id that the model cannot choose; a coverage penalty without attention weights.
    """
    sentences = list(range(len(ids)))  # those still in the batch
    constraints = SearchConstraints.of(
        len(ids),
        ids.device,
        options,
        eos_id=eos_id,
        forbidden=forbidden,
        prefix=prefix,
        min_lengths=min_lengths,
    )
    limits = per_sentence("max_lengths", max_lengths, options.max_new_tokens, len(ids), 1)
    coverage = Coverage(options.coverage_penalty, source_mask)
    finished: list[list[Hypothesis]] = [[] for _ in sentences]
    rows = SentenceRows.of(torch.ones_like(ids), len(ids))
    totals = torch.zeros(len(ids), device=ids.device)  # (R,)
    histories = ids.new_empty(len(ids), 0)  # (R, length)
    for length in range(1, max(limits, default=0) + 1):
        log_probs, state, weights = step(ids, state, *memory)
        coverage = coverage.add(weights)
        log_probs = constraints.apply(log_probs, histories, length)
        found = _expand(log_probs, totals, rows, options.beam_size)
        found = _limit(found, [options.beam_size - len(finished[s]) for s in sentences])
        ended = _ended(found, [limits[s] == length for s in sentences], eos_id)
        penalties = coverage.penalties()
        for place, hypothesis in _collect(found, ended, histories, penalties, options, eos_id):
            finished[sentences[place]].append(hypothesis)
        found = found._replace(log_probs=found.log_probs.masked_fill(ended, -torch.inf))
        reach = _reach(found, penalties, length, [limits[s] for s in sentences], options)
        keep = [
            place
            for place, sentence in enumerate(sentences)
            if not _is_done(reach[place], finished[sentence], options)
        ]
        if not keep:
            break
        if len(keep) < len(sentences):
            left = torch.tensor(keep, device=ids.device)  # (N',)
            found, memory = _Candidates(*select(found, left)), select(memory, left)
            sentences = [sentences[place] for place in keep]
        alive = found.log_probs > -torch.inf  # (N, K)
        totals, parents, ids = (part[alive] for part in found)  # (R,)
        counts = alive.sum(dim=1)
        rows = SentenceRows.of(counts, len(ids))
        if memory:
            memory = (counts, *memory[1:])
        histories = torch.cat([histories[parents], ids.unsqueeze(1)], dim=1)
        state, coverage = select(state, parents), coverage.select(parents)
        constraints = constraints.select(parents)
    return [sorted(each, key=lambda h: -h.score)[: options.num_return] for each in finished]


def _expand(log_probs: Tensor, totals: Tensor, rows: SentenceRows, beam_size: int) -> _Candidates:
    """Best K continuations of each sentence; log_probs (R, V), totals (R,)."""
    # No more than K of one row's tokens can be among its sentence's best K.
    count = min(beam_size, log_probs.shape[1])
    best, tokens = _top(log_probs, count)  # (R, k)
    dtype = torch.promote_types(best.dtype, torch.float32)
    sums = best.to(dtype) + totals.to(dtype).unsqueeze(1)
    sums = sums.masked_fill(sums.isnan(), -torch.inf)  # without a probability it is dead
    sums, tokens = rows.spread(sums, -torch.inf).flatten(1), rows.spread(tokens).flatten(1)
    top, places = sums.topk(min(beam_size, sums.shape[1]), dim=1)  # (N, K)
    numbers = rows.spread(torch.arange(len(totals), device=totals.device))  # (N, W)
    parents = numbers.gather(1, places.div(count, rounding_mode="floor"))
    return _Candidates(top, parents, tokens.gather(1, places))


def _top(log_probs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The k = `count` greatest of each row (R, V) and their tokens, both (R, k).

    They lie in the k blocks with the greatest maxima, or behind the last whole block. On a CPU that is
    faster than torch's `topk` over all of a row, for maxima are taken many at a time.
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
    values, places = log_probs.gather(1, tokens).topk(count, dim=1)
    return values, tokens.gather(1, places)


def _limit(found: _Candidates, places: list[int]) -> _Candidates:
    """Rule out candidates for which the beam has no place, finished hypotheses holding theirs."""
    free = torch.tensor(places, device=found.rows.device).unsqueeze(1)  # (N, 1)
    rank = torch.arange(found.rows.shape[1], device=found.rows.device)
    return found._replace(log_probs=found.log_probs.masked_fill(rank >= free, -torch.inf))


def _ended(found: _Candidates, at_limit: list[bool], eos_id: int | None) -> Tensor:
    """Which candidates (N, K) grow no further, those of sentences at their greatest length among them."""
    tokens = found.tokens
    ended = torch.zeros_like(tokens, dtype=torch.bool) if eos_id is None else tokens.eq(eos_id)
    if any(at_limit):
        ended |= torch.tensor(at_limit, device=tokens.device).unsqueeze(1)
    return ended


def _collect(
    found: _Candidates,
    ended: Tensor,
    histories: Tensor,
    penalties: Tensor | None,
    options: BeamOptions,
    eos_id: int | None,
) -> list[tuple[int, Hypothesis]]:
    """Finished hypotheses of this step with the place of their sentence in the batch."""
    where = (ended & (found.log_probs > -torch.inf)).nonzero()  # (F, 2)
    if len(where) == 0:
        return []
    index = where.unbind(1)
    tokens, log_probs = found.tokens[index].tolist(), found.log_probs[index].tolist()
    rows = found.rows[index]
    prefixes = histories[rows].tolist()
    costs = [0.0] * len(rows) if penalties is None else penalties[rows].tolist()
    results = []
    for place, token, log_prob, prefix, cost in zip(
        where[:, 0].tolist(), tokens, log_probs, prefixes, costs, strict=True
    ):
        score = options.score(log_prob, len(prefix) + 1) + cost
        ids = prefix if token == eos_id else [*prefix, token]
        results.append((place, Hypothesis(ids, log_prob, score)))
    return results


def _reach(
    found: _Candidates,
    penalties: Tensor | None,
    length: int,
    limits: list[int],
    options: BeamOptions,
) -> list[float]:
    """Score that the live candidates of each sentence are taken to reach; -inf where nothing lives on."""
    if options.early_stopping == "safe":
        best = found.log_probs.amax(dim=1).tolist()
        return [options.score(*each) for each in zip(best, limits, strict=True)]
    scores = found.log_probs / options.divisor(length)
    if penalties is not None:
        scores = scores + penalties[found.rows]
    return scores.amax(dim=1).tolist()


def _is_done(reach: float, finished: list[Hypothesis], options: BeamOptions) -> bool:
    """Whether no live hypothesis is taken to enter the best `num_return` still (see `beam_search`)."""
    if reach == -torch.inf:
        return True
    if len(finished) < options.num_return:
        return False
    worst_kept = sorted((h.score for h in finished), reverse=True)[options.num_return - 1]
    return reach <= worst_kept
