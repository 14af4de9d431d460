"""Bootstrap intervals: on simulated data, and compared with explicit resampling."""

import numpy as np
import pytest
import sacrebleu

from nlpseq.metrics import resampling
from nlpseq.metrics.resampling import bootstrap_interval, resampled_counts
from nlpseq.metrics.translation import TranslationScores


def mean(total) -> dict[str, float]:
    count, summed = total
    return {"mean": summed / count}


def with_counts(values) -> np.ndarray:
    return np.stack([np.ones(len(values)), values], axis=1)


def test_intervals_of_a_normal_mean_have_their_coverage() -> None:
    chance = np.random.default_rng(13)
    held, widths = 0, []
    for seed in range(300):
        values = chance.normal(5, 2, size=60)
        low, high = bootstrap_interval(
            with_counts(values), mean, level=0.9, samples=300, seed=seed
        )["mean"]
        held += low <= 5 <= high
        widths.append(high - low)
    # 0.9 minus the small loss of a bootstrap of 60; four standard deviations of 300 trials are 0.07.
    assert 0.83 < held / 300 < 0.96
    assert np.mean(widths) == pytest.approx(2 * 1.645 * 2 / 60**0.5, rel=0.05)


def test_constant_data_have_an_interval_of_one_point() -> None:
    low, high = bootstrap_interval(with_counts(np.full(50, 0.1)), mean)["mean"]
    assert (low, high) == pytest.approx((0.1, 0.1), rel=1e-12)


def test_bleu_equals_scoring_the_resampled_sentences_again() -> None:
    chance = np.random.default_rng(7)
    references = [" ".join(chance.choice([*"abcdef"], size=8)) for _ in range(20)]
    hypotheses = [
        " ".join(word if chance.random() < 0.8 else "x" for word in text.split())
        for text in references
    ]
    metric = TranslationScores()
    vectors = [*map(metric.statistics, hypotheses, references)]
    intervals = bootstrap_interval(vectors, metric.score, samples=40, seed=3)
    again = []
    for counts in resampled_counts(np.random.default_rng(3), 20, 40).astype(int):
        drawn = np.repeat(np.arange(20), counts)
        sides = [hypotheses[i] for i in drawn], [references[i] for i in drawn]
        again.append(sacrebleu.corpus_bleu(sides[0], [sides[1]]).score)
    assert intervals["bleu"] == pytest.approx(tuple(np.quantile(again, [0.025, 0.975])), abs=1e-9)
    low, high = intervals["bleu"]
    assert low < metric.score(np.sum(vectors, axis=0).tolist())["bleu"] < high
    assert [*intervals] == ["bleu", "chrf", "ter", "length_ratio"]


def test_draws_are_multinomial() -> None:
    counts = resampled_counts(np.random.default_rng(0), 10, 4000)
    assert counts.shape == (4000, 10)
    assert (counts.sum(axis=1) == 10).all()
    assert counts.mean(axis=0) == pytest.approx([1] * 10, abs=0.07)
    covariance = np.cov(counts.T)
    assert np.diag(covariance) == pytest.approx([0.9] * 10, abs=0.1)
    assert covariance[0, 1:] == pytest.approx([-0.1] * 9, abs=0.07)


def test_a_seed_fixes_it_whatever_the_size_of_the_pieces(monkeypatch) -> None:
    vectors = with_counts(np.random.default_rng(1).normal(size=31))
    whole = bootstrap_interval(vectors, mean, samples=50)
    assert bootstrap_interval(vectors, mean, samples=50, seed=1) != whole
    monkeypatch.setattr(resampling, "_CELLS", 100)  # 3 samples at once
    # Equal up to rounding: a product of another shape sums in another order.
    assert bootstrap_interval(vectors, mean, samples=50)["mean"] == pytest.approx(whole["mean"])


def test_a_wider_level_is_wider() -> None:
    vectors = with_counts(np.arange(30.0))
    inner = bootstrap_interval(vectors, mean, level=0.5)["mean"]
    outer = bootstrap_interval(vectors, mean, level=0.99)["mean"]
    assert outer[0] < inner[0] < 14.5 < inner[1] < outer[1]


@pytest.mark.parametrize(
    ("vectors", "options", "message"),
    [
        ([], {}, "of some examples"),
        ([1.0, 2.0], {}, "of some examples"),
        ([[1, 2]], {"samples": 0}, "from 0 samples"),
        ([[1, 2]], {"level": 1.0}, "level 1.0"),
        ([[1, 2]], {"level": 95}, "level 95"),
    ],
)
def test_no_interval_of_nothing(vectors, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(vectors, mean, **options)
