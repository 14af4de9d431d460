"""Padding of sequences: masks and lengths, and reversal of each row within its own length."""

from typing import NamedTuple

import torch
from torch import Tensor


class Padding(NamedTuple):
    """The padding of a ragged batch, computed once for all layers."""

    mask: Tensor  # (B, T) True at real tokens
    lengths: Tensor  # (B,)
    reversal: Tensor  # (B * T,) the index that each token gets when rows are reversed

    @classmethod
    def of(cls, mask: Tensor) -> "Padding":
        """Compute lengths and reversal from a mask with padding on the right."""
        batch, length = mask.shape
        lengths = mask.sum(1)
        indices = torch.arange(length, device=mask.device)
        mirrored = torch.where(mask, lengths.unsqueeze(1) - 1 - indices, indices)  # (B, T)
        starts = torch.arange(batch, device=mask.device).unsqueeze(1) * length
        return cls(mask, lengths, (mirrored + starts).flatten())


def reverse(inputs: Tensor, padding: Padding | None) -> Tensor:
    """Reverse each row (T, D) of (B, T, D); padding stays at the end."""
    if padding is None:
        return inputs.flip(1)
    return inputs.flatten(0, 1).index_select(0, padding.reversal).view_as(inputs)
