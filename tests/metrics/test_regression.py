"""Scores of numbers equal those of scikit-learn and SciPy, from sums of statistics."""

import math
import random

import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from nlpseq.analysis.statistics import bootstrap_estimate, randomization_test, rowwise, swaps
from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.regression import RegressionScores, spearman


def total_of(
    metric: RegressionScores, predictions: list[float], targets: list[float]
) -> list[float]:
    return sum_statistics(map(metric.statistics, predictions, targets))


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (5e7, 3.0), (-2.0, 1e-4)])
def test_scores_are_those_of_scikit_learn(mean: float, scale: float) -> None:
    generator = random.Random(2)
    targets = [mean + scale * generator.gauss(0, 1) for _ in range(50)]
    predictions = [y + scale * generator.gauss(0.3, 0.5) for y in targets]
    metric = RegressionScores(mean, scale)
    scores = metric.score(total_of(metric, predictions, targets))
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(targets, predictions), rel=1e-6)
    assert scores["mae"] == pytest.approx(mean_absolute_error(targets, predictions), rel=1e-6)
    assert scores["pearson"] == pytest.approx(pearsonr(targets, predictions).statistic, abs=1e-6)
    assert spearman(predictions, targets) == pytest.approx(
        spearmanr(targets, predictions).statistic
    )


def test_perfect_predictions_correlate_exactly() -> None:
    numbers = [0.1 * i for i in range(7)]
    scores = RegressionScores().score(total_of(RegressionScores(), numbers, numbers))
    assert scores == {"rmse": 0.0, "mae": 0.0, "pearson": pytest.approx(1.0, abs=1e-12)}
    assert scores["pearson"] <= 1.0


@pytest.mark.parametrize("sides", [([2.0] * 4, [1.0, 2.0, 3.0, 4.0]), ([1.0, 2.0], [5.0, 5.0])])
def test_a_correlation_of_equal_numbers_is_left_out(sides: tuple[list[float], list[float]]) -> None:
    predictions, targets = sides
    scores = RegressionScores().score(total_of(RegressionScores(), predictions, targets))
    assert [*scores] == ["rmse", "mae"]
    assert spearman(predictions, targets) is None


def test_no_example_is_an_error() -> None:
    with pytest.raises(ValueError, match="no examples"):
        RegressionScores().score([0.0] * 8)


def test_a_test_of_models_survives_a_correlation_that_is_not_defined() -> None:
    import numpy as np

    metric, targets = RegressionScores(), [1.0, 2.0, 4.0, 8.0]
    sides = [
        np.array([metric.statistics(p, y) for p, y in zip(predictions, targets, strict=True)])
        for predictions in ([1.0, 2.5, 3.0, 9.0], [3.0, 3.0, 3.0, 3.0])
    ]
    scorer = rowwise(metric.score)
    table = scorer(np.stack([side.sum(0) for side in sides]))
    assert table["pearson"][0] > 0.9
    assert math.isnan(table["pearson"][1])
    exchanges = swaps(np.random.default_rng(0), 4, 200)
    p_values = randomization_test(sides[:1], sides[1:], scorer, exchanges)
    assert [*p_values] == ["rmse", "mae"]
    resampled = np.array([0.1, np.nan, 0.3, 0.2])
    assert bootstrap_estimate(0.2, resampled) == bootstrap_estimate(0.2, resampled[[0, 2, 3]])
