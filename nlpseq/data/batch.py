"""Input of a model: `Tokens`, and the `Batch` that pairs them with a target. Batch-first everywhere.

A batch that moves to a GPU leaves a copy of what decides on shapes in the host's memory (`HostValues`): to read it
from the GPU would wait for all the work in its queue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy to a device without waiting for the work in its queue; on Apple's GPUs a copy waits.

    CUDA copies by itself from pinned memory only.
    """
    if tensor.device.type != "cpu" or device.type in ("cpu", "mps"):
        return tensor.to(device)
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


class HostValues(NamedTuple):
    """Values that the host knows of `Tokens` on a device: their `lengths` (B,) and `segments` (B, T)."""

    lengths: Tensor
    segments: Tensor | None


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
        ids = None if self.ids is None else move(self.ids, device)
        vectors = None if self.vectors is None else move(self.vectors, device)
        return replace(self, rows=move(self.rows, device), ids=ids, vectors=vectors)

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
        return replace(self, ids=move(self.ids, device), extras=move(self.extras, device))

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
        host: on another device than the CPU what the host knows of these tokens; None: nothing.
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
    host: HostValues | None = None

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

    @property
    def on_host(self) -> HostValues:
        """The values that decide on shapes, in the host's memory."""
        if self.host is not None:
            return self.host
        segments = None if self.segments is None else self.segments.cpu()
        return HostValues(self.lengths.cpu(), segments)

    @cached_property
    def real(self) -> Tensor | None:
        """(N,) index of each real token in the flattened (B * T), row by row; None where nothing is padded."""
        if self.full:
            return None
        rows = torch.arange(self.ids.size(0), device=self.ids.device)
        total = int(self.on_host.lengths.sum())
        rows = rows.repeat_interleave(self.lengths, output_size=total)  # (N,)
        starts = self.lengths.cumsum(0) - self.lengths
        columns = torch.arange(total, device=rows.device) - starts[rows]
        return rows * self.ids.size(1) + columns

    def select_real(self, values: Tensor) -> Tensor:
        """Return the values (B, T, ...) at real tokens, row by row: (N, ...)."""
        values = values.flatten(0, 1)
        return values if self.real is None else values.index_select(0, self.real)

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        moved: dict[str, Any] = {
            name: move(part, device) if isinstance(part, Tensor) else part.to(device)
            for name, part in self._parts()
        }
        known = self.lengths.device.type == "cpu" or self.host is not None
        host = self.on_host if known and device.type != "cpu" else None
        return replace(self, **moved, host=host)

    def select_rows(self, kept: slice | Tensor) -> Self:
        """Select rows of the batch."""
        selected: dict[str, Any] = {
            name: part[kept] if isinstance(part, Tensor) else part.select_rows(kept)
            for name, part in self._parts()
        }
        host = self.host
        if host is not None:
            readable = isinstance(kept, slice) or kept.device.type == "cpu"
            parts = (part if part is None else part[kept] for part in host) if readable else ()
            host = HostValues(*parts) if readable else None
        return replace(self, **selected, host=host)

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
        host_target: on another device than the CPU a target that is a tensor, in the host's memory; None: unknown.
    """

    source: Tokens
    target: Tokens | Tensor | None
    index: Tensor
    first: bool = True
    host_target: Tensor | None = None

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
        target, host_target = self.target, self.host_target
        if isinstance(target, Tensor):
            host_target = target if target.device.type == "cpu" else host_target
            target = move(target, device)
        elif target is not None:
            target = target.to(device)
        return replace(
            self,
            source=self.source.to(device),
            target=target,
            index=move(self.index, device),
            host_target=host_target if device.type != "cpu" else None,
        )

    def select_rows(self, kept: slice) -> Self:
        """Select rows, as each process does with its shard of a batch."""
        target = self.target
        if target is not None:
            target = target[kept] if isinstance(target, Tensor) else target.select_rows(kept)
        source, host = self.source.select_rows(kept), self.host_target
        host = None if host is None else host[kept]
        return replace(self, source=source, target=target, index=self.index[kept], host_target=host)


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
