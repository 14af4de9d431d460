"""Dropout of single components, locked dropout over a sequence, and dropout of recurrent weights.

Masks come from uniform numbers, which a CPU draws more than twice as fast as the `bernoulli_` inside `F.dropout`:
with 2x200 units and batches of 20 that takes a seventh of the layers' time.
"""

import torch
from torch import Tensor, nn


def keep_mask(like: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """Draw a mask: 0 with probability `p`, else 1 / (1 - p); dtype and device are those of `like`."""
    drawn = torch.rand(shape, device=like.device)
    return drawn.ge_(p).div_(1 - p).to(like.dtype)


def dropout(inputs: Tensor, p: float) -> Tensor:
    """Drop single components (Srivastava et al. 2014); for training only."""
    return inputs * keep_mask(inputs, tuple(inputs.shape), p) if p else inputs


def drop_weight(weight: Tensor, p: float, training: bool) -> Tensor:
    """Drop components of a recurrent matrix (DropConnect; Merity et al. 2018, section 2), once for each sweep.

    Returns:
        In training a dropped and rescaled copy, through which the gradient reaches `weight`; otherwise `weight`.
    """
    return dropout(weight, p) if training else weight


class Dropout(nn.Module):
    """Dropout with an independent mask for each component of each token.

    Raises:
        ValueError: `p` is not in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"a dropout probability lies in [0, 1), got {p}")
        self.p = p

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop components of inputs of any shape."""
        return dropout(inputs, self.p) if self.training else inputs

    def extra_repr(self) -> str:
        """Return the probability that `print` shows."""
        return f"p={self.p}"


class LockedDropout(Dropout):
    """Variational dropout: one mask for each sequence, shared by all its tokens.

    Gal and Ghahramani (2016), section 4. A single token (B, D) counts as a sequence.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop components of sequences (B, T, D), or of single tokens (B, D)."""
        if not self.training or not self.p:
            return inputs
        shape = (inputs.shape[0], *([1] * (inputs.dim() - 2)), inputs.shape[-1])
        return inputs * keep_mask(inputs, shape, self.p)  # (B, 1, D) is broadcast over time
