"""Positions agree with their formulas and have their documented properties."""

import math

import pytest
import torch

from nlpseq.errors import UserError
from nlpseq.layers.positions import LearnedPositions, Rotation, SinusoidalPositions


@pytest.mark.parametrize("size", [6, 7])
def test_sinusoids_by_hand(size: int) -> None:
    """Vaswani et al. (2017), section 3.5."""
    added = SinusoidalPositions()(torch.zeros(2, 9, size, dtype=torch.float64))
    for t in range(9):
        for i in range(size):
            angle = t / 10000 ** (i // 2 * 2 / size)
            expected = math.cos(angle) if i % 2 else math.sin(angle)
            assert added[1, t, i].item() == pytest.approx(expected, abs=1e-12)


def test_sinusoids_stay_exact_far_out() -> None:
    added = SinusoidalPositions()(torch.zeros(1, 5001, 8))
    assert added[0, 5000, 0].item() == pytest.approx(math.sin(5000), abs=1e-4)


@pytest.mark.parametrize("kind", [SinusoidalPositions(), LearnedPositions(6, max_length=9)])
def test_positions_may_start_anywhere_in_each_row(kind: torch.nn.Module) -> None:
    whole = kind(torch.zeros(1, 9, 6))[0]
    assert kind(torch.zeros(2, 3, 6), 4)[1].equal(whole[4:7])
    rows = kind(torch.zeros(2, 3, 6), torch.tensor([[2], [6]]))
    assert rows[0].equal(whole[2:5])
    assert rows[1].equal(whole[6:9])


def test_rotation_by_hand() -> None:
    """Su et al. (2021), equation 34, with pairs (i, i + size / 2)."""
    vectors = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    turned = Rotation.of(5, 6, vectors).rotate(vectors)
    behind = Rotation.of(5, 6, vectors).rotate(vectors[:, :, 2:])  # the last places
    torch.testing.assert_close(behind, turned[:, :, 2:])
    for t in range(5):
        for i in range(3):
            angle = t * 10000 ** (-2 * i / 6)
            pair = torch.complex(vectors[:, :, t, i], vectors[:, :, t, i + 3])
            pair = pair * complex(math.cos(angle), math.sin(angle))
            torch.testing.assert_close(turned[:, :, t, i], pair.real)
            torch.testing.assert_close(turned[:, :, t, i + 3], pair.imag)


def test_a_rotated_score_depends_on_the_distance_alone() -> None:
    query, key = torch.randn(2, 8, dtype=torch.float64)
    rotation = Rotation.of(9, 8, query)
    queries = rotation.rotate(query.expand(1, 1, 9, 8))[0, 0]
    keys = rotation.rotate(key.expand(1, 1, 9, 8))[0, 0]
    scores = queries @ keys.t()  # (T, T)
    for distance in range(-8, 9):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert scores[0].unique().numel() == 9


def test_learned_positions_are_added_and_end() -> None:
    positions = LearnedPositions(4, max_length=6)
    assert positions(torch.zeros(2, 6, 4))[1].equal(positions.weight)
    with pytest.raises(UserError, match="7 tokens is longer than encoder.max_length = 6"):
        positions(torch.zeros(1, 7, 4))
    decoder = LearnedPositions(4, max_length=6, section="decoder")
    with pytest.raises(UserError, match="7 tokens is longer than decoder.max_length = 6"):
        decoder(torch.zeros(1, 1, 4), 6)
