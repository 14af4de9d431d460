"""Integrated gradients and leave-one-out on scores that are known."""

import pytest
import torch
from torch import Tensor

from nlpseq.analysis.attribution import integrated_gradients, leave_one_out
from nlpseq.data.batch import Tokens


def test_a_linear_score_is_attributed_exactly() -> None:
    weight = torch.tensor([[1.0, -2.0], [0.5, 0.0]])
    vectors = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))

    def score(scaled: Tensor, rows: Tensor) -> Tensor:
        return (scaled * weight[rows].unsqueeze(1)).sum((1, 2))

    baseline = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(1))
    wanted = ((vectors - baseline) * weight.unsqueeze(1)).sum(2)
    assert torch.allclose(integrated_gradients(score, vectors, baseline), wanted, atol=1e-6)
    tokens = Tokens.unpadded(torch.ones(2, 3, dtype=torch.long))
    left_out = leave_one_out(lambda part, _: part.sum((1, 2)), vectors, tokens)
    assert torch.allclose(left_out, vectors.sum(2), atol=1e-6)


def test_a_score_that_no_steps_can_integrate_is_said() -> None:
    def score(scaled: Tensor, rows: Tensor) -> Tensor:
        return torch.sigmoid(1e4 * (scaled.sum((1, 2)) - 0.3))

    with pytest.warns(UserWarning, match=r"1 of 1 texts do not add up"):
        integrated_gradients(score, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), max_steps=32)


def test_the_sum_is_the_change_of_a_smooth_score() -> None:
    generator = torch.Generator().manual_seed(2)
    vectors, baseline = (torch.randn(5, 4, 3, generator=generator) for _ in range(2))

    def score(read: Tensor, rows: Tensor) -> Tensor:
        return torch.tanh(read).prod(2).sum(1) + torch.layer_norm(read, [3]).square()[:, 0, 0]

    every = torch.arange(5)
    found = integrated_gradients(score, vectors, baseline, tolerance=1e-3)
    wanted = score(vectors, every) - score(baseline, every)
    assert torch.allclose(found.sum(1), wanted, atol=1e-3 * float(found.abs().sum(1).max()))
