"""The scores of additive attention, without ever holding what is inside the tanh for all pairs.

    score(q, k) = v . tanh(q + k)                      for each query (T) and each key (S) of a sentence

Written out, q + k, its tanh and their gradients are five tensors (B, T, S, A), hundreds of megabytes for long
sentences, and most of an attention model's time goes into filling them. Here pairs are walked through in blocks
that stay in cache, and the backward pass computes them anew, which is cheaper than to fetch them:

    s = sigmoid(2 (q + k))     tanh = 2 s - 1     1 - tanh^2 = 4 s (1 - s)

for torch's sigmoid is several times as fast on a CPU as its tanh.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ELEMENTS = (
    2**19
)  # two megabytes of float32: in cache, and enough for one call of each function


def additive_scores(queries: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
    """Of all pairs: v . tanh(q + k).  Bahdanau et al. (2015), A.1.2.

    On a CPU it can be differentiated once, and runs in the vector's type whatever autocast says.

    Args:
        queries: (B, T, A), projected.
        keys: (B, S, A), projected.
        vector: v (A,).

    Returns:
        (B, T, S).
    """
    if queries.device.type != "cpu":
        hidden = queries.unsqueeze(2) + keys.unsqueeze(1)  # (B, T, S, A)
        return F.linear(hidden.tanh_(), vector.unsqueeze(0)).squeeze(3)
    dtype = vector.dtype
    scores: Tensor = _AdditiveScores.apply(  # type: ignore[no-untyped-call]
        queries.to(dtype), keys.to(dtype), vector
    )
    return scores


class _Blocks:
    """Walks over pairs: sigmoids (t, b, S, A) of some queries of some sentences, in one buffer."""

    def __init__(self, queries: Tensor, keys: Tensor) -> None:
        self.doubled_queries = 2 * queries.transpose(0, 1).unsqueeze(2)  # (T, B, 1, A)
        self.doubled_keys = 2 * keys  # (B, S, A)
        self.length, self.sentences = self.doubled_queries.shape[:2]
        a_query = max(1, keys[0].numel())  # elements of its pairs
        self.rows = min(self.sentences, max(1, BLOCK_ELEMENTS // (a_query * self.length)))
        self.steps = min(self.length, max(1, BLOCK_ELEMENTS // a_query))
        self.buffer = keys.new_empty(self.steps * self.rows * a_query)

    def __iter__(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """Which queries, of which sentences, and their sigmoids, which the next block overwrites."""
        for b in range(0, self.sentences, self.rows):
            for t in range(0, self.length, self.steps):
                steps, rows = slice(t, t + self.steps), slice(b, b + self.rows)
                queries, keys = self.doubled_queries[steps, rows], self.doubled_keys[rows]
                shape = (*queries.shape[:2], *keys.shape[1:])  # (t, b, S, A)
                block = self.buffer[: shape[0] * keys.numel()].view(shape)
                yield steps, rows, torch.add(queries, keys, out=block).sigmoid_()


class _AdditiveScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, vector)
        scores = keys.new_empty(queries.size(1), *keys.shape[:2])  # (T, B, S)
        for steps, rows, sigmoids in _Blocks(queries, keys):
            scores[steps, rows] = (sigmoids.flatten(0, 2) @ vector).view(sigmoids.shape[:3])
        return scores.mul_(2).sub_(vector.sum()).transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, vector = ctx.saved_tensors
        grad = grad.transpose(0, 1).contiguous()  # (T, B, S)
        d_queries = torch.empty_like(queries.transpose(0, 1), memory_format=torch.contiguous_format)
        d_keys = torch.zeros_like(keys)
        d_vector = -grad.sum() * torch.ones_like(vector)
        for steps, rows, sigmoids in _Blocks(queries, keys):
            g = grad[steps, rows]  # (t, b, S)
            d_vector.addmv_(sigmoids.flatten(0, 2).t(), g.flatten(), alpha=2)
            torch.addcmul(sigmoids, sigmoids, sigmoids, value=-1, out=sigmoids)
            slopes = sigmoids.mul_(g.unsqueeze(3))
            torch.sum(slopes, 2, out=d_queries[steps, rows])
            d_keys[rows] += slopes.sum(0)
        slope = 4 * vector
        return d_queries.mul_(slope).transpose(0, 1), d_keys.mul_(slope), d_vector
