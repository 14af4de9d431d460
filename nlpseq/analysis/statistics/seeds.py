"""Models trained with several seeds: what would a score be with other seeds, and other examples too?

A mean over seeds has two sources of variation: training (order of the data, initial weights) and the examples of
the test set. A test over examples alone takes three lucky seeds for a better model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .paired import Estimate
from .scoring import Floats


@dataclass(frozen=True)
class Summary:
    """A score over seeds; with one seed only the mean is known.

    Attributes:
        mean: over seeds.
        standard_deviation: with n - 1.
        low, high: ends of the t interval of the mean.
    """

    mean: float
    standard_deviation: float | None = None
    low: float | None = None
    high: float | None = None


def summarize(values: Sequence[float], level: float = 0.95) -> Summary:
    """Compute mean, standard deviation and interval of a score over seeds (Student 1908)."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Summary(mean)
    deviation = float(np.std(values, ddof=1))
    half = _t_quantile((1 + level) / 2, count - 1) * deviation / count**0.5
    return Summary(mean, deviation, mean - half, mean + half)


def seeds_then_examples(
    first: Floats,
    second: Floats,
    resampled_first: Floats,
    resampled_second: Floats,
    generator: np.random.Generator,
    level: float = 0.95,
) -> Estimate:
    """Estimate the difference of two models' mean scores by resampling seeds and then examples.

    Each resample takes a resampled test set, the same for all runs, and for each model the effects of seeds drawn
    from its own. Three corrections make the result honest for few seeds:

    - S - 1 of S seeds are drawn, because S would vary too little (Rao & Wu 1988; McCarthy & Snowden 1985);
    - seed effects are shrunk by the variation of single runs over examples, which the resampled test sets hold
      already (a residual bootstrap with adjusted effects, Carpenter, Goldstein & Rasbash 2003);
    - the resampled standard error is read on Student's t with the degrees of freedom of Satterthwaite (1946):
      Welch's test where seeds dominate, the paired bootstrap where examples do.

    Args:
        first: (S,) scores of the first model's runs, S at least 2.
        second: (Z,) scores of the second model's runs, Z at least 2.
        resampled_first: (R, S) scores of the first on resampled test sets.
        resampled_second: (R, Z) scores of the second on the same sets.
        generator: for the seeds drawn.
        level: of the interval.

    Raises:
        ValueError: a model has only one seed, so its variance is unknown.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("resampling over seeds needs at least two seeds for each model")
    difference = float(first.mean() - second.mean())
    by_examples = resampled_first.mean(axis=1) - resampled_second.mean(axis=1)  # (R,)
    resampled, freedom = by_examples.copy(), 0.0
    for sign, scores, draws in ((1, first, resampled_first), (-1, second, resampled_second)):
        resampled += sign * _mean_seed_effects(scores, draws, generator)
        freedom += (float(scores.var(ddof=1)) / len(scores)) ** 2 / (len(scores) - 1)
    error = float(resampled.std(ddof=1))
    freedom = error**4 / freedom if freedom else float("inf")
    half = _t_quantile((1 + level) / 2, freedom) * error
    p_value = _t_p_value(difference, error, freedom)
    low, high = difference - half, difference + half
    return Estimate(difference, low, high, p_value, error, float(by_examples.std(ddof=1)))


def _mean_seed_effects(scores: Floats, draws: Floats, generator: np.random.Generator) -> Floats:
    """Draw S - 1 shrunk seed effects for each resample, and return their means (R,).

    Args:
        scores: (S,) of a model's runs.
        draws: (R, S) the same on resampled test sets.
        generator: for the seeds drawn.
    """
    count, variance = len(scores), float(scores.var(ddof=1))
    # A run's luck on these examples averages out over runs, but is no effect of its seed.
    own = draws - draws.mean(axis=1, keepdims=True)  # (R, S)
    luck = float(own.var(axis=0, ddof=1).sum()) / (count - 1)
    shrunk = max(0.0, 1 - luck / variance) ** 0.5 if variance else 0.0
    effects = shrunk * (scores - scores.mean())
    means: Floats = effects[generator.integers(count, size=(len(draws), count - 1))].mean(axis=1)
    return means


def _t_quantile(probability: float, freedom: float) -> float:
    # Imported here, because most users of this package need no quantile.
    from scipy.special import ndtri, stdtrit

    if freedom > 1e6:  # beyond the range of SciPy's root finding
        return float(ndtri(probability))
    return float(stdtrit(freedom, probability))


def _t_p_value(difference: float, error: float, freedom: float) -> float:
    """Return the two-sided p-value of a difference."""
    from scipy.special import ndtr, stdtr

    if not difference or not error:
        return 0.0 if difference else 1.0
    ratio = -abs(difference) / error
    return 2 * float(ndtr(ratio) if freedom > 1e6 else stdtr(freedom, ratio))
