"""Position encodings, without which a Transformer would see a bag of tokens.

Sinusoidal and learned positions are vectors added to the inputs; rotary positions rotate queries and keys, so that a
score depends on the distance between two tokens. Angles are computed for each batch, which is cheap compared with
the layers and sets no limit to the length.
"""

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError

BASE = 10_000.0  # wavelengths go from 2 pi to 2 pi times this

First = int | Tensor
"""The position of a window's first token: one for all rows, or (B, 1) for each."""


def angles(first: First, length: int, size: int, like: Tensor) -> Tensor:
    """Return angles (T, size / 2), or (B, T, size / 2): position t times frequency i, BASE^(-2i / size)."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    exponents = torch.arange(0, size, 2, device=like.device, dtype=dtype) / size
    frequencies = torch.exp(-math.log(BASE) * exponents)
    positions = first + torch.arange(length, device=like.device, dtype=dtype)
    return positions.unsqueeze(-1) * frequencies


class SinusoidalPositions(nn.Module):
    """Adds alternating sines and cosines.  Vaswani et al. (2017), section 3.5."""

    def forward(self, inputs: Tensor, first: First = 0) -> Tensor:
        """Add positions to inputs (B, T, H)."""
        length, size = inputs.shape[1:]
        phases = angles(first, length, size, inputs)
        waves = torch.stack([phases.sin(), phases.cos()], dim=-1).flatten(-2)  # (T, H), or H + 1
        return inputs + waves[..., :size].to(inputs.dtype)


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position.  Gehring et al. (2017), section 3.1.

    Args:
        size: H.
        max_length: number of positions.
        section: section of the recipe, named in messages.
    """

    def __init__(self, size: int, max_length: int, *, section: str = "encoder") -> None:
        super().__init__()
        self.section = section
        self.weight = nn.Parameter(torch.empty(max_length, size))
        nn.init.normal_(self.weight, std=math.sqrt(0.5))  # the variance of sinusoids

    def forward(self, inputs: Tensor, first: First = 0) -> Tensor:
        """Add positions to inputs (B, T, H).

        Raises:
            UserError: there are more tokens than positions.
        """
        last, known = int(torch.as_tensor(first).max()) + inputs.shape[1], len(self.weight)
        if last > known:
            raise UserError(
                f"a text of {last} tokens is longer than {self.section}.max_length = {known}: raise "
                "it, or train with sinusoidal or rotary positions, which have no limit"
            )
        positions = first + torch.arange(inputs.shape[1], device=inputs.device)
        return inputs + self.weight[positions]


class Rotation(NamedTuple):
    """Rotates each pair of components by an angle that grows with the position.

    Su et al. (2021), equation 34. Pairs are (x_i, x_{i + size/2}), as in most published code; the paper pairs
    neighbours, which differs by a permutation that the projections before it can learn.

    Attributes:
        sines: (S, size / 2) of the positions 0 to S - 1.
        cosines: (S, size / 2).
    """

    sines: Tensor
    cosines: Tensor

    @classmethod
    def of(cls, length: int, size: int, like: Tensor) -> Self:
        """Compute the rotation for S = `length` positions and vectors of an even `size`."""
        phases = angles(0, length, size, like)
        return cls(phases.sin().to(like.dtype), phases.cos().to(like.dtype))

    def rotate(self, vectors: Tensor) -> Tensor:
        """Rotate the queries or keys (B, heads, T, size) of the last T positions."""
        begin = self.sines.size(0) - vectors.size(2)
        sines, cosines = self.sines[begin:], self.cosines[begin:]  # (T, size / 2)
        x, y = vectors.chunk(2, dim=3)
        return torch.cat([x * cosines - y * sines, y * cosines + x * sines], dim=3)
