"""Models that were trained several times: what a score would be with other seeds, and other examples too.

Two sources of chance lie behind a mean over seeds: the training (order of the data, initial weights) and
the examples of the test set. A test over examples alone takes three lucky seeds for a better model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .paired import Estimate
from .scoring import Floats


@dataclass(frozen=True)
class Summary:
    """A score over seeds; with one seed nothing is known of how it varies.

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
    """Mean, standard deviation and interval of a score over seeds (Student 1908)."""
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
    chance: np.random.Generator,
    level: float = 0.95,
) -> Estimate:
    """The difference of two models' mean scores, resampled over seeds and then over examples.

    Each resample takes a resampled test set, the same for all runs, and for either model the effects of
    seeds drawn from its own. Three things make few seeds honest:

    - S - 1 of S seeds are drawn, as S would vary too little (Rao & Wu 1988; McCarthy & Snowden 1985);
    - runs of one model differ by their seeds, and by how each fell out on these very examples. The
      resampled test sets hold the second part already; effects of seeds are shrunk by it (a residual
      bootstrap with adjusted effects, Carpenter, Goldstein & Rasbash 2003), else it would count twice;
    - the resampled standard error is read on Student's t with the degrees of freedom of Satterthwaite
      (1946): where seeds decide, the test is Welch's, where examples do, it is the paired bootstrap.

    Args:
        first: (S,) scores of the first model's runs, S at least 2.
        second: (Z,) of the second's, Z at least 2.
        resampled_first: (R, S) the same on resampled test sets.
        resampled_second: (R, Z) on the same sets.
        chance: of the seeds drawn.
        level: of the interval.

    Raises:
        ValueError: a model has one seed only: its variance is not known.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("seeds are resampled where each model has at least two")
    difference = float(first.mean() - second.mean())
    by_examples = resampled_first.mean(axis=1) - resampled_second.mean(axis=1)  # (R,)
    resampled, freedom = by_examples.copy(), 0.0
    for sign, scores, draws in ((1, first, resampled_first), (-1, second, resampled_second)):
        count = len(scores)
        variance = float(scores.var(ddof=1))
        # What of it is luck of a run on these examples: it goes when runs are averaged, not when seeds are.
        own = draws - draws.mean(axis=1, keepdims=True)  # (R, S)
        luck = float(own.var(axis=0, ddof=1).sum()) / (count - 1)
        shrunk = max(0.0, 1 - luck / variance) ** 0.5 if variance else 0.0
        effects = shrunk * (scores - scores.mean())
        resampled += sign * effects[chance.integers(count, size=(len(draws), count - 1))].mean(
            axis=1
        )
        freedom += (variance / count) ** 2 / (count - 1)
    error = float(resampled.std(ddof=1))
    freedom = error**4 / freedom if freedom else float("inf")
    half = _t_quantile((1 + level) / 2, freedom) * error
    p_value = _t_p_value(difference, error, freedom)
    low, high = difference - half, difference + half
    return Estimate(difference, low, high, p_value, error, float(by_examples.std(ddof=1)))


def _t_quantile(probability: float, freedom: float) -> float:
    # Late: most of what imports this room needs no quantile.
    from scipy.special import ndtri, stdtrit

    if freedom > 1e6:  # where SciPy's root finding ends
        return float(ndtri(probability))
    return float(stdtrit(freedom, probability))


def _t_p_value(difference: float, error: float, freedom: float) -> float:
    """Two-sided."""
    from scipy.special import ndtr, stdtr

    if not difference or not error:
        return 0.0 if difference else 1.0
    ratio = -abs(difference) / error
    return 2 * float(ndtr(ratio) if freedom > 1e6 else stdtr(freedom, ratio))
