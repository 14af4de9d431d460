"""Padding of sequences: where the real tokens are, and reversal of each row within its own length."""

from typing import NamedTuple

import torch
from torch import Tensor


class Padding(NamedTuple):
    """Where the padding of a ragged batch is, worked out once for all layers."""

    mask: Tensor  # (B, T) True at real tokens
    lengths: Tensor  # (B,)
    reversal: Tensor  # (B * T,) the place that each place trades with when rows are turned round

    @classmethod
    def of(cls, mask: Tensor) -> "Padding":
        """The mask's padding stands on the right."""
        batch, length = mask.shape
        lengths = mask.sum(1)
        places = torch.arange(length, device=mask.device)
        mirrored = torch.where(mask, lengths.unsqueeze(1) - 1 - places, places)  # (B, T)
        starts = torch.arange(batch, device=mask.device).unsqueeze(1) * length
        return cls(mask, lengths, (mirrored + starts).flatten())


def reverse(inputs: Tensor, padding: Padding | None) -> Tensor:
    """Turn each row (T, D) of (B, T, D) round, leaving its padding where it is."""
    if padding is None:
        return inputs.flip(1)
    return inputs.flatten(0, 1).index_select(0, padding.reversal).view_as(inputs)
