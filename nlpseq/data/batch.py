"""What a model reads: `Tokens`, and the `Batch` that pairs them with a target. Batch-first everywhere."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Token ids, padded on the right; every row holds at least one real token.

    Attributes:
        ids: (B, T) token ids.
        lengths: (B,) real tokens in each row.
        full: no row is padded, so nobody needs a mask (windows of a language model).
        characters: (U, C) character ids of the batch's distinct words, padded with 0. A word that
            occurs often is spelt, and read by a character encoder, once.
        character_rows: (B, T) which row of `characters` spells each token.
        spelt: (U, S) what an embedding made of `characters`, where several batches share them.
        casing: (B, T) casing classes.
        segments: (B, T) number of the sentence that each token belongs to, from 0.
        word_starts: (B, W) place of each word's first token, -1 behind the last word; only where
            tokens are pieces of words that are tagged.
        copies: (B, T) each token as an id of the other side's vocabulary, so that it can be copied; a
            token that the other side does not know has an id of its row's own, from V on.
        extras: (B, X) as wide as the largest number of such ids in a row.
    """

    ids: Tensor
    lengths: Tensor
    full: bool = False
    characters: Tensor | None = None
    character_rows: Tensor | None = None
    spelt: Tensor | None = None
    casing: Tensor | None = None
    segments: Tensor | None = None
    word_starts: Tensor | None = None
    copies: Tensor | None = None
    extras: Tensor | None = None

    @classmethod
    def unpadded(cls, ids: Tensor) -> Self:
        """Tokens without padding: `ids` (B, T), every one of them real."""
        return cls(ids, torch.full((ids.size(0),), ids.size(1), device=ids.device), full=True)

    @cached_property
    def mask(self) -> Tensor | None:
        """(B, T) True at real tokens; None where nothing is padded."""
        if self.full:
            return None
        places = torch.arange(self.ids.size(1), device=self.ids.device)
        return places < self.lengths[:, None]  # (B, T)

    def to(self, device: torch.device) -> Self:
        """The same tokens on another device."""
        return self._changed(lambda tensor: tensor.to(device), {*self._tensors()})

    def rows(self, kept: slice) -> Self:
        """Some of the rows; the words that they spell with stay all of them."""
        return self._changed(
            lambda tensor: tensor[kept], {*self._tensors()} - {"characters", "spelt"}
        )

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def _changed(self, change: Callable[[Tensor], Tensor], names: set[str]) -> Self:
        changed: dict[str, Any] = {
            name: change(tensor) for name, tensor in self._tensors().items() if name in names
        }
        return replace(self, **changed)


class Reading(NamedTuple):
    """Raw texts as a model reads them.

    Attributes:
        tokens: what its embedding takes.
        spelt: how each token of a row reads.
        targets: (B, T) of a language model, the token to predict behind each token, -1 where there is none.
    """

    tokens: Tokens
    spelt: list[list[str]]
    targets: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of examples, or one window of a language model's columns.

    Attributes:
        source: what the encoder reads.
        target: (B, T) ids or tags, (B,) labels, or the Tokens of the other side.
        index: (B,) place of each row in its data set.
        first: the window starts new texts, so no state is carried into it.
    """

    source: Tokens
    target: Tokens | Tensor | None
    index: Tensor
    first: bool = True

    @property
    def size(self) -> int:
        """Rows."""
        return self.source.ids.size(0)

    @property
    def tokens(self) -> int:
        """Real tokens of the source."""
        return int(self.source.lengths.sum())

    def to(self, device: torch.device) -> Self:
        """The same batch on another device."""
        target = None if self.target is None else self.target.to(device)
        return replace(
            self, source=self.source.to(device), target=target, index=self.index.to(device)
        )

    def rows(self, kept: slice) -> Self:
        """Some of the rows: how a batch is shared among processes."""
        target = self.target.rows(kept) if isinstance(self.target, Tokens) else self.target
        if isinstance(target, Tensor):
            target = target[kept]
        return replace(self, source=self.source.rows(kept), target=target, index=self.index[kept])


def shard(batch: Batch, rank: int, processes: int) -> tuple[Batch, bool]:
    """This process's rows of a global batch, and whether they count.

    A process left without a row repeats the first one, which then counts nothing: every process has to take
    part in every step.
    """
    kept = slice(rank, None, processes)
    if rank < batch.size:
        return batch.rows(kept), True
    return batch.rows(slice(0, 1)), False
