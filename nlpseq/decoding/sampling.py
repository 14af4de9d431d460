"""Greedy decoding and sampling, token by token, for a batch of rows that end at different times.

A draw is one uniform number per row, looked up in the cumulative distribution of the tokens that are allowed.
That costs less than noise for every token, and it makes a sample its row's own: each step draws the numbers of
the whole original batch, so what a row gets does not depend on which other rows have ended before.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from nlpseq.decoding.constraints import SearchConstraints, per_sentence
from nlpseq.decoding.options import SamplingOptions
from nlpseq.types import State, StepFunction, select

FIRST_NUCLEUS = 512  # candidates to try before looking for more; sorting a whole vocabulary is slow


@torch.no_grad()
def choose(
    log_probs: Tensor,
    options: SamplingOptions,
    generator: torch.Generator | None = None,
    forbidden: Sequence[int] = (),
) -> Tensor:
    """Choose one token for each row.

    Args:
        log_probs: (B, V).
        options: how to choose.
        generator: source of randomness; torch's global one by default. Not touched when greedy.
        forbidden: ids that are never chosen, whatever their probability.

    Returns:
        ids (B,).
    """
    uniforms = _uniforms(len(log_probs), options, generator, log_probs.device)
    constraints = SearchConstraints.of(
        len(log_probs), log_probs.device, options, forbidden=forbidden
    )
    first = torch.empty(len(log_probs), 0, dtype=torch.long, device=log_probs.device)
    return _pick(constraints.apply(log_probs.clone(), first, 1), options, uniforms)


@torch.inference_mode()  # an operation on one row costs a fifth less than without gradients alone
def stream(
    step: StepFunction,
    ids: Tensor,
    state: State,
    options: SamplingOptions,
    *,
    memory: State = (),
    eos_id: int | None = None,
    generator: torch.Generator | None = None,
    forbidden: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] | None = None,
    min_lengths: Sequence[int] | None = None,
    max_lengths: Sequence[int] | None = None,
) -> Iterator[Tensor]:
    """Continue every row, yielding one token of each as soon as it is chosen.

    Rows that have chosen `eos_id` or reached their length leave the batch, and the stream ends with the last of
    them. A step that allows a row nothing is dealt with as `SearchConstraints` says.

    Args:
        step: reads ids (A,) of the rows that go on, and gives the distribution of the tokens that follow.
        ids: (B,) last id of each prompt, which `step` has not read yet.
        state: what the model remembers of everything before `ids`.
        options: how to choose.
        memory: what the model attends to, parts (B, ...); it is handed to `step` behind the state.
        eos_id: ends a row; None to let every row run to its greatest length.
        generator: source of randomness; torch's global one by default.
        forbidden: ids that are never chosen (padding, beginning of sentence, perhaps the unknown token).
        prefix: for each row the ids that it must begin with, perhaps none; they are part of what is yielded, and
            an end of sentence in them ends the row.
        min_lengths: for each row a number instead of `options.min_new_tokens`.
        max_lengths: for each row a number instead of `options.max_new_tokens`, at least 1. Where the minimum is
            above it, it is the maximum that holds.

    Yields:
        ids (B,), tensors of inference mode; rows that ended earlier repeat `eos_id`, or 0 if there is none.

    Raises:
        ValueError: prefix or lengths that are not one a row, or out of range.
        UserError: a prefix has an id that the model cannot choose.
    """
    batch_size = alive = len(ids)
    rows = torch.arange(batch_size, device=ids.device)  # (A,) rows still alive
    constraints = SearchConstraints.of(
        batch_size,
        ids.device,
        options,
        eos_id=eos_id,
        forbidden=forbidden,
        prefix=prefix,
        min_lengths=min_lengths,
    )
    longest = per_sentence("max_lengths", max_lengths, options.max_new_tokens, batch_size, 1)
    limits = None if max_lengths is None else torch.tensor(longest, device=ids.device)  # (A,)
    histories = ids.new_empty(batch_size, 0)  # (A, length)
    for length in range(1, max(longest, default=0) + 1):
        log_probs, state, _ = step(ids, state, *memory)
        log_probs = constraints.apply(log_probs, histories, length)
        uniforms = _uniforms(batch_size, options, generator, ids.device)
        if alive < batch_size:
            uniforms = uniforms[rows]
        ids = _pick(log_probs, options, uniforms)  # (A,)
        if alive == batch_size:
            yield ids
        else:
            yield ids.new_full((batch_size,), eos_id or 0).index_copy_(0, rows, ids)  # (B,)
        if options.no_repeat_ngram:
            histories = torch.cat([histories, ids.unsqueeze(1)], dim=1)
        if limits is not None:
            going_on = _going_on(ids, eos_id, limits, length)
        elif eos_id is not None:
            going_on = (ids != eos_id).nonzero().squeeze(1)  # (A',)
        else:
            continue
        if len(going_on) == 0:
            return
        if len(going_on) < alive:
            ids, rows, histories = ids[going_on], rows[going_on], histories[going_on]
            state, memory = select(state, going_on), select(memory, going_on)
            constraints = constraints.select(going_on)
            limits = None if limits is None else limits[going_on]
            alive = len(ids)


def generate(
    step: StepFunction,
    ids: Tensor,
    state: State,
    options: SamplingOptions,
    *,
    memory: State = (),
    eos_id: int | None = None,
    generator: torch.Generator | None = None,
    forbidden: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] | None = None,
    min_lengths: Sequence[int] | None = None,
    max_lengths: Sequence[int] | None = None,
) -> list[list[int]]:
    """Continue every row to its end; arguments and errors are those of `stream`.

    Returns:
        The new ids of each row, without `eos_id`.
    """
    longest = per_sentence("max_lengths", max_lengths, options.max_new_tokens, len(ids), 1)
    texts: list[list[int]] = [[] for _ in longest]
    ended = [False] * len(texts)
    for chosen in stream(
        step,
        ids,
        state,
        options,
        memory=memory,
        eos_id=eos_id,
        generator=generator,
        forbidden=forbidden,
        prefix=prefix,
        min_lengths=min_lengths,
        max_lengths=max_lengths,
    ):
        for row, token in enumerate(chosen.tolist()):
            ended[row] = ended[row] or token == eos_id or len(texts[row]) == longest[row]
            if not ended[row]:
                texts[row].append(token)
    return texts


def _going_on(ids: Tensor, eos_id: int | None, limits: Tensor, length: int) -> Tensor:
    """Places (A',) of the rows that have neither ended with ids (A,) nor reached their limits (A,)."""
    going_on = limits > length
    if eos_id is not None:
        going_on &= ids != eos_id
    return going_on.nonzero().squeeze(1)


def _pick(log_probs: Tensor, options: SamplingOptions, uniforms: Tensor) -> Tensor:
    """Choose ids (B,) from log_probs (B, V) with one uniform number (B, 1) in [0, 1) for each row."""
    if options.greedy:
        return log_probs.argmax(dim=1)
    if log_probs.dtype.itemsize < 4:
        log_probs = log_probs.float()
    if options.temperature != 1.0:
        # The largest becomes 0 first, so that no temperature can push all of them to -inf.
        log_probs = (log_probs - log_probs.amax(dim=1, keepdim=True)) / options.temperature
    vocab_size = log_probs.shape[1]
    if 0 < options.top_k < vocab_size:
        top, candidates = log_probs.topk(options.top_k, dim=1)  # (B, k)
        kept = _nucleus(top.softmax(dim=1), options.top_p)
    elif options.top_p < 1.0:
        kept, candidates = _top_of_all(log_probs.softmax(dim=1), options.top_p)  # (B, k)
    else:
        return _look_up(log_probs.softmax(dim=1), uniforms)
    return candidates.gather(1, _look_up(kept, uniforms).unsqueeze(1)).squeeze(1)  # (B,)


def _top_of_all(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Nucleus of (B, V) as probabilities and ids (B, k), with k as small as doubling-up finds."""
    vocab_size = probabilities.shape[1]
    count = min(FIRST_NUCLEUS, vocab_size)
    while True:
        top, candidates = probabilities.topk(count, dim=1)  # (B, k)
        if count == vocab_size or bool((top.sum(dim=1) > top_p).all()):
            return _nucleus(top, top_p), candidates
        count = min(8 * count, vocab_size)


def _nucleus(falling: Tensor, top_p: float) -> Tensor:
    """Set to zero what lies beyond the smallest set of mass p; probabilities (B, k) sorted falling."""
    if top_p == 1.0:
        return falling
    before = falling.cumsum(dim=1) - falling  # mass of the tokens that are more probable
    return falling.masked_fill(before >= top_p, 0.0)


def _look_up(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Invert the cumulative distribution of unnormalised weights (B, k) at uniforms (B, 1).

    `right=True` finds the first place whose cumulative weight is above u * total: a token of weight 0 is never
    found, and as u < 1 by at least half a unit in the last place the product stays below the total. Only where
    weights are nan is there no such place; the first one is given then.
    """
    cumulative = weights.cumsum(dim=1)  # (B, k)
    levels = uniforms * cumulative[:, -1:]  # (B, 1)
    places = torch.searchsorted(cumulative, levels, right=True).squeeze(1)
    return places.masked_fill_(places == weights.shape[1], 0)


def _uniforms(
    batch_size: int,
    options: SamplingOptions,
    generator: torch.Generator | None,
    device: torch.device,
) -> Tensor:
    """Numbers (B, 1) in [0, 1), one a row of the original batch, drawn where the generator lives."""
    if options.greedy:
        return torch.zeros(batch_size, 1, device=device)
    source = device if generator is None else generator.device
    drawn = torch.rand(batch_size, 1, generator=generator, device=source, dtype=torch.float32)
    return drawn if source == device else drawn.to(device)
