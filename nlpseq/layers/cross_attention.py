"""Attention of a decoder to the outputs of an encoder.

All kinds have the same interface. `keys` projects the memory once for each sentence; a call then takes any number T
of queries for each sentence: all tokens of a target in training, the hypotheses of a beam in decoding. So the same
code computes a batched product over a whole target, and a single step.

kind        | score of query q and memory m                        | source
------------|------------------------------------------------------|-------------------------------------
additive    | v . tanh(W q + U m)                                  | Bahdanau et al. (2015), A.1.2
dot         | q . m                                                | Luong et al. (2015), section 3.1
general     | q . W m                                              | Luong et al. (2015), section 3.1
scaled_dot  | (W q) . (U m) / sqrt(A)                              | Vaswani et al. (2017), equation 1
multi_head  | scaled_dot in N heads, with projected values         | Vaswani et al. (2017), section 3.2.2
location    | additive, with a convolution of the last weights     | Chorowski et al. (2015), equations 8, 9
coverage    | additive, with the sum of all weights so far         | See et al. (2017), equation 11

The last two read the weights of earlier steps (`past`), so their steps run one after the other.
"""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cpu.additive_attention import additive_scores
from nlpseq.layers.dropout import Dropout

LOCATION_FILTERS, LOCATION_WIDTH = 10, 11


class AttentionOutput(NamedTuple):
    """The `context` (B, T, C) of queries, and their `weights` (B, T, S), which sum to 1 over the source."""

    context: Tensor
    weights: Tensor


class CrossAttention(nn.Module):
    """The base class of attentions.

    Attributes:
        output_dim: C, components of a context.
        sequential: whether scores depend on the weights of earlier steps, given as `past`.
    """

    sequential: ClassVar[bool] = False

    def __init__(self, memory_dim: int) -> None:
        super().__init__()
        self.output_dim = memory_dim

    def keys(self, memory: Tensor) -> Tensor:
        """Project the memory, once for each sentence: (B, S, M) -> (B, S, A)."""
        raise NotImplementedError

    def scores(self, queries: Tensor, keys: Tensor, past: Tensor | None) -> Tensor:
        """Return the scores (B, T, S) of queries (B, T, Q) and keys (B, S, A)."""
        raise NotImplementedError

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        keys: Tensor,
        mask: Tensor,
        past: Tensor | None = None,
    ) -> AttentionOutput:
        """Attend from decoder outputs to the source.

        Args:
            queries: (B, T, Q).
            memory: (B, S, M) encoder outputs.
            keys: (B, S, A), `self.keys(memory)`.
            mask: (B, S) True at real tokens; each row has one.
            past: (B, T, S), for sequential kinds: what `remember` returned after the previous step.
        """
        scores = self.scores(queries, keys, past)  # (B, T, S)
        weights = _weights(scores, mask.unsqueeze(1))
        return AttentionOutput(torch.bmm(weights.to(memory.dtype), memory), weights)

    def remember(self, past: Tensor, weights: Tensor) -> Tensor:
        """Return the `past` of the next step, for sequential kinds; both arguments are (B, T, S)."""
        raise NotImplementedError


