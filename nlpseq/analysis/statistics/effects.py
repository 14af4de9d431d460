"""Effect sizes, and the number of examples that a difference needs to be detected."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance


def standardized_difference(difference: float, error: float, examples: int) -> float | None:
    """Compute Cohen's d_z of paired examples (Cohen 1988, 2.3.5; Lakens 2013).

    It is the difference divided by the standard deviation of the paired differences, here the standard error
    times sqrt(N). So it is defined for BLEU and F1 too, which single examples do not have; for a mean, such as
    accuracy, it is the usual one.

    Args:
        difference: between two scores.
        error: its standard error over examples.
        examples: their number N.

    Returns:
        None if the examples do not vary.
    """
    return difference / (error * math.sqrt(examples)) if error else None


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute Hedges' g (1981): the difference of the means over seeds by the pooled standard deviation.

    The factor 1 - 3 / (4 m - 1), with m degrees of freedom, removes the bias of few seeds.

    Returns:
        None with a single seed, or without any variance.
    """
    if min(len(first), len(second)) < 2:
        return None
    freedom = len(first) + len(second) - 2
    pooled = (len(first) - 1) * variance(first) + (len(second) - 1) * variance(second)
    if not pooled:
        return None
    difference = fmean(first) - fmean(second)
    return (1 - 3 / (4 * freedom - 1)) * difference / math.sqrt(pooled / freedom)


def examples_needed(
    difference: float,
    *,
    examples: int,
    examples_error: float,
    standard_error: float,
    quantile: float | None = None,
    power: float = 0.8,
    significance: float = 0.05,
) -> int | None:
    """Estimate the size of a test set that detects a difference (normal approximation; Cohen 1988, 2.4).

    Variance from examples falls with their number; variance from seeds stays.

    Args:
        difference: to detect, in the unit of the errors.
        examples: number of examples in the present test set.
        examples_error: standard error of the difference there, from examples alone.
        standard_error: from examples and seeds.
        quantile: standard errors from 0 at which a difference is significant; None: the normal quantile. With
            few seeds it is that of Student's t.
        power: chance to detect the difference, if there is one.
        significance: level of the two-sided test.

    Returns:
        The number of examples; None if no number is enough, because seeds vary too much.

    Raises:
        ValueError: the difference is not above 0.
    """
    if difference <= 0:
        raise ValueError(f"the difference to detect must be above 0, not {difference}")
    normal = NormalDist()
    shown = normal.inv_cdf(1 - significance / 2) if quantile is None else quantile
    factor = shown + normal.inv_cdf(power)
    rest = (difference / factor) ** 2 - max(0.0, standard_error**2 - examples_error**2)
    if rest <= 0:
        return None
    return math.ceil(examples * examples_error**2 / rest)
