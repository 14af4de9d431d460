"""The state of a causal Transformer: keys and values of the previous tokens.

A state is `(lengths (B, 1, 1), cache (B, C, 2H), ...)`, with one cache for each layer. Tokens are aligned on the
right: the last `lengths[b]` entries of row b are real. They are fewer than C only if a batch had padding. Where none
had, `lengths` is (B, 1, 0): all entries are real, and nobody has to read that from a GPU.

With a context of N tokens each token attends to itself and the N - 1 before it, in each layer, wherever windows
begin. So the cache needs N - 1 entries, several windows give the same result as one, and a step after a million
tokens costs as much as the first. Positions are counted from the oldest token in the cache: rotary scores depend on
distances alone and do not change when it moves; added positions would.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nlpseq.layers.cpu import may_be_padded, reads_values_for_free
from nlpseq.layers.positions import First, Rotation
from nlpseq.layers.self_attention import AttentionMask
from nlpseq.types import State


class KeyValueCache:
    """A state, with the mask and the positions of the next window.

    Args:
        state: see above.
        context: N, tokens that a token attends to, itself included; 0: all.

    Attributes:
        caches: (B, C, 2H) of each layer.
        size: C.
        ragged: whether rows have read different numbers of tokens.
    """

    def __init__(self, state: State, context: int) -> None:
        self.lengths, *self.caches = state
        self.context = context
        self.size = self.caches[0].size(1)
        self.ragged = self.lengths.size(2) > 0 and self.size > 0
        if self.ragged and reads_values_for_free(self.lengths):
            self.ragged = bool((self.lengths != self.size).any())

    @staticmethod
    def empty(batch_size: int, num_layers: int, hidden_size: int, like: Tensor) -> State:
        """Return the state before the first token."""
        lengths = torch.zeros(batch_size, 1, 0, dtype=torch.long, device=like.device)
        shape = (batch_size, 0, 2 * hidden_size)
        return (lengths, *(like.new_zeros(shape) for _ in range(num_layers)))

    @property
    def first(self) -> First:
        """The position of the next token."""
        return self.lengths.squeeze(2) if self.ragged else self.size

    def attention_mask(self, length: int, rotation: Rotation | None) -> AttentionMask:
        """Return the mask of T = `length` new tokens over S = C + T tokens; `rotation` covers these S."""
        traced = torch.compiler.is_compiling()  # a graph is for every length, so none decides in it
        if not traced and length == 1 and not self.ragged:
            return AttentionMask(rotation=rotation)  # the cache fits into the context
        if self.size == 0 and (self.context == 0 or (not traced and length <= self.context)):
            return AttentionMask(causal=True, rotation=rotation)
        positions = torch.arange(self.size + length, device=self.lengths.device)
        distances = positions[self.size :].unsqueeze(1) - positions  # (T, S)
        mask = distances >= 0
        if self.context:
            mask &= distances < self.context
        if self.ragged:
            mask = (mask & (positions >= self.size - self.lengths)).unsqueeze(1)  # (B, 1, T, S)
        return AttentionMask(mask=mask, rotation=rotation)

    def after(self, caches: Sequence[Tensor], mask: Tensor | None) -> State:
        """Return the state after a window.

        Args:
            caches: (B, S, 2H) for each layer: the old keys and values, then those of the window.
            mask: (B, T) True at the window's real tokens; None: all are real.
        """
        size = caches[0].size(1)
        lengths = self.lengths if self.ragged else self.lengths[:, :, :0]
        if mask is not None and may_be_padded(mask):
            if not self.ragged:
                lengths = torch.full((mask.size(0), 1, 1), self.size, device=mask.device)
            padding = (~mask).sum(1, keepdim=True)  # (B, 1), to be moved to the left
            lengths = lengths - padding.unsqueeze(2)
            rolled = (torch.arange(size, device=mask.device) - padding) % size  # (B, S)
            caches = [cache.gather(1, rolled.unsqueeze(2).expand_as(cache)) for cache in caches]
        kept = torch.sym_min(size, self.context - 1) if self.context else size
        lengths = (lengths + (size - self.size)).clamp(max=kept)
        if torch.compiler.is_compiling():  # a slice would have a layout that depends on the length
            last = torch.arange(kept, device=lengths.device) + (size - kept)
            return (lengths, *(cache.index_select(1, last) for cache in caches))
        return (lengths, *(cache[:, size - kept :] for cache in caches))
