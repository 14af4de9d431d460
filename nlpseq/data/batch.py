"""What a model reads: `Tokens`, and the `Batch` that pairs them with a target. Batch-first everywhere."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Token ids, padded on the right; every row holds at least one real token.

    Attributes:
        ids: (B, T) token ids.
        lengths: (B,) real tokens in each row.
        full: no row is padded, so nobody needs a mask (windows of a language model).
    """

    ids: Tensor
    lengths: Tensor
    full: bool = False

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
        return replace(self, ids=self.ids.to(device), lengths=self.lengths.to(device))

    def rows(self, kept: slice) -> Self:
        """Some of the rows."""
        return replace(self, ids=self.ids[kept], lengths=self.lengths[kept])


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
