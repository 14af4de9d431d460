"""Does a model's confidence mean what it says?"""

import math
from collections.abc import Sequence


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over bins of equal width (Guo et al. 2017, eq. 3).

    It does not add up: the distance within a bin is taken after all of its examples are in, so it is computed
    from all records of a split, never from the errors of its parts.

    Args:
        confidences: the probability of each predicted label, in [0, 1].
        correct: was it the right one?
        bins: how many; bin m holds the confidences in ((m - 1) / bins, m / bins].

    Raises:
        ValueError: no prediction, or a confidence that is no number.
    """
    if not confidences:
        raise ValueError("calibration of no predictions")
    gaps = [0.0] * bins  # of a bin: right answers minus the confidence that was put in them
    for confidence, right in zip(confidences, correct, strict=True):
        # Rounding may put a probability a little outside of [0, 1].
        place = min(max(math.ceil(confidence * bins) - 1, 0), bins - 1)
        gaps[place] += right - confidence
    return math.fsum(map(abs, gaps)) / len(confidences)
