"""The few shapes that every encoder, decoder and search agrees on.

A state is always a tuple of tensors with the batch as dimension 0, `(B, L, H)`: `(h,)`, `(h, c)` or a
key-value cache. Nobody asks which: detaching, reordering and carrying over are the three functions here.
"""

from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

State = tuple[Tensor, ...]


class EncoderOutput(NamedTuple):
    """What an encoder returns: `outputs` (B, T, H) and the `state` after the last real token."""

    outputs: Tensor
    state: State


class Step(NamedTuple):
    """One decoding step: `log_probs` (R, V), the next `state`, attention `weights` (R, S) if any.

    A token that cannot follow has -inf, and at least one that can follow has more. A search may write into
    `log_probs`: they are made anew at each step.
    """

    log_probs: Tensor
    state: State
    weights: Tensor | None = None


class Rows(NamedTuple):
    """Whose the R rows of a step are: each of N sentences has from 1 to W, which stand beside each other.

    Attributes:
        sentences: (R,) the sentence of each row.
        places: (R,) where each row stands in a rectangle (N, W), counted through.
        shape: N and W.
    """

    sentences: Tensor
    places: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, counts: Tensor, total: int) -> Self:
        """From how many each sentence has (N,), one at least, and R, their sum."""
        size = len(counts)
        width = 1 if total == size else int(counts.max())
        numbers = torch.arange(size, device=counts.device)
        sentences = numbers.repeat_interleave(counts, output_size=total)
        free_before = numbers * width - (counts.cumsum(0) - counts)  # (N,)
        places = torch.arange(total, device=counts.device) + free_before[sentences]
        return cls(sentences, places, (size, width))

    @property
    def full(self) -> bool:
        """Whether all sentences have W rows."""
        return len(self.places) == self.shape[0] * self.shape[1]

    def spread(self, values: Tensor, filling: float = 0) -> Tensor:
        """From rows (R, ...) to sentences (N, W, ...), with `filling` where there is no row."""
        if not self.full:
            whole = values.new_full((self.shape[0] * self.shape[1], *values.shape[1:]), filling)
            values = whole.index_copy(0, self.places, values)
        return values.view(*self.shape, *values.shape[1:])

    def gather(self, values: Tensor) -> Tensor:
        """From sentences (N, W, ...) back to rows (R, ...)."""
        values = values.flatten(0, 1)
        return values if self.full else values.index_select(0, self.places)


class StepFunction(Protocol):
    """The one closure that every search in `nlpseq.decoding` knows.

    `state` belongs to the rows of a step: it has one entry a hypothesis, and moves with it. `memory` belongs to
    sentences. Its first part says how many rows each of them has (see `Rows`): one, but in beam search, where
    hypotheses branch and end. The other parts are what is attended to, the same at every step.
    """

    def __call__(self, ids: Tensor, state: State, *memory: Tensor) -> Step:
        """Read a token of each row and give the distribution of the tokens that follow.

        Args:
            ids: (R,) the token that each row has chosen last; where `log_probs` has more columns than the
                vocabulary (copied words), it may be one of those.
            state: parts (R, ...).
            memory: counts (N,), then parts (N, ...); a language model has none, and need not take any.
        """
        ...


def detach(state: State) -> State:
    """Cut the graph behind a state, so that back-propagation stops there."""
    return tuple(part.detach() for part in state)


def select(state: State, rows: Tensor) -> State:
    """Keep (or repeat, or reorder) rows of the batch: `rows` (N,) indices into dimension 0."""
    return tuple(part.index_select(0, rows) for part in state)
