"""Attention: what a token takes from the other tokens of its text."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.positions import Rotation


class AttentionMask(NamedTuple):
    """What the T tokens of a window look at: S tokens, the last T of which are they themselves.

    Attributes:
        mask: True where a token may look, in a shape that stretches to (B, heads, T, S); None: everywhere.
        causal: T = S, and no token looks at what comes behind it; there is no mask then.
        rotation: of the S places, where positions are rotary.
    """

    mask: Tensor | None = None
    causal: bool = False
    rotation: Rotation | None = None


class MultiHeadAttention(nn.Module):
    """Every token looks at the tokens of its text.  Vaswani et al. (2017), section 3.2.2.

    Args:
        hidden_size: H, of inputs and outputs.
        num_heads: N, a divisor of H.
        dropout: of the weights.
    """

    def __init__(self, hidden_size: int, num_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.projection = nn.Linear(hidden_size, 3 * hidden_size)  # queries, keys, values
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, inputs: Tensor, sight: AttentionMask, cache: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend from a window.

        Args:
            inputs: (B, T, H).
            sight: what is looked at.
            cache: (B, C, 2H) keys and values of the C = S - T tokens before the window; None: C = 0.

        Returns:
            outputs (B, T, H), and keys and values (B, S, 2H), the window's behind those of the cache. Keys
            are as projected: their rotation depends on where a window stands, and that moves.
        """
        size = inputs.size(2)
        queries, offered = self.projection(inputs).split([size, 2 * size], dim=2)
        if cache is not None and cache.size(1):
            offered = torch.cat([cache.to(offered.dtype), offered], dim=1)  # (B, S, 2H)
        keys, values = (self._heads(part) for part in offered.chunk(2, dim=2))
        queries = self._heads(queries)  # (B, N, T, H / N)
        if sight.rotation is not None:
            queries, keys = sight.rotation.turn(queries), sight.rotation.turn(keys)
        context = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=sight.mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=sight.causal,
        )
        outputs: Tensor = self.output(context.transpose(1, 2).flatten(2))  # (B, T, H)
        return outputs, offered

    def _heads(self, vectors: Tensor) -> Tensor:
        """(B, T, H) -> (B, N, T, H / N)."""
        batch, length, size = vectors.shape
        return vectors.view(batch, length, self.num_heads, size // self.num_heads).transpose(1, 2)
