"""Scores of a predicted number: root mean squared error, mean absolute error, Pearson and Spearman correlation.

The statistics of an example are (1, y, p, y^2, p^2, y p, |p - y|, (p - y)^2), with the target y and the prediction p in
units of a mean and a standard deviation, so that sums of large numbers lose no digits. A correlation of values
that are all equal is not defined, and is left out of the scores. Ranks do not add up: Spearman's correlation is
computed from all examples.
"""

import math
from collections.abc import Sequence

from nlpseq.metrics.base import Scores

_SMALLEST = 1e-12  # variance in units of that of train, below which values are equal


class RegressionScores:
    """Scores of numbers.

    Args:
        mean: of the numbers of train.
        deviation: their standard deviation, above 0.
    """

    def __init__(self, mean: float = 0.0, deviation: float = 1.0) -> None:
        self.mean, self.deviation = mean, deviation

    def statistics(self, prediction: float, target: float) -> tuple[float, ...]:
        """Return the statistics vector of one example."""
        p, y = ((value - self.mean) / self.deviation for value in (prediction, target))
        return (1.0, y, p, y * y, p * p, y * p, abs(p - y), (p - y) ** 2)

    def score(self, total: Sequence[float]) -> Scores:
        """Return the errors in the unit of the numbers, and the correlation where it is defined.

        Raises:
            ValueError: there is no example.
        """
        count, y, p, y_squared, p_squared, product, absolute, squared = total
        if count == 0:
            raise ValueError("error of no examples")
        scores = {
            "rmse": self.deviation * math.sqrt(max(squared, 0.0) / count),
            "mae": self.deviation * absolute / count,
        }
        y_variance = y_squared / count - (y / count) ** 2
        p_variance = p_squared / count - (p / count) ** 2
        if min(y_variance, p_variance) > _SMALLEST:
            covariance = product / count - y * p / count**2
            pearson = covariance / math.sqrt(y_variance * p_variance)
            scores["pearson"] = min(max(pearson, -1.0), 1.0)
        return scores


def spearman(predictions: Sequence[float], targets: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation; None where all predictions or all targets are equal."""
    if len({*predictions}) < 2 or len({*targets}) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(predictions, targets).statistic)
