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
    """One decoding step: `log_probs` (R, V), the next `state`, attention `weights` (R, S) if any.

    A token that cannot follow has -inf, and at least one that can follow has more.
    """

    log_probs: Tensor
    state: State
    weights: Tensor | None = None


class StepFunction(Protocol):
    """The one closure that every search in `nlpseq.decoding` knows.

    `state` belongs to the rows of a step: it has one entry a hypothesis, and moves with it. `memory` belongs to
    sentences: what is attended to, the same at every step. In beam search the R rows are a full rectangle, N
    sentences by W hypotheses, those of a sentence beside each other, so that W = R // N; elsewhere W is 1.
    """

    def __call__(self, ids: Tensor, state: State, *memory: Tensor) -> Step:
        """Read a token of each row and give the distribution of the tokens that follow.

        Args:
            ids: (R,) the token that each row has chosen last; where `log_probs` has more columns than the
                vocabulary (copied words), it may be one of those.
            state: parts (R, ...).
            memory: parts (N, ...); a language model has none, and need not take any.
        """
        ...


def detach(state: State) -> State:
    """Cut the graph behind a state, so that back-propagation stops there."""
    return tuple(part.detach() for part in state)


def select(state: State, rows: Tensor) -> State:
    """Keep (or repeat, or reorder) rows of the batch: `rows` (N,) indices into dimension 0."""
    return tuple(part.index_select(0, rows) for part in state)
