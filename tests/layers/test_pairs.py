"""Features and alignment of pairs of texts: equal to loops over single pairs and tokens."""

import math

import pytest
import torch
from torch import Tensor

from nlpseq.layers.pairs import SoftAlignment, pair_features

DIM = 5
LENGTHS = [(4, 2), (1, 3), (3, 1)]


def padded(side: int) -> tuple[Tensor, Tensor]:
    """Return vectors (3, T, DIM), zero at padding as an encoder's are, and their mask."""
    lengths = torch.tensor([pair[side] for pair in LENGTHS])
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    vectors = torch.randn(*mask.shape, DIM, generator=torch.Generator().manual_seed(side))
    return vectors.masked_fill(~mask.unsqueeze(2), 0), mask


@pytest.fixture
def alignment() -> SoftAlignment:
    torch.manual_seed(3)
    return SoftAlignment(DIM).eval()


def softmax(scores: list[float]) -> list[float]:
    exponentials = [math.exp(score) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def compared(layer: SoftAlignment, own: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """Chen et al. (2017), equations 11 to 14, token by token."""
    results = []
    for a in own:
        weights = softmax([sum((a * b).tolist()) for b in other])
        mean = torch.zeros(DIM)
        for weight, b in zip(weights, other, strict=True):
            mean = mean + weight * b
        features = torch.tensor(
            [*a.tolist(), *mean.tolist(), *(a - mean).tolist(), *(a * mean).tolist()]
        )
        output = layer.compare.weight @ features + layer.compare.bias
        results.append(output.clamp(min=0))
    return results


def test_the_features_of_a_pair_are_those_of_infersent() -> None:
    u, v = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 0.5]])
    assert pair_features(u, v).tolist() == [[1.0, -2.0, 3.0, 0.5, 2.0, 2.5, 3.0, -1.0]]
    both = pair_features(u, v, symmetric=True)
    assert both.tolist() == [[4.0, -1.5, 2.0, 2.5, 3.0, -1.0]]
    assert torch.equal(both, pair_features(v, u, symmetric=True))


def test_an_alignment_equals_loops_over_tokens(alignment: SoftAlignment) -> None:
    (first, first_mask), (second, second_mask) = padded(0), padded(1)
    with torch.no_grad():
        aligned = alignment(first, second, first_mask, second_mask)
    for row, (length, other_length) in enumerate(LENGTHS):
        own, other = [*first[row, :length]], [*second[row, :other_length]]
        wanted = torch.stack(compared(alignment, own, other))
        torch.testing.assert_close(aligned.first[row, :length], wanted)
        wanted = torch.stack(compared(alignment, other, own))
        torch.testing.assert_close(aligned.second[row, :other_length], wanted)
        torch.testing.assert_close(
            aligned.weights[row, :length, :other_length].sum(1), torch.ones(length)
        )
        assert aligned.first[row, length:].eq(0).all()
        assert aligned.second[row, other_length:].eq(0).all()


def test_padding_and_the_other_rows_change_nothing(alignment: SoftAlignment) -> None:
    (first, first_mask), (second, second_mask) = padded(0), padded(1)
    with torch.no_grad():
        whole = alignment(first, second, first_mask, second_mask)
        for row, (length, other_length) in enumerate(LENGTHS):
            alone = alignment(
                first[row : row + 1, :length], second[row : row + 1, :other_length], None, None
            )
            torch.testing.assert_close(whole.first[row : row + 1, :length], alone.first)
            torch.testing.assert_close(whole.second[row : row + 1, :other_length], alone.second)


def test_an_alignment_treats_both_texts_alike(alignment: SoftAlignment) -> None:
    (first, first_mask), (second, second_mask) = padded(0), padded(1)
    with torch.no_grad():
        aligned = alignment(first, second, first_mask, second_mask)
        turned = alignment(second, first, second_mask, first_mask)
    torch.testing.assert_close(aligned.first, turned.second)
    torch.testing.assert_close(aligned.weights, turned.weights_back)
