"""The state of a causal Transformer: keys and values of the tokens that it has read.

A state is `(lengths (B, 1, 1), cache (B, C, 2H), ...)`, a cache for each layer. Its tokens stand on the right: of
row b the last `lengths[b]` places are real. They are fewer than C only where a batch had padding.

With a bounded context of N tokens a token looks at itself and the N - 1 before it, in every layer, wherever
windows begin: so the cache needs N - 1 places, reading window by window gives what reading in one go gives,
and a step costs the same after a million tokens. Positions are counted from the oldest token of the cache.
Rotary scores, which depend on distances alone, do not see that it moves on; added positions would.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nlpseq.layers.positions import First, Rotation
from nlpseq.layers.self_attention import AttentionMask
from nlpseq.types import State


class KeyValueCache:
    """A state, and what follows from it for the window that is read next.

    Args:
        state: see above.
        context: N, tokens that a token looks at, itself among them; 0: all.

    Attributes:
        caches: (B, C, 2H) of each layer.
        size: C.
        ragged: whether rows have read different numbers of tokens.
    """

    def __init__(self, state: State, context: int) -> None:
        self.lengths, *self.caches = state
        self.context = context
        self.size = self.caches[0].size(1)
        self.ragged = self.size > 0 and bool((self.lengths != self.size).any())

    @staticmethod
    def empty(batch_size: int, num_layers: int, hidden_size: int, like: Tensor) -> State:
        """The state before the first token."""
        lengths = torch.zeros(batch_size, 1, 1, dtype=torch.long, device=like.device)
        shape = (batch_size, 0, 2 * hidden_size)
        return (lengths, *(like.new_zeros(shape) for _ in range(num_layers)))

    @property
    def first(self) -> First:
        """The place of the next token."""
        return self.lengths.squeeze(2) if self.ragged else self.size

    def sight(self, length: int, rotation: Rotation | None) -> AttentionMask:
        """What T = `length` further tokens look at: S = C + T places, of which `rotation` is."""
        if length == 1 and not self.ragged:
            return AttentionMask(rotation=rotation)  # the cache holds no more than a token may see
        if self.size == 0 and (self.context == 0 or length <= self.context):
            return AttentionMask(causal=True, rotation=rotation)
        places = torch.arange(self.size + length, device=self.lengths.device)
        distances = places[self.size :].unsqueeze(1) - places  # (T, S)
        mask = distances >= 0
        if self.context:
            mask &= distances < self.context
        if self.ragged:
            mask = (mask & (places >= self.size - self.lengths)).unsqueeze(1)  # (B, 1, T, S)
        return AttentionMask(mask=mask, rotation=rotation)

    def after(self, caches: Sequence[Tensor], mask: Tensor | None) -> State:
        """The state behind a window.

        Args:
            caches: (B, S, 2H) of each layer, the window's keys and values behind those before.
            mask: (B, T) True at the window's real tokens; None: all are.
        """
        places = caches[0].size(1)
        lengths = self.lengths + (places - self.size)
        if mask is not None and not bool(mask.all()):
            padding = (~mask).sum(1, keepdim=True)  # (B, 1), to be moved out on the left
            lengths = lengths - padding.unsqueeze(2)
            turned = (torch.arange(places, device=mask.device) - padding) % places  # (B, S)
            caches = [one.gather(1, turned.unsqueeze(2).expand_as(one)) for one in caches]
        kept = min(places, self.context - 1) if self.context else places
        return (lengths.clamp(max=kept), *(one[:, places - kept :] for one in caches))
