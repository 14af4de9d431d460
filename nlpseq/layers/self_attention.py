"""Self-attention: each token attends to the tokens of its text."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.positions import Rotation


class AttentionMask(NamedTuple):
    """The tokens that the T tokens of a window attend to: S tokens, the last T of which are the window.

    Attributes:
        mask: True where a token may attend, broadcast to (B, heads, T, S); None: everywhere.
        causal: T = S, and no token attends to later ones; then there is no mask.
        rotation: rotary positions of the S tokens, if any.
    """

    mask: Tensor | None = None
    causal: bool = False
    rotation: Rotation | None = None


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention in several heads.  Vaswani et al. (2017), section 3.2.2.

    Args:
        hidden_size: H, components of inputs and outputs.
        num_heads: N, a divisor of H.
        dropout: dropout of the attention weights.
    """

    def __init__(self, hidden_size: int, num_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.projection = nn.Linear(hidden_size, 3 * hidden_size)  # queries, keys, values
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, inputs: Tensor, attention_mask: AttentionMask, cache: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend from the tokens of a window.

        Args:
            inputs: (B, T, H).
            attention_mask: the tokens to attend to.
            cache: (B, C, 2H) keys and values of the C = S - T tokens before the window; None: C = 0.

        Returns:
            outputs (B, T, H), and keys and values (B, S, 2H): the cache, then the window. Keys are not rotated,
            because their positions change when the window moves.
        """
        size = inputs.size(2)
        queries, keys_and_values = self.projection(inputs).split([size, 2 * size], dim=2)
        if cache is not None and cache.size(1):
            earlier = cache.to(keys_and_values.dtype)
            keys_and_values = torch.cat([earlier, keys_and_values], dim=1)  # (B, S, 2H)
        keys, values = (self._heads(part) for part in keys_and_values.chunk(2, dim=2))
        queries = self._heads(queries)  # (B, N, T, H / N)
        if (rotation := attention_mask.rotation) is not None:
            queries, keys = rotation.rotate(queries), rotation.rotate(keys)
        context = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=attention_mask.mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=attention_mask.causal,
        )
        outputs: Tensor = self.output(context.transpose(1, 2).flatten(2))  # (B, T, H)
        return outputs, keys_and_values

    def _heads(self, vectors: Tensor) -> Tensor:
        """Split vectors into heads: (B, T, H) -> (B, N, T, H / N)."""
        batch, length, size = vectors.shape
        return vectors.view(batch, length, self.num_heads, size // self.num_heads).transpose(1, 2)
