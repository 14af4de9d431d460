"""Normalisation of sequences: of each token alone, or of each feature over batch and time.

All take inputs (B, T, D) and a mask that is None where there is no padding, and have a `step` for
one token (B, D). None of them lets padding change a result.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError


class NoNormalization(nn.Module):
    """Gives back its input."""

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return inputs

    def step(self, inputs: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        return inputs


class SequenceLayerNorm(nn.Module):
    """Layer normalisation of each token's features.  Ba et al. (2016)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return self.step(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        normalized: Tensor = self.norm(inputs)
        return normalized


class SequenceBatchNorm(nn.Module):
    """Batch normalisation of each feature over batch and time.

    Laurent et al. (2016), section 3; "sequence-wise" in Amodei et al. (2016), section 3.2. In
    training the statistics are those of the batch's real tokens; in evaluation, and in `step`, the
    running ones, so that a result never depends on the other rows of a batch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D); padding becomes zeros."""
        if mask is None:
            return self._rows(inputs.flatten(0, 1)).view_as(inputs)
        places = mask.flatten().nonzero().squeeze(1)  # (N,) of the real tokens
        rows = self._rows(inputs.flatten(0, 1).index_select(0, places))  # (N, D)
        padded = torch.zeros_like(inputs, dtype=rows.dtype).flatten(0, 1)
        return padded.index_copy(0, places, rows).view_as(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """(B, D) -> (B, D), by the running statistics."""
        norm = self.norm
        return F.batch_norm(
            inputs, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )

    def _rows(self, rows: Tensor) -> Tensor:
        if len(rows) < 2:  # one token has no variance
            return self.step(rows)
        normalized: Tensor = self.norm(rows)
        return normalized


Normalization = NoNormalization | SequenceLayerNorm | SequenceBatchNorm


def build_normalization(kind: str, size: int) -> Normalization:
    """`kind` is "none", "layer" or "batch"; `size` is the number of features."""
    if kind == "none":
        return NoNormalization()
    if kind == "layer":
        return SequenceLayerNorm(size)
    if kind == "batch":
        return SequenceBatchNorm(size)
    raise UserError(f"unknown normalization {kind!r}: choose none, layer or batch")
