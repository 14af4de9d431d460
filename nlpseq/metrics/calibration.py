"""Calibration: how well the confidence of a classifier agrees with its accuracy."""

import math
from collections.abc import Sequence


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = 15
) -> float:
    """Return the mean distance of confidence and accuracy over bins of equal width (Guo et al. 2017, eq. 3).

    This error is not additive: the distance within a bin needs all examples of the bin, so it is computed
    from all records of a split.

    Args:
        confidences: probability of each predicted label, in [0, 1].
        correct: whether each predicted label is correct.
        bins: number of bins; bin m holds the confidences in ((m - 1) / bins, m / bins].

    Raises:
        ValueError: there is no prediction, or a confidence is not a number.
    """
    if not confidences:
        raise ValueError("calibration of no predictions")
    gaps = [0.0] * bins  # for each bin: number of correct labels minus sum of confidences
    for confidence, is_correct in zip(confidences, correct, strict=True):
        # A rounded probability may be slightly outside of [0, 1].
        index = min(max(math.ceil(confidence * bins) - 1, 0), bins - 1)
        gaps[index] += is_correct - confidence
    return math.fsum(map(abs, gaps)) / len(confidences)
