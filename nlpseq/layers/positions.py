"""Where a token stands, told to a Transformer, which would otherwise see a bag of tokens.

Sinusoidal and learned positions are vectors added to the inputs; rotary ones turn queries and keys, so
that a score depends on the distance between two tokens. Angles are computed anew for every batch: that
is cheap beside the layers, and sets no limit to the length.
"""

import math

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError

BASE = 10_000.0  # wavelengths go from 2 pi to 2 pi times this


def angles(length: int, size: int, like: Tensor) -> Tensor:
    """Angles (T, size / 2): position t times frequency i, which is BASE^(-2i / size)."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    exponents = torch.arange(0, size, 2, device=like.device, dtype=dtype) / size
    frequencies = torch.exp(-math.log(BASE) * exponents)
    return torch.arange(length, device=like.device, dtype=dtype).unsqueeze(1) * frequencies


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines in turn.  Vaswani et al. (2017), section 3.5."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        length, size = inputs.shape[1:]
        turned = angles(length, size, inputs)
        waves = torch.stack([turned.sin(), turned.cos()], dim=2).flatten(1)  # (T, H), or H + 1
        return inputs + waves[:, :size].to(inputs.dtype)


class LearnedPositions(nn.Module):
    """Adds a trained vector for each position.  Gehring et al. (2017), section 3.1."""

    def __init__(self, size: int, max_length: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_length, size))
        nn.init.normal_(self.weight, std=math.sqrt(0.5))  # as loud as sinusoids

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H).

        Raises:
            UserError: there are more tokens than positions.
        """
        length, known = inputs.shape[1], len(self.weight)
        if length > known:
            raise UserError(
                f"a text of {length} tokens is longer than encoder.max_length = {known}: raise it, "
                "or train with sinusoidal or rotary positions, which have no limit"
            )
        return inputs + self.weight[:length]


class RotaryPositions(nn.Module):
    """Turns each pair of components by an angle that grows with the position.

    Su et al. (2021), equation 34. Pairs are (x_i, x_{i + size/2}), as in most published code, where the
    paper has neighbours: a permutation of the components, which the projections in front learn anyway.
    """

    def forward(self, vectors: Tensor) -> Tensor:
        """Queries or keys (B, heads, T, size) -> the same, turned; `size` is even."""
        length, size = vectors.shape[2:]
        turned = angles(length, size, vectors)
        sines, cosines = turned.sin().to(vectors.dtype), turned.cos().to(vectors.dtype)
        first, second = vectors.chunk(2, dim=3)
        return torch.cat(
            [first * cosines - second * sines, second * cosines + first * sines], dim=3
        )
