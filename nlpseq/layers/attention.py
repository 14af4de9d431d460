"""Attention: what a token takes from the other tokens of its text."""

import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.positions import RotaryPositions


class MultiHeadAttention(nn.Module):
    """Every token looks at all tokens of its text.  Vaswani et al. (2017), section 3.2.2.

    Args:
        hidden_size: H, of inputs and outputs.
        num_heads: N, a divisor of H.
        dropout: of the weights.
        rotary: positions that turn queries and keys.
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        rotary: RotaryPositions | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.rotary = rotary
        self.projection = nn.Linear(hidden_size, 3 * hidden_size)  # queries, keys, values
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, H) -> (B, T, H); where `mask` (B, T) is False there is nothing to look at."""
        batch, length, size = inputs.shape
        projected = self.projection(inputs).view(batch, length, 3, self.num_heads, -1)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)  # (B, N, T, H / N) each
        if self.rotary is not None:
            queries, keys = self.rotary(queries), self.rotary(keys)
        context = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=None if mask is None else mask[:, None, None],  # (B, 1, 1, T)
            dropout_p=self.dropout if self.training else 0.0,
        )
        joined = context.transpose(1, 2).reshape(batch, length, size)  # (B, T, H)
        outputs: Tensor = self.output(joined)
        return outputs
