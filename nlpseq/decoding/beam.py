"""Beam search, batched over sentences and hypotheses: the rows of a step are S sentences x W hypotheses.

A hypothesis that ends keeps its place in the beam (Sutskever et al., 2014): with f of K finished, the K - f best
continuations live on. So a beam of 1 is greedy decoding under any length penalty, and the search always ends.
A sentence that is done leaves the batch; what is left is as wide as the widest of its beams.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.contracts import State, StepFunction, select
from nlpseq.decoding.options import BeamOptions


class Hypothesis(NamedTuple):
    """A finished continuation: `ids` without end of sentence, its `log_prob`, its `score` (higher is better)."""

    ids: list[int]
    log_prob: float
    score: float


class _Candidates(NamedTuple):
    """Continuations (S, K), the best first: total log-probability, row they continue, token they add."""

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
    eos_id: int | None = None,
    forbidden: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Search for the best continuations of each row.

    Stopping is provably safe. A live hypothesis of log-probability l <= 0 can only lose as it grows, and each
    length penalty divides by a number that does not fall with length. So its score can reach at most l ("none"),
    l / max_new_tokens ("average") or l / ((5 + max_new_tokens) / 6) ** alpha ("wu"): in each case what it would
    score if it ended at the last possible token for free. A sentence stops once the best live hypothesis
    cannot, by this bound, beat the worst of the `num_return` best finished ones. The result is that of a search
    that never stops early.

    Args:
        step: reads ids (B,) and gives the distribution of the tokens that follow.
        ids: (B,) last id of each prompt, which `step` has not read yet.
        state: what the model remembers of everything before `ids`.
        options: width, length and ranking.
        eos_id: ends a hypothesis; None to let all of them grow to `max_new_tokens`.
        forbidden: ids that are never chosen.

    Returns:
        For each row its `num_return` best hypotheses, the best first (fewer if no more exist). Those that reach
        `max_new_tokens` count as finished; the end of sentence counts in log-probability and length.
    """
    finished: list[list[Hypothesis]] = [[] for _ in range(len(ids))]
    sentences = list(range(len(ids)))  # those still in the batch
    totals = torch.zeros(len(ids), 1, device=ids.device)  # (S, W)
    histories = ids.new_empty(len(ids), 0)  # (S * W, length)
    banned = torch.tensor(forbidden, dtype=torch.long, device=ids.device)
    for length in range(1, options.max_new_tokens + 1):
        log_probs, state, _ = step(ids, state)
        if len(banned):
            log_probs = log_probs.index_fill(1, banned, -torch.inf)
        found = _expand(log_probs, totals, options.beam_size)
        found = _limit(found, [options.beam_size - len(finished[s]) for s in sentences])
        last = length == options.max_new_tokens
        ended = torch.full_like(found.tokens, last, dtype=torch.bool)
        if eos_id is not None:
            ended |= found.tokens == eos_id
        for place, hypothesis in _collect(found, ended, histories, options, eos_id):
            finished[sentences[place]].append(hypothesis)
        found = _compact(found, ended)
        best = found.log_probs[:, 0].tolist()  # -inf where nothing lives on
        keep = [
            place
            for place, sentence in enumerate(sentences)
            if not _is_done(best[place], finished[sentence], options)
        ]
        if last or not keep:
            break
        sentences = [sentences[place] for place in keep]
        left = torch.tensor(keep, device=ids.device)
        rows, ids = found.rows[left].reshape(-1), found.tokens[left].reshape(-1)  # (S * W,)
        totals, state = found.log_probs[left], select(state, rows)
        histories = torch.cat([histories[rows], ids.unsqueeze(1)], dim=1)
    return [sorted(each, key=lambda h: -h.score)[: options.num_return] for each in finished]


def _expand(log_probs: Tensor, totals: Tensor, beam_size: int) -> _Candidates:
    """Best K continuations of each sentence; log_probs (S * W, V), totals (S, W)."""
    sentences, width = totals.shape
    # No more than K of one row's tokens can be among its sentence's best K.
    count = min(beam_size, log_probs.shape[1])
    best, tokens = log_probs.topk(count, dim=1)  # (S * W, k)
    dtype = torch.promote_types(best.dtype, torch.float32)
    sums = (best.to(dtype).view(sentences, width, count) + totals.to(dtype).unsqueeze(2)).flatten(1)
    top, places = sums.topk(min(beam_size, width * count), dim=1)  # (S, K)
    first_rows = width * torch.arange(sentences, device=totals.device).unsqueeze(1)  # (S, 1)
    rows = first_rows + places.div(count, rounding_mode="floor")
    return _Candidates(top, rows, tokens.view(sentences, -1).gather(1, places))


def _limit(found: _Candidates, places: list[int]) -> _Candidates:
    """Rule out candidates for which the beam has no place, finished hypotheses holding theirs."""
    free = torch.tensor(places, device=found.rows.device).unsqueeze(1)  # (S, 1)
    rank = torch.arange(found.rows.shape[1], device=found.rows.device)
    return found._replace(log_probs=found.log_probs.masked_fill(rank >= free, -torch.inf))


def _collect(
    found: _Candidates,
    ended: Tensor,
    histories: Tensor,
    options: BeamOptions,
    eos_id: int | None,
) -> list[tuple[int, Hypothesis]]:
    """Finished hypotheses of this step with the place of their sentence in the batch."""
    where = (ended & (found.log_probs > -torch.inf)).nonzero()  # (F, 2)
    if len(where) == 0:
        return []
    index = where.unbind(1)
    tokens, log_probs = found.tokens[index].tolist(), found.log_probs[index].tolist()
    prefixes = histories[found.rows[index]].tolist()
    results = []
    for place, token, log_prob, prefix in zip(
        where[:, 0].tolist(), tokens, log_probs, prefixes, strict=True
    ):
        score = options.score(log_prob, len(prefix) + 1)
        ids = prefix if token == eos_id else [*prefix, token]
        results.append((place, Hypothesis(ids, log_prob, score)))
    return results


def _compact(found: _Candidates, ended: Tensor) -> _Candidates:
    """Only live candidates, the best first, as narrow as the widest beam (a dead place is -inf)."""
    alive = found.log_probs.masked_fill(ended, -torch.inf)
    width = max(1, int((alive > -torch.inf).sum(dim=1).max()))
    log_probs, order = alive.sort(dim=1, descending=True, stable=True)
    order = order[:, :width]
    return _Candidates(
        log_probs[:, :width], found.rows.gather(1, order), found.tokens.gather(1, order)
    )


def _is_done(best_alive: float, finished: list[Hypothesis], options: BeamOptions) -> bool:
    """Whether no live hypothesis can still enter the best `num_return` (see `beam_search`)."""
    if best_alive == -torch.inf:
        return True
    if len(finished) < options.num_return:
        return False
    worst_kept = sorted((h.score for h in finished), reverse=True)[options.num_return - 1]
    return options.score(best_alive, options.max_new_tokens) <= worst_kept
