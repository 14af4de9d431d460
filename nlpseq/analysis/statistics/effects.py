"""How large a difference is beside what varies, and how many examples would show a given one."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance


def standardized_difference(difference: float, error: float, examples: int) -> float | None:
    """Cohen's d_z of paired examples (Cohen 1988, 2.3.5; Lakens 2013): difference by standard deviation.

    The standard deviation of the paired differences is the standard error times sqrt(N). So it is
    defined for BLEU or F1 too, which no single example has; of a mean, such as accuracy, it is the
    usual one.

    Args:
        difference: of two scores.
        error: its standard error over examples.
        examples: how many.

    Returns:
        None where the examples do not vary.
    """
    return difference / (error * math.sqrt(examples)) if error else None


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Hedges' g (1981): difference of the means over seeds by their pooled standard deviation.

    The factor 1 - 3 / (4 m - 1), m = degrees of freedom, takes off the bias of few seeds.

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
    """How large a test set would show a difference, as the normal approximation has it (Cohen 1988, 2.4).

    The part of the variance that examples bring falls with their number; what seeds bring stays.

    Args:
        difference: to be shown, in the unit of the errors.
        examples: of the test set at hand.
        examples_error: standard error of the difference there, of examples alone.
        standard_error: all of it.
        quantile: standard errors from 0 at which a difference is shown, where that is not the normal's: of
            few seeds it is Student's.
        power: chance to show the difference, if there is one.
        significance: of the two-sided test.

    Returns:
        The number of examples; None if no number would do, because seeds vary too much.

    Raises:
        ValueError: the difference is not above 0.
    """
    if difference <= 0:
        raise ValueError(f"a difference above 0 can be shown, not {difference}")
    normal = NormalDist()
    shown = normal.inv_cdf(1 - significance / 2) if quantile is None else quantile
    factor = shown + normal.inv_cdf(power)
    rest = (difference / factor) ** 2 - max(0.0, standard_error**2 - examples_error**2)
    if rest <= 0:
        return None
    return math.ceil(examples * examples_error**2 / rest)
