"""Dropout of components, of whole sequences' components (locked) and of recurrent weights.

The masks come from uniform numbers, which a CPU draws more than twice as fast as the `bernoulli_`
behind `F.dropout`: at 2x200 units and batch 20 that one takes a seventh of the layers' time.
"""

import torch
from torch import Tensor, nn


def keep_mask(like: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """Zeros with probability `p`, else 1 / (1 - p); dtype and device are those of `like`."""
    drawn = torch.rand(shape, device=like.device)
    return drawn.ge_(p).div_(1 - p).to(like.dtype)


def dropout(inputs: Tensor, p: float) -> Tensor:
    """Drop each component on its own (Srivastava et al. 2014); for training only."""
    return inputs * keep_mask(inputs, tuple(inputs.shape), p) if p else inputs


def drop_weight(weight: Tensor, p: float, training: bool) -> Tensor:
    """DropConnect of a recurrent matrix (Merity et al. 2018, section 2), drawn once a sweep.

    Returns:
        In training a dropped and rescaled copy, through which the gradient reaches `weight`;
        otherwise `weight` itself.
    """
    return dropout(weight, p) if training else weight


class Dropout(nn.Module):
    """A fresh mask for every component of every token."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"a dropout probability lies in [0, 1), got {p}")
        self.p = p

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop components of inputs of any shape."""
        return dropout(inputs, self.p) if self.training else inputs

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"p={self.p}"


class LockedDropout(Dropout):
    """Variational dropout: one mask a sequence, the same at all its tokens.

    Gal and Ghahramani (2016), section 4. A single token (B, D) is a sequence of its own.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop components of sequences (B, T, D), or of single tokens (B, D)."""
        if not self.training or not self.p:
            return inputs
        shape = (inputs.shape[0], *([1] * (inputs.dim() - 2)), inputs.shape[-1])
        return inputs * keep_mask(inputs, shape, self.p)  # (B, 1, D) is stretched over time
