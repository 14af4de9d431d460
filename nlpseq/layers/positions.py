"""Where a token stands, told to a Transformer, which would otherwise see a bag of tokens.

Sinusoidal and learned positions are vectors added to the inputs; rotary ones turn queries and keys, so
that a score depends on the distance between two tokens. Angles are computed anew for every batch: that
is cheap beside the layers, and sets no limit to the length.
"""

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError

BASE = 10_000.0  # wavelengths go from 2 pi to 2 pi times this

First = int | Tensor
"""The place of a window's first token: of all rows, or (B, 1) of each."""


def angles(first: First, length: int, size: int, like: Tensor) -> Tensor:
    """Angles (T, size / 2), or (B, T, size / 2): place t times frequency i, which is BASE^(-2i / size)."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    exponents = torch.arange(0, size, 2, device=like.device, dtype=dtype) / size
    frequencies = torch.exp(-math.log(BASE) * exponents)
    places = first + torch.arange(length, device=like.device, dtype=dtype)
    return places.unsqueeze(-1) * frequencies


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines in turn.  Vaswani et al. (2017), section 3.5."""

    def forward(self, inputs: Tensor, first: First = 0) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        length, size = inputs.shape[1:]
        turned = angles(first, length, size, inputs)
        waves = torch.stack([turned.sin(), turned.cos()], dim=-1).flatten(-2)  # (T, H), or H + 1
        return inputs + waves[..., :size].to(inputs.dtype)


class LearnedPositions(nn.Module):
    """Adds a trained vector for each position.  Gehring et al. (2017), section 3.1.

    Args:
        size: H.
        max_length: positions that there are vectors for.
        section: of the recipe, to name in messages.
    """

    def __init__(self, size: int, max_length: int, *, section: str = "encoder") -> None:
        super().__init__()
        self.section = section
        self.weight = nn.Parameter(torch.empty(max_length, size))
        nn.init.normal_(self.weight, std=math.sqrt(0.5))  # as loud as sinusoids

    def forward(self, inputs: Tensor, first: First = 0) -> Tensor:
        """(B, T, H) -> (B, T, H).

        Raises:
            UserError: there are more tokens than positions.
        """
        last, known = int(torch.as_tensor(first).max()) + inputs.shape[1], len(self.weight)
        if last > known:
            raise UserError(
                f"a text of {last} tokens is longer than {self.section}.max_length = {known}: raise "
                "it, or train with sinusoidal or rotary positions, which have no limit"
            )
        places = first + torch.arange(inputs.shape[1], device=inputs.device)
        return inputs + self.weight[places]


class Rotation(NamedTuple):
    """Turns each pair of components by an angle that grows with the position.

    Su et al. (2021), equation 34. Pairs are (x_i, x_{i + size/2}), as in most published code, where the
    paper has neighbours: a permutation of the components, which the projections in front learn anyway.

    Attributes:
        sines: (S, size / 2) of the places 0 to S - 1.
        cosines: likewise.
    """

    sines: Tensor
    cosines: Tensor

    @classmethod
    def of(cls, length: int, size: int, like: Tensor) -> Self:
        """For S = `length` places and vectors of an even `size`."""
        turned = angles(0, length, size, like)
        return cls(turned.sin().to(like.dtype), turned.cos().to(like.dtype))

    def turn(self, vectors: Tensor) -> Tensor:
        """Queries or keys (B, heads, T, size) of the last T places -> the same, turned."""
        begin = len(self.sines) - vectors.size(2)
        sines, cosines = self.sines[begin:], self.cosines[begin:]  # (T, size / 2)
        one, other = vectors.chunk(2, dim=3)
        return torch.cat([one * cosines - other * sines, other * cosines + one * sines], dim=3)
