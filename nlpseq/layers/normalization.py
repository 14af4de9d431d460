"""Normalization of sequences: of each token alone, or of each feature over batch and time.

All take inputs (B, T, D) and a mask, None if there is no padding, and have a `step` for one token (B, D). Padding
never changes a result.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cpu import reads_values_for_free


class NoNormalization(nn.Module):
    """The identity."""

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D)."""
        return inputs

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D)."""
        return inputs


class SequenceLayerNorm(nn.Module):
    """Layer normalization of each token.  Ba et al. (2016)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D)."""
        return self.step(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D)."""
        normalized: Tensor = self.norm(inputs)
        return normalized


class SequenceBatchNorm(nn.Module):
    """Batch normalization of each feature over batch and time.

    Laurent et al. (2016), section 3; "sequence-wise" in Amodei et al. (2016), section 3.2. Training uses the
    statistics of the batch's real tokens, of all processes together; evaluation and `step` use the running ones, so
    that a result never depends on the other rows of a batch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(size)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize inputs (B, T, D); padding becomes zero."""
        if self.training and _processes() > 1:
            return self._by_moments(inputs, mask)
        if mask is None:
            return self._rows(inputs.flatten(0, 1)).view_as(inputs)
        if not reads_values_for_free(inputs):
            return self._by_moments(inputs, mask)
        indices = mask.flatten().nonzero().squeeze(1)  # (N,) of the real tokens
        rows = self._rows(inputs.flatten(0, 1).index_select(0, indices))  # (N, D)
        padded = torch.zeros_like(inputs, dtype=rows.dtype).flatten(0, 1)
        return padded.index_copy(0, indices, rows).view_as(inputs)

    def step(self, inputs: Tensor) -> Tensor:
        """Normalize one token (B, D) by the running statistics."""
        norm = self.norm
        return F.batch_norm(
            inputs, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )

    def _by_moments(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Normalize without selecting the real tokens, which would wait for a GPU, and over all processes."""
        dtype = torch.promote_types(inputs.dtype, torch.float32)
        real = torch.ones_like(inputs[..., 0]) if mask is None else mask
        weights = real.to(dtype).unsqueeze(2)  # (B, T, 1), 1 at real tokens
        if not self.training:
            return self.step(inputs.flatten(0, 1)).view_as(inputs) * weights.to(inputs.dtype)
        mean, variance = self._moments(inputs.to(dtype), weights)
        normalized = (inputs - mean) * torch.rsqrt(variance + self.norm.eps)
        scaled = (normalized * self.norm.weight + self.norm.bias) * weights
        return scaled.to(inputs.dtype)

    def _moments(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance (D,) of inputs (B, T, D) where weights (B, T, 1) are 1; move the running ones."""
        norm, counted = self.norm, weights * float(_counts[-1])
        assert norm.running_mean is not None
        assert norm.running_var is not None
        sums = torch.cat([(inputs * counted).sum((0, 1)), counted.sum().reshape(1)])
        sums = _sum_over_processes(sums)  # (D + 1,)
        count = sums[-1].detach()
        mean = sums[:-1] / count.clamp(min=1)
        squares = ((inputs - mean).square() * counted).sum((0, 1))
        variance = _sum_over_processes(squares) / count.clamp(min=1)
        several = count > 1  # one token has no variance
        with torch.no_grad():
            share = several.to(inputs.dtype) * (0.1 if norm.momentum is None else norm.momentum)
            unbiased = variance * (count / (count - 1).clamp(min=1))
            norm.running_mean += share * (mean - norm.running_mean)
            norm.running_var += share * (unbiased - norm.running_var)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked += several
        return (
            torch.where(several, mean, norm.running_mean),
            torch.where(several, variance, norm.running_var),
        )

    def _rows(self, rows: Tensor) -> Tensor:
        if len(rows) < 2:  # one token has no variance
            return self.step(rows)
        normalized: Tensor = self.norm(rows)
        return normalized


_counts = [True]  # whether the rows of this process count, see `uncounted_rows`


@contextmanager
def uncounted_rows(uncounted: bool) -> Iterator[None]:
    """Leave this process's rows out of the statistics: it has none of its own, and took another's to take part."""
    _counts.append(not uncounted)
    try:
        yield
    finally:
        _counts.pop()


def _processes() -> int:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


class _SumOverProcesses(torch.autograd.Function):
    """The sum over processes, which sends each of them the sum of all gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone()
        torch.distributed.all_reduce(total)
        return total


def _sum_over_processes(values: Tensor) -> Tensor:
    if _processes() == 1:
        return values
    total: Tensor = _SumOverProcesses.apply(values)  # type: ignore[no-untyped-call]
    return total


Normalization = NoNormalization | SequenceLayerNorm | SequenceBatchNorm


def build_normalization(kind: str, size: int) -> Normalization:
    """Build the normalization called "none", "layer" or "batch" of `size` features.

    Raises:
        UserError: unknown kind.
    """
    if kind == "none":
        return NoNormalization()
    if kind == "layer":
        return SequenceLayerNorm(size)
    if kind == "batch":
        return SequenceBatchNorm(size)
    raise UserError(f"unknown normalization {kind!r}: choose none, layer or batch")
