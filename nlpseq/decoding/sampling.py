"""Greedy decoding and sampling, token by token, for a batch of rows that end at different times.

A draw is one uniform number for each row, looked up in the cumulative distribution of the allowed tokens. That costs
less than noise for each token, and makes rows independent: each step draws numbers for the whole original batch, so
the sample of a row does not depend on which other rows have ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nlpseq.decoding.constraints import SearchConstraints, per_sentence
from nlpseq.decoding.options import SamplingOptions
from nlpseq.types import State, StepFunction, select

FIRST_NUCLEUS = 512  # candidates to try first, because sorting a whole vocabulary is slow


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
        generator: source of randomness; torch's global one by default. Not used when greedy.
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


@torch.inference_mode()  # on a single row a fifth faster than `no_grad`
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
    """Continue each row, and yield one token for each as soon as it is chosen.

    Args:
        step: the step function; its rows are the unfinished ones.
        ids: (B,) last id of each prompt, which `step` has not read yet.
        state: the model's state before `ids`, parts (B, ...).
        options: how to choose.
        memory: parts (B, ...) to attend to.
        eos_id: ends a row; None: all rows run to their greatest length.
        generator: source of randomness; torch's global one by default.
        forbidden: ids that are never chosen, such as padding and beginning of sentence.
        prefix: for each row its first ids; they are yielded too, and an end of sentence in them ends the row.
        min_lengths: for each row a number instead of `options.min_new_tokens`.
        max_lengths: for each row a number instead of `options.max_new_tokens`; it wins over the minimum.

    Yields:
        ids (B,), tensors of inference mode; finished rows repeat `eos_id`, or 0 if there is none.

    Raises:
        ValueError: prefix or lengths of another number than rows, or out of range.
        UserError: an impossible id in a prefix.
    """
    longest = per_sentence("max_lengths", max_lengths, options.max_new_tokens, len(ids), 1)
    constraints = SearchConstraints.of(
        len(ids), ids.device, options, eos_id, forbidden, prefix, min_lengths
    )
    limits = None if max_lengths is None else torch.tensor(longest, device=ids.device)
    batch = _Batch(options, eos_id, generator, limits, constraints, ids, state, memory)
    for length in range(1, max(longest, default=0) + 1):
        yield batch.choose(step, length)
        if not batch.drop_finished(length):
            return


@dataclass
class _Batch:
    """The unfinished rows (A) of a batch of B.

    Attributes:
        options: how to choose.
        eos_id: ends a row.
        generator: source of randomness.
        limits: (A,) greatest length of each row; None: no row has its own.
        constraints: allowed tokens for each row.
        ids: (A,) last token of each row.
        state: parts (A, ...).
        memory: parts (A, ...).
        size: B.
        rows: (A,) the original index of each row.
        histories: (A, length) chosen tokens, if n-grams may not repeat.
    """

    options: SamplingOptions
    eos_id: int | None
    generator: torch.Generator | None
    limits: Tensor | None
    constraints: SearchConstraints
    ids: Tensor
    state: State
    memory: State
    size: int = field(init=False)
    rows: Tensor = field(init=False)
    histories: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Start with all rows."""
        self.size = len(self.ids)
        self.rows = torch.arange(self.size, device=self.ids.device)
        self.histories = self.ids.new_empty(self.size, 0)

    def choose(self, step: StepFunction, length: int) -> Tensor:
        """Take a step and choose a token for each row; return ids (B,)."""
        log_probs, self.state, _ = step(self.ids, self.state, *self.memory)
        log_probs = self.constraints.apply(log_probs, self.histories, length)
        uniforms = _uniforms(self.size, self.options, self.generator, self.ids.device)
        if len(self.rows) == self.size:
            self.ids = _pick(log_probs, self.options, uniforms)
            return self.ids
        self.ids = _pick(log_probs, self.options, uniforms[self.rows])  # (A,)
        return self.ids.new_full((self.size,), self.eos_id or 0).index_copy_(0, self.rows, self.ids)

    def drop_finished(self, length: int) -> bool:
        """Drop the rows that have ended; return whether any is left."""
        if self.options.no_repeat_ngram:
            self.histories = torch.cat([self.histories, self.ids.unsqueeze(1)], dim=1)
        if self.limits is not None:
            kept = _unfinished(self.ids, self.eos_id, self.limits, length)
        elif self.eos_id is not None:
            kept = (self.ids != self.eos_id).nonzero().squeeze(1)  # (A',)
        else:
            return True
        if 0 < len(kept) < len(self.rows):
            self.ids, self.rows, self.histories = (
                self.ids[kept],
                self.rows[kept],
                self.histories[kept],
            )
            self.state, self.memory = select(self.state, kept), select(self.memory, kept)
            self.constraints = self.constraints.select(kept)
            self.limits = None if self.limits is None else self.limits[kept]
        return len(kept) > 0


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
    """Continue each row to its end; arguments and errors are those of `stream`.

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


def _unfinished(ids: Tensor, eos_id: int | None, limits: Tensor, length: int) -> Tensor:
    """Return the indices (A',) of rows that have neither ended with ids (A,) nor reached their limits (A,)."""
    unfinished = limits > length
    if eos_id is not None:
        unfinished &= ids != eos_id
    return unfinished.nonzero().squeeze(1)


def _pick(log_probs: Tensor, options: SamplingOptions, uniforms: Tensor) -> Tensor:
    """Choose ids (B,) from log_probs (B, V) with one uniform number (B, 1) in [0, 1) for each row."""
    if options.greedy:
        return log_probs.argmax(dim=1)
    if log_probs.dtype.itemsize < 4:
        log_probs = log_probs.float()
    if options.temperature != 1.0:
        # Subtract the largest first, so that no temperature can push all values to -inf.
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
    """Return the nucleus of (B, V) as probabilities and ids (B, k), trying larger and larger k."""
    vocab_size = probabilities.shape[1]
    count = min(FIRST_NUCLEUS, vocab_size)
    while True:
        top, candidates = probabilities.topk(count, dim=1)  # (B, k)
        if count == vocab_size or bool((top.sum(dim=1) > top_p).all()):
            return _nucleus(top, top_p), candidates
        count = min(8 * count, vocab_size)


def _nucleus(falling: Tensor, top_p: float) -> Tensor:
    """Set probabilities (B, k), sorted falling, to zero outside the smallest set of mass p."""
    if top_p == 1.0:
        return falling
    before = falling.cumsum(dim=1) - falling  # mass of the tokens that are more probable
    return falling.masked_fill(before >= top_p, 0.0)


def _look_up(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Invert the cumulative distribution of unnormalised weights (B, k) at uniforms (B, 1).

    `right=True` returns the first index whose cumulative weight is above u * total: never a token of weight 0; and
    because u is below 1 by at least half a unit in the last place, the product stays below the total. Only weights
    of nan have no such index; the first one is returned then.
    """
    cumulative = weights.cumsum(dim=1)  # (B, k)
    levels = uniforms * cumulative[:, -1:]  # (B, 1)
    indices = torch.searchsorted(cumulative, levels, right=True).squeeze(1)
    return indices.masked_fill_(indices == weights.shape[1], 0)


def _uniforms(
    batch_size: int,
    options: SamplingOptions,
    generator: torch.Generator | None,
    device: torch.device,
) -> Tensor:
    """Draw numbers (B, 1) in [0, 1) for the rows of the original batch, on the generator's device."""
    if options.greedy:
        return torch.zeros(batch_size, 1, device=device)
    source = device if generator is None else generator.device
    drawn = torch.rand(batch_size, 1, generator=generator, device=source, dtype=torch.float32)
    return drawn if source == device else drawn.to(device)
