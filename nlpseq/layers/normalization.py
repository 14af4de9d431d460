"""Normalization of sequences: of each token alone, or of each feature over batch and time.

All take inputs (B, T, D) and a mask, None if there is no padding, and have a `step` for one token (B, D). Padding
never changes a result.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError


class NoNormalization(nn.Module):
    """The identity."""

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D)."""
        return inputs

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D)."""
        return inputs


class SequenceLayerNorm(nn.Module):
    """Layer normalization of each token.  Ba et al. (2016)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D)."""
        return self.step(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D)."""
        normalized: Tensor = self.norm(inputs)
        return normalized


class SequenceBatchNorm(nn.Module):
    """Batch normalization of each feature over batch and time.

    Laurent et al. (2016), section 3; "sequence-wise" in Amodei et al. (2016), section 3.2. Training uses the
    statistics of the batch's real tokens; evaluation and `step` use the running ones, so that a result never
    depends on the other rows of a batch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D); padding becomes zero."""
        if mask is None:
            return self._rows(inputs.flatten(0, 1)).view_as(inputs)
        indices = mask.flatten().nonzero().squeeze(1)  # (N,) of the real tokens
        rows = self._rows(inputs.flatten(0, 1).index_select(0, indices))  # (N, D)
        padded = torch.zeros_like(inputs, dtype=rows.dtype).flatten(0, 1)
        return padded.index_copy(0, indices, rows).view_as(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D) by the running statistics."""
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
    """Build the normalization called "none", "layer" or "batch" of `size` features.

    Raises:
        UserError: unknown kind.
    """
    if kind == "none":
        return NoNormalization()
    if kind == "layer":
        return SequenceLayerNorm(size)
    if kind == "batch":
        return SequenceBatchNorm(size)
    raise UserError(f"unknown normalization {kind!r}: choose none, layer or batch")
