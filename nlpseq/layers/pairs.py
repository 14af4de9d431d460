"""Pairs of texts that one encoder read: features of their two vectors, and soft alignment of their tokens.

The functions treat both texts alike. Padding changes nothing; each row has a real token.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.layers.dropout import Dropout
from nlpseq.layers.encoder import without_padding


def pair_features(u: Tensor, v: Tensor, *, symmetric: bool = False) -> Tensor:
    """Return [u, v, |u - v|, u * v] (B, 4H).  Conneau et al. (2017), section 3.1.

    Args:
        u: (B, H) vectors of the first texts.
        v: (B, H) vectors of the second texts.
        symmetric: return [u + v, |u - v|, u * v] (B, 3H), the same for both orders.
    """
    own = [u + v] if symmetric else [u, v]
    return torch.cat([*own, (u - v).abs(), u * v], dim=1)


class AlignedPair(NamedTuple):
    """The outputs of `SoftAlignment`.

    Attributes:
        first: (B, S, H) vectors of the first texts.
        second: (B, T, H) vectors of the second texts.
        weights: (B, S, T) attention of each token of the first text to the second; rows sum to 1.
        weights_back: (B, T, S) the same from the second text to the first.
    """

    first: Tensor
    second: Tensor
    weights: Tensor
    weights_back: Tensor


class SoftAlignment(nn.Module):
    """Compare each token with those of the other text that it is aligned to.  Chen et al. (2017), section 3.2.

    With the outputs a_i and b_j of the encoder, equations 11 to 15:

        e_ij = a_i . b_j,   a~_i = sum over j of softmax_j(e_ij) b_j,   b~_j = sum over i of softmax_i(e_ij) a_i
        m_i = [a_i, a~_i, a_i - a~_i, a_i * a~_i]

    The authors then read m by a second BiLSTM; here it is one layer, relu(W m), as in Parikh et al. (2016).

    Args:
        dim: H, components of an output.
        dropout: dropout of the compared vectors.
    """

    def __init__(self, dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.compare = nn.Linear(4 * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(
        self, first: Tensor, second: Tensor, first_mask: Tensor | None, second_mask: Tensor | None
    ) -> AlignedPair:
        """Align outputs (B, S, H) and (B, T, H) with their masks (B, S) and (B, T)."""
        scores = first @ second.transpose(1, 2)  # (B, S, T)
        weights = _softmax(scores, second_mask)
        weights_back = _softmax(scores.transpose(1, 2), first_mask)
        return AlignedPair(
            without_padding(self._compare(first, weights @ second), first_mask),
            without_padding(self._compare(second, weights_back @ first), second_mask),
            weights,
            weights_back,
        )

    def _compare(self, own: Tensor, aligned: Tensor) -> Tensor:
        """Return relu(W m) (B, T, H) of vectors and what they are aligned to."""
        features = torch.cat([own, aligned, own - aligned, own * aligned], dim=2)  # (B, T, 4H)
        compared: Tensor = self.dropout(torch.relu(self.compare(features)))
        return compared


def _softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return weights (B, S, T) over the real tokens of the last dimension."""
    if mask is not None:
        scores = scores.masked_fill(~mask.unsqueeze(1), -torch.inf)
    return scores.softmax(2)