class AdditiveAttention(CrossAttention):
    """score(q, m) = v . tanh(W q + U m).  Bahdanau et al. (2015), A.1.2."""

    def __init__(self, query_dim: int, memory_dim: int, size: int) -> None:
        super().__init__(memory_dim)
        self.query = nn.Linear(query_dim, size, bias=False)
        self.key = nn.Linear(memory_dim, size)
        self.score = nn.Linear(size, 1, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """Return U m: (B, S, M) -> (B, S, A)."""
        keys: Tensor = self.key(memory)
        return keys

    def scores(self, queries: Tensor, keys: Tensor, past: Tensor | None) -> Tensor:
        """Return the scores of the class's equation."""
        queries, vector = self.query(queries), self.score.weight[0]
        if past is None:
            return additive_scores(queries, keys, vector)
        keys = keys.unsqueeze(1) + self.features(past)  # (B, T, S, A): separate keys for each query
        scores = additive_scores(queries.flatten(0, 1).unsqueeze(1), keys.flatten(0, 1), vector)
        return scores.view_as(past)

    def features(self, past: Tensor) -> Tensor:
        """Return what the past adds inside the tanh: (B, T, S) -> (B, T, S, A)."""
        raise NotImplementedError


class LocationAttention(AdditiveAttention):
    """Additive attention with a convolution of the previous weights.  Chorowski et al. (2015), equations 8, 9."""

    sequential = True

    def __init__(self, query_dim: int, memory_dim: int, size: int) -> None:
        super().__init__(query_dim, memory_dim, size)
        self.filters = nn.Conv1d(
            1, LOCATION_FILTERS, LOCATION_WIDTH, padding=LOCATION_WIDTH // 2, bias=False
        )
        self.location = nn.Linear(LOCATION_FILTERS, size, bias=False)

    def features(self, past: Tensor) -> Tensor:
        """Return U f, where f are the convolved weights."""
        filtered = self.filters(past.flatten(0, 1).unsqueeze(1))  # (B * T, filters, S)
        features: Tensor = self.location(filtered.transpose(1, 2))
        return features.view(*past.shape, -1)

    def remember(self, past: Tensor, weights: Tensor) -> Tensor:
        """Return the weights of the last step."""
        return weights


class CoverageAttention(AdditiveAttention):
    """Additive attention with the sum of all weights so far.  See et al. (2017), equation 11."""

    sequential = True

    def __init__(self, query_dim: int, memory_dim: int, size: int) -> None:
        super().__init__(query_dim, memory_dim, size)
        self.coverage = nn.Linear(1, size, bias=False)

    def features(self, past: Tensor) -> Tensor:
        """Return w c, where c is the coverage."""
        features: Tensor = self.coverage(past.unsqueeze(3))
        return features

    def remember(self, past: Tensor, weights: Tensor) -> Tensor:
        """Return the sum of all weights."""
        return past + weights


class DotAttention(CrossAttention):
    """score(q, m) = q . m.  Luong et al. (2015), section 3.1."""

    def __init__(self, query_dim: int, memory_dim: int) -> None:
        super().__init__(memory_dim)
        if query_dim != memory_dim:
            raise UserError(
                f"decoder.attention = dot: the decoder's {query_dim} units do not fit the encoder's "
                f"outputs of {memory_dim}; choose general, or decoder.hidden_size = {memory_dim}"
            )

    def keys(self, memory: Tensor) -> Tensor:
        """Return the memory unchanged."""
        return memory

    def scores(self, queries: Tensor, keys: Tensor, past: Tensor | None) -> Tensor:
        """Return the scores of the class's equation."""
        return torch.bmm(queries, keys.transpose(1, 2))


class GeneralAttention(CrossAttention):
    """score(q, m) = q . W m.  Luong et al. (2015), section 3.1."""

    def __init__(self, query_dim: int, memory_dim: int) -> None:
        super().__init__(memory_dim)
        self.key = nn.Linear(memory_dim, query_dim, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """Return W m: (B, S, M) -> (B, S, Q)."""
        keys: Tensor = self.key(memory)
        return keys

    def scores(self, queries: Tensor, keys: Tensor, past: Tensor | None) -> Tensor:
        """Return the scores of the class's equation."""
        return torch.bmm(queries, keys.transpose(1, 2))


class ScaledDotAttention(GeneralAttention):
    """score(q, m) = (W q) . (U m) / sqrt(A).  Vaswani et al. (2017), equation 1."""

    def __init__(self, query_dim: int, memory_dim: int, size: int) -> None:
        super().__init__(size, memory_dim)
        self.query = nn.Linear(query_dim, size, bias=False)
        self.scale = 1 / math.sqrt(size)

    def scores(self, queries: Tensor, keys: Tensor, past: Tensor | None) -> Tensor:
        """Return the scores of the class's equation."""
        return super().scores(self.query(queries) * self.scale, keys, past)


class MultiHeadCrossAttention(CrossAttention):
    """Scaled dot products in N heads of size A / N.  Vaswani et al. (2017), section 3.2.2.

    The returned weights are the mean over the heads, before dropout.

    Args:
        query_dim: Q.
        memory_dim: M.
        size: A.
        num_heads: N.
        output_dim: C, components of a context; 0: M.
        dropout: dropout of the weights.
    """

    def __init__(
        self,
        query_dim: int,
        memory_dim: int,
        size: int,
        num_heads: int,
        *,
        output_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(output_dim or memory_dim)
        if size % num_heads:
            raise UserError(
                f"decoder.attention_size = {size} is not a multiple of decoder.num_heads = {num_heads}"
            )
        self.num_heads = num_heads
        self.query = nn.Linear(query_dim, size)
        self.key_and_value = nn.Linear(memory_dim, 2 * size)
        self.output = nn.Linear(size, self.output_dim)
        self.dropout = Dropout(dropout)

    def keys(self, memory: Tensor) -> Tensor:
        """Return keys and values of all heads: (B, S, M) -> (B, S, 2A)."""
        both: Tensor = self.key_and_value(memory)
        return both

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        keys: Tensor,
        mask: Tensor,
        past: Tensor | None = None,
    ) -> AttentionOutput:
        """See `CrossAttention`."""
        query = self._heads(self.query(queries))  # (B, N, T, A / N)
        key, value = (self._heads(part) for part in keys.chunk(2, dim=2))  # (B, N, S, A / N)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.size(3))  # (B, N, T, S)
        weights = _weights(scores, mask[:, None, None])
        kept = self.dropout(weights).to(value.dtype)
        joined = (kept @ value).transpose(1, 2).flatten(2)  # (B, T, A)
        return AttentionOutput(self.output(joined), weights.mean(dim=1))

    def _heads(self, vectors: Tensor) -> Tensor:
        batch, length, size = vectors.shape
        return vectors.view(batch, length, self.num_heads, size // self.num_heads).transpose(1, 2)


def _weights(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax over real tokens, in float32 at least: coverage and copying add weights up."""
    dtype = torch.promote_types(scores.dtype, torch.float32)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1, dtype=dtype)


def build_attention(
    kind: str, query_dim: int, memory_dim: int, *, size: int, num_heads: int
) -> CrossAttention:
    """Build an attention from decoder outputs of size `query_dim` to encoder outputs of size `memory_dim`.

    Raises:
        UserError: an unknown kind, or sizes that do not fit it.
    """
    match kind:
        case "additive":
            return AdditiveAttention(query_dim, memory_dim, size)
        case "location":
            return LocationAttention(query_dim, memory_dim, size)
        case "coverage":
            return CoverageAttention(query_dim, memory_dim, size)
        case "dot":
            return DotAttention(query_dim, memory_dim)
        case "general":
            return GeneralAttention(query_dim, memory_dim)
        case "scaled_dot":
            return ScaledDotAttention(query_dim, memory_dim, size)
        case "multi_head":
            return MultiHeadCrossAttention(query_dim, memory_dim, size, num_heads)
    raise UserError(f"unknown attention {kind!r}")
