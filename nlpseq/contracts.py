"""The few shapes that every encoder, decoder and search agrees on.

A state is always a tuple of tensors with the batch as dimension 0, `(B, L, H)`: `(h,)`, `(h, c)` or a
key-value cache. Nobody asks which: detaching, reordering and carrying over are the three functions here.
"""

from typing import NamedTuple, Protocol

from torch import Tensor

State = tuple[Tensor, ...]


class Encoded(NamedTuple):
    """What an encoder returns: `outputs` (B, T, H) and the `state` after the last real token."""

    outputs: Tensor
    state: State


class Step(NamedTuple):
    """One decoding step: `log_probs` (B, V), the next `state`, attention `weights` (B, S) if any."""

    log_probs: Tensor
    state: State
    weights: Tensor | None = None


class StepFunction(Protocol):
    """The one closure that every search in `nlpseq.decoding` knows."""

    def __call__(self, ids: Tensor, state: State) -> Step:
        """Read token ids (B,) and give the distribution of the tokens that follow."""
        ...


def detach(state: State) -> State:
    """Cut the graph behind a state, so that back-propagation stops there."""
    return tuple(part.detach() for part in state)


def select(state: State, rows: Tensor) -> State:
    """Keep (or repeat, or reorder) rows of the batch: `rows` (N,) indices into dimension 0."""
    return tuple(part.index_select(0, rows) for part in state)
