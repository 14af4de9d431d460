"""Contributions of single tokens to the score of a text: integrated gradients, and leave-one-out.

Both ask a model, not its attention weights: how much would the score differ without this token? Attributions are
signed; a negative one speaks against the score.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.types import widest_float

VectorScore = Callable[[Tensor, Tensor], Tensor]
"""Scores rows of a batch by the vectors of their tokens: vectors (N, T, D) and rows (N,) -> (N,)."""
TokenScore = Callable[[Tensor, Tokens], Tensor]
"""Scores texts by vectors (B, T, D) and the tokens that they are of: (B,)."""

FIRST_STEPS, MAX_STEPS = 16, 512
TOLERANCE = 0.05
POSITIONS_AT_ONCE = 16_384


def integrated_gradients(
    score: VectorScore,
    vectors: Tensor,
    baseline: Tensor,
    *,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> Tensor:
    """Integrate the gradient of a score from a baseline x' to the vectors x.  Sundararajan et al. (2017), eq. 1.

        a = (x - x') . integral over [0, 1] of dF(x' + alpha (x - x')),   sum of a = F(x) - F(x')  (completeness)

    The sum is checked for each text, and its steps are doubled until both sides agree within 5%, as the authors
    advise (section 5). Steps are the nodes of
    Gauss and Legendre for alpha = t^2, dense near 0, where layer normalization is steep.

    Args:
        score: F.
        vectors: (B, T, D).
        baseline: (B, T, D), equal to the vectors at padding.
        tolerance: largest difference of both sides, as a share of the sum of absolute attributions.
        max_steps: of a text whose sides still differ; a warning says by how much.

    Returns:
        Attributions (B, T).
    """
    vectors, baseline = vectors.detach(), baseline.detach()
    rows = torch.arange(len(vectors), device=vectors.device)
    with torch.no_grad():
        wanted = score(vectors, rows) - score(baseline, rows)  # (B,)
    attributions = vectors.new_zeros(vectors.shape[:2])
    steps = min(FIRST_STEPS, max_steps)
    while True:
        attributions[rows] = _integrate(score, vectors[rows], baseline[rows], rows, steps)
        sums, scale = attributions[rows].sum(1), attributions[rows].abs().sum(1)
        gap = (sums - wanted[rows]).abs()
        open_rows = gap > tolerance * scale + 1e-6
        if not bool(open_rows.any()):
            return attributions
        if steps >= max_steps:
            share = float((gap / scale.clamp(min=1e-12)).max())
            warnings.warn(
                f"integrated gradients: after {steps} steps the attributions of "
                f"{int(open_rows.sum())} of {len(vectors)} texts do not add up to the change of the score, "
                f"by up to {share:.1%} of their size",
                stacklevel=2,
            )
            return attributions
        rows, steps = rows[open_rows], min(2 * steps, max_steps)


def _integrate(
    score: VectorScore, vectors: Tensor, baseline: Tensor, rows: Tensor, steps: int
) -> Tensor:
    """Return the attributions (N, T) of some rows with a number of steps."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros(vectors.shape[:2], dtype=widest_float(vectors), device=vectors.device)
    change = vectors - baseline
    # cuDNN computes no gradients of recurrent layers in evaluation mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            between = (baseline + change * t**2).requires_grad_()
            (gradient,) = torch.autograd.grad(score(between, rows).sum(), between)
            total += weight * 2 * t * (gradient * change).sum(2).to(total.dtype)
    return total.to(vectors.dtype)


def leave_one_out(score: TokenScore, vectors: Tensor, tokens: Tokens) -> Tensor:
    """Subtract the score of each text without one token from that with all, for each of its tokens.

    The only token of a text is replaced by a zero vector, as no text is left without it.

    Args:
        score: of texts.
        vectors: (B, T, D) of `tokens`.
        tokens: a batch.

    Returns:
        Attributions (B, T), 0 at padding.
    """
    attributions = vectors.new_zeros(tokens.ids.shape)
    with torch.no_grad():
        whole = score(vectors, tokens)  # (B,)
        for row, length in enumerate(tokens.lengths.tolist()):
            without = _scores_without(score, vectors[row, :length], _text(tokens, row, length))
            attributions[row, :length] = whole[row] - without
    return attributions


def _scores_without(score: TokenScore, vectors: Tensor, text: Tokens) -> Tensor:
    """Return the scores (T,) of one text without each of its tokens: vectors (T, D), tokens (1, T)."""
    length = len(vectors)
    if length == 1:
        return score(torch.zeros_like(vectors).unsqueeze(0), text)
    every = torch.arange(length, device=vectors.device)
    others = every.expand(length, length)[every.unsqueeze(1) != every].view(length, length - 1)
    parts = []
    for kept in others.split(max(1, POSITIONS_AT_ONCE // length)):  # (N, T - 1)
        segments = None if text.segments is None else text.segments[0, kept]
        rest = replace(Tokens.unpadded(text.ids[0, kept]), segments=segments)
        parts.append(score(vectors[kept], rest))
    return torch.cat(parts)


def _text(tokens: Tokens, row: int, length: int) -> Tokens:
    """Return one row of a batch without its padding."""
    segments = None if tokens.segments is None else tokens.segments[row : row + 1, :length]
    return replace(Tokens.unpadded(tokens.ids[row : row + 1, :length]), segments=segments)
