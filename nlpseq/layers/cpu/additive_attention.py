"""The scores of additive attention, without holding the tanh of all pairs in memory.

    score(q, k) = v . tanh(q + k)                      for each query (T) and each key (S) of a sentence

The plain computation has five tensors (B, T, S, A): q + k, its tanh and their gradients. For long sentences they take
hundreds of megabytes, and most of an attention model's time. Here pairs are processed in blocks that stay in cache,
and the backward pass recomputes them, which is cheaper than reading them from memory:

    s = sigmoid(2 (q + k))     tanh = 2 s - 1     1 - tanh^2 = 4 s (1 - s)

A sigmoid is a reciprocal, and its exponential factorizes:

    s = 1 / (1 + exp(-2 q) exp(-2 k))

so each query and each key needs one exponential, and a pair none; one for each pair would double the cost of a block.
Sigmoids of sums are used where each key meets a single query, and where an exponential would leave the range of its
type (|q| or |k| above 43 in float32).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nlpseq.layers.cpu import uses_cpu_kernels, without_autocast

BLOCK_ELEMENTS = 2**20
"""Four megabytes of float32: fits the last cache of a processor, and is enough work for a call."""


def additive_scores(queries: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
    """Compute v . tanh(q + k) for all pairs.  Bahdanau et al. (2015), A.1.2.

    On a CPU the result can be differentiated once, and is computed in the vector's type, even under autocast.

    Args:
        queries: (B, T, A), projected.
        keys: (B, S, A), projected.
        vector: v (A,).

    Returns:
        (B, T, S).
    """
    if not uses_cpu_kernels(queries):
        hidden = queries.unsqueeze(2) + keys.unsqueeze(1)  # (B, T, S, A)
        return F.linear(hidden.tanh_(), vector.unsqueeze(0)).squeeze(3)
    dtype = vector.dtype
    with without_autocast(queries):
        scores: Tensor = _AdditiveScores.apply(  # type: ignore[no-untyped-call]
            queries.to(dtype), keys.to(dtype), vector
        )
    return scores


class AdditivePairs:
    """The keys of a batch, which any queries can score; time is dimension 0 here.

    Args:
        keys: (B, S, A).
        vector: (A,).
        shared: whether each key meets more than one query.
    """

    def __init__(self, keys: Tensor, vector: Tensor, *, shared: bool = True) -> None:
        self.vector = vector
        self.total = vector.sum()
        self.keys = keys
        self.factors = _factors(keys) if shared else None
        self.buffer = keys.new_empty(max(BLOCK_ELEMENTS, keys.shape[1:].numel()))

    def scores(self, queries: Tensor) -> Tensor:
        """Return the scores (T, b, S) of queries (T, B, A), or of the first b sentences (T, b, A)."""
        scores = queries.new_empty(*queries.shape[:2], self.keys.size(1))
        for steps, rows, sigmoids in self._blocks(queries):
            pairs = sigmoids.flatten(0, 1).transpose(1, 2)  # (t * b, A, S)
            # One product for each query and sentence: each thread reads what it wrote. One product over all of
            # them would redistribute the data, at three times the cost (MKL; other libraries were not measured).
            sums = torch.bmm(self.vector.expand(len(pairs), 1, -1), pairs)
            scores[steps, rows] = sums.view(sigmoids.shape[:3])
        return scores.mul_(2).sub_(self.total)

    def _blocks(self, queries: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yield the steps and the sentences of each block, with its sigmoids (t, b, S, A)."""
        length, sentences, _ = queries.shape
        pairs = max(1, self.keys.shape[1:].numel())  # elements for one query; there may be no keys
        t = max(1, len(self.buffer) // pairs)
        b = max(1, t // max(1, length))
        sigmoids, left, right = self._operands(queries)
        for row in range(0, sentences, b):
            for step in range(0, length, t):
                steps, rows = slice(step, step + t), slice(row, min(row + b, sentences))
                block_queries, keys = left[steps, rows], right[rows]  # (t, b, 1, A), (b, S, A)
                shape = (*block_queries.shape[:2], *keys.shape[1:])
                block = self.buffer[: math.prod(shape)].view(shape)
                yield steps, rows, sigmoids(block_queries, keys, block)

    def _operands(self, queries: Tensor) -> tuple[Callable[..., Tensor], Tensor, Tensor]:
        """Return the function that computes sigmoids, and its operands: (T, B, 1, A) and (B, S, A)."""
        factors = None if self.factors is None else _factors(queries)
        if self.factors is None or factors is None:
            return _sigmoids_of_terms, 2 * queries.unsqueeze(2), self.keys
        return _sigmoids_of_factors, factors.unsqueeze(2), self.factors


class AdditiveGradients(AdditivePairs):
    """The gradients of keys and vector, summed over the calls of `backward`.

    Attributes:
        d_vector: (A,) gradient of the vector.
    """

    def __init__(self, keys: Tensor, vector: Tensor, *, shared: bool = True) -> None:
        super().__init__(keys, vector, shared=shared)
        self.slope = 4 * vector
        self._d_keys = torch.zeros_like(keys)
        self.d_vector = torch.zeros_like(vector)

    def backward(self, grad: Tensor, queries: Tensor) -> Tensor:
        """Return the gradient of queries (T, B, A) from that of their scores (T, B, S)."""
        d_queries = torch.empty_like(queries, memory_format=torch.contiguous_format)
        self.d_vector.sub_(grad.sum())
        for steps, rows, sigmoids in self._blocks(queries):
            g = grad[steps, rows]  # (t, b, S)
            weighted = torch.bmm(g.flatten(0, 1).unsqueeze(1), sigmoids.flatten(0, 1))
            self.d_vector.add_(weighted.sum((0, 1)), alpha=2)
            torch.addcmul(sigmoids, sigmoids, sigmoids, value=-1, out=sigmoids)
            slopes = sigmoids.mul_(g.unsqueeze(3))
            torch.sum(slopes, 2, out=d_queries[steps, rows])
            self._d_keys[rows] += slopes[0] if len(slopes) == 1 else slopes.sum(0)
        return d_queries.mul_(self.slope)

    @property
    def d_keys(self) -> Tensor:
        """Return the gradient of the keys (B, S, A)."""
        return self._d_keys * self.slope


def _factors(terms: Tensor) -> Tensor | None:
    """Return exp(-2 x); None if a value is infinite, nan, or so small that it has lost digits."""
    factors = (-2 * terms).exp_()
    if not factors.numel():
        return factors
    low, high = factors.aminmax()
    limits = torch.finfo(factors.dtype)
    return factors if low >= limits.tiny and high <= limits.max else None


def _sigmoids_of_factors(queries: Tensor, keys: Tensor, out: Tensor) -> Tensor:
    """Compute 1 / (1 + q k)."""
    return torch.addcmul(queries.new_ones(()), queries, keys, out=out).reciprocal_()


def _sigmoids_of_terms(doubled: Tensor, keys: Tensor, out: Tensor) -> Tensor:
    """Compute sigmoid(2 q + 2 k)."""
    return torch.add(doubled, keys, alpha=2, out=out).sigmoid_()


class _AdditiveScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, vector)
        pairs = AdditivePairs(keys, vector, shared=queries.size(1) > 1)
        return pairs.scores(queries.transpose(0, 1)).transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, vector = ctx.saved_tensors
        gradients = AdditiveGradients(keys, vector, shared=queries.size(1) > 1)
        with without_autocast(queries):
            d_queries = gradients.backward(grad.transpose(0, 1), queries.transpose(0, 1))
        return d_queries.transpose(0, 1), gradients.d_keys, gradients.d_vector
