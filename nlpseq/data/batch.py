"""Input of a model: `Tokens`, and the `Batch` that pairs them with a target. Batch-first everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class CharacterFeatures:
    """Characters of the words of a batch: each distinct word is spelt once, however often it occurs.

    Attributes:
        rows: (B, T) the distinct word at each token, as a row of `ids` and of `vectors`.
        ids: (U, C) character ids of the U distinct words, 0 at padding; None once they are encoded.
        vectors: (U, S) the encoded words, where several batches share them.
    """

    rows: Tensor
    ids: Tensor | None
    vectors: Tensor | None = None

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        ids = None if self.ids is None else self.ids.to(device)
        vectors = None if self.vectors is None else self.vectors.to(device)
        return replace(self, rows=self.rows.to(device), ids=ids, vectors=vectors)

    def select_rows(self, kept: slice | Tensor) -> Self:
        """Select rows of the batch; all distinct words stay."""
        return replace(self, rows=self.rows[kept])


@dataclass(frozen=True)
class CopySource:
    """Source tokens as a decoder can copy them.

    Attributes:
        ids: (B, S) each source token as an id of the target's vocabulary; a token that the vocabulary
            lacks has an extra id, from V on, which counts for its own row only.
        extras: (B, X) as wide as the largest number of extra ids in a row; the values are not used.
    """

    ids: Tensor
    extras: Tensor

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        return replace(self, ids=self.ids.to(device), extras=self.extras.to(device))

    def select_rows(self, kept: slice | Tensor) -> Self:
        """Select rows of the batch."""
        return replace(self, ids=self.ids[kept], extras=self.extras[kept])


@dataclass(frozen=True)
class Tokens:
    """Token ids and features of the tokens, padded on the right; each row has at least one real token.

    Attributes:
        ids: (B, T) token ids.
        lengths: (B,) number of real tokens in each row.
        full: no row is padded, so no mask is needed (windows of a language model).
        characters: the characters of each token's word.
        casing: (B, T) casing classes.
        segments: (B, T) number of the sentence that each token belongs to, from 0.
        word_starts: (B, W) index of each word's first token, -1 after the last word; only where
            words are tagged and tokens are pieces of them.
        copies: what a decoder can copy.
        second: the second text of each row, where examples are pairs of texts.
    """

    ids: Tensor
    lengths: Tensor
    full: bool = False
    characters: CharacterFeatures | None = None
    casing: Tensor | None = None
    segments: Tensor | None = None
    word_starts: Tensor | None = None
    copies: CopySource | None = None
    second: "Tokens | None" = None

    @classmethod
    def unpadded(cls, ids: Tensor) -> Self:
        """Wrap ids (B, T) without padding: every token is real."""
        return cls(ids, torch.full((ids.size(0),), ids.size(1), device=ids.device), full=True)

    @cached_property
    def mask(self) -> Tensor | None:
        """(B, T) True at real tokens; None where nothing is padded."""
        if self.full:
            return None
        positions = torch.arange(self.ids.size(1), device=self.ids.device)
        return positions < self.lengths[:, None]  # (B, T)

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        moved: dict[str, Any] = {name: part.to(device) for name, part in self._parts()}
        return replace(self, **moved)

    def select_rows(self, kept: slice | Tensor) -> Self:
        """Select rows of the batch."""
        selected: dict[str, Any] = {
            name: part[kept] if isinstance(part, Tensor) else part.select_rows(kept)
            for name, part in self._parts()
        }
        return replace(self, **selected)

    def _parts(self) -> Iterator[tuple[str, "Tensor | CharacterFeatures | CopySource | Tokens"]]:
        """Yield the fields that hold tensors."""
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, (Tensor, CharacterFeatures, CopySource, Tokens)):
                yield field.name, part


NO_TARGET = -1
"""The target of a position that has none, in `ModelInput.targets`."""


class ModelInput(NamedTuple):
    """Raw texts as the input of a model, for inspection.

    Attributes:
        tokens: input of the embedding.
        token_texts: the text of each token, row by row.
        targets: (B, T) for a language model: the token to predict after each token, or NO_TARGET.
    """

    tokens: Tokens
    token_texts: list[list[str]]
    targets: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of examples, or one window of a language model's columns.

    Attributes:
        source: input of the encoder.
        target: (B, T) ids or tags, (B,) labels, or the tokens of the target text.
        index: (B,) index of each row in its data set.
        first: the window starts new texts, so no state is carried into it.
    """

    source: Tokens
    target: Tokens | Tensor | None
    index: Tensor
    first: bool = True

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.source.ids.size(0)

    @property
    def tokens(self) -> int:
        """Number of real tokens in the source, of both texts of a pair."""
        second = self.source.second
        return int(self.source.lengths.sum()) + (0 if second is None else int(second.lengths.sum()))

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        target = None if self.target is None else self.target.to(device)
        return replace(
            self, source=self.source.to(device), target=target, index=self.index.to(device)
        )

    def select_rows(self, kept: slice) -> Self:
        """Select rows, as each process does with its shard of a batch."""
        target = self.target
        if target is not None:
            target = target[kept] if isinstance(target, Tensor) else target.select_rows(kept)
        source = self.source.select_rows(kept)
        return replace(self, source=source, target=target, index=self.index[kept])


def shard(batch: Batch, rank: int, world_size: int) -> tuple[Batch, bool]:
    """Select the rows of one process from a global batch.

    A process without a row gets the first row, which does not count: every process has to take part in
    every step.

    Returns:
        The rows, and whether they count.
    """
    if rank < batch.size:
        return batch.select_rows(slice(rank, None, world_size)), True
    return batch.select_rows(slice(0, 1)), False
