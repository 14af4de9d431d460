"""Draws from a distribution of tokens."""

import torch
from torch import Tensor

from nlpseq.layers.cpu import reads_values_for_free


def draw(log_probs: Tensor) -> Tensor:
    """Draw a token from each distribution: log_probs (..., V) -> ids (...).

    `torch.multinomial` checks its argument, for which a GPU's queue has to be empty; there the largest of p / e is
    taken, with exponential numbers e, which has the same distribution.
    """
    if reads_values_for_free(log_probs):
        return torch.multinomial(log_probs.exp().flatten(0, -2), 1).view(log_probs.shape[:-1])
    noise = torch.empty_like(log_probs).exponential_()
    return (log_probs - noise.log()).argmax(-1)
