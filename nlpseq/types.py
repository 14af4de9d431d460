"""Types that encoders, decoders and searches share.

A state is a tuple of tensors with the batch as dimension 0, `(B, L, H)`: `(h,)`, `(h, c)` or a key-value cache. Code
that carries a state treats all alike, by `detach` and `select`.
"""

from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

State = tuple[Tensor, ...]


class EncoderOutput(NamedTuple):
    """The `outputs` (B, T, H) of an encoder and the `state` after the last real token."""

    outputs: Tensor
    state: State


class Step(NamedTuple):
    """The result of a decoding step: `log_probs` (R, V), the next `state`, attention `weights` (R, S) if any.

    A token that cannot follow has -inf; at least one token can follow. A search may overwrite `log_probs`: each step
    returns a new tensor.
    """

    log_probs: Tensor
    state: State
    weights: Tensor | None = None


class SentenceRows(NamedTuple):
    """The sentence of each of the R rows of a step: N sentences have 1 to W adjacent rows each.

    Attributes:
        sentences: (R,) the sentence of each row.
        indices: (R,) the index of each row in the flattened rectangle (N, W).
        shape: N and W.
    """

    sentences: Tensor
    indices: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, counts: Tensor, total: int) -> Self:
        """Build from the number of rows of each sentence (N,), at least 1, and their sum R."""
        size = counts.size(0)
        width = 1 if total == size else int(counts.max())
        numbers = torch.arange(size, device=counts.device)
        sentences = numbers.repeat_interleave(counts, output_size=total)
        free_before = numbers * width - (counts.cumsum(0) - counts)  # (N,)
        indices = torch.arange(total, device=counts.device) + free_before[sentences]
        return cls(sentences, indices, (size, width))

    @property
    def full(self) -> bool:
        """Return whether all sentences have W rows."""
        return self.indices.size(0) == self.shape[0] * self.shape[1]

    def spread(self, values: Tensor, filling: float = 0) -> Tensor:
        """Arrange rows (R, ...) by sentence (N, W, ...), with `filling` where there is no row."""
        if not self.full:
            whole = values.new_full((self.shape[0] * self.shape[1], *values.shape[1:]), filling)
            values = whole.index_copy(0, self.indices, values)
        return values.view(*self.shape, *values.shape[1:])

    def gather(self, values: Tensor) -> Tensor:
        """Flatten sentences (N, W, ...) back to rows (R, ...)."""
        values = values.flatten(0, 1)
        return values if self.full else values.index_select(0, self.indices)


class StepFunction(Protocol):
    """The step function: the only thing that a search in `nlpseq.decoding` knows of a model.

    `state` belongs to the rows of a step: it has an entry for each hypothesis and moves with it. `memory` belongs to
    sentences. Its first part is the number of rows of each sentence (see `SentenceRows`): 1, except in beam search,
    where hypotheses branch and end. The other parts are attended to and are the same at each step.
    """

    def __call__(self, ids: Tensor, state: State, *memory: Tensor) -> Step:
        """Take the last token of each row and return the distribution of the next one.

        Args:
            ids: (R,) the last token of each row; a copied word if `log_probs` has more columns than the vocabulary.
            state: parts (R, ...).
            memory: counts (N,), then parts (N, ...); a language model has none.
        """
        ...


WITHOUT_FLOAT64 = {"mps"}
"""Types of device that have no float64: Apple's GPUs."""


def widest_float(tensor: Tensor) -> torch.dtype:
    """Return the widest float of the tensor's device, for sums that have to be exact."""
    return torch.float32 if tensor.device.type in WITHOUT_FLOAT64 else torch.float64


def detach(state: State) -> State:
    """Detach a state from its graph, so that back-propagation stops there."""
    return tuple(part.detach() for part in state)


def select(state: State, rows: Tensor) -> State:
    """Select, repeat or reorder rows of the batch: `rows` (N,) are indices in dimension 0."""
    return tuple(part.index_select(0, rows) for part in state)
