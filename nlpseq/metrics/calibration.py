"""Calibration: how well the confidence of a classifier agrees with its accuracy."""

import math
from collections.abc import Sequence
from typing import Any


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


def reliability_bins(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = 15
) -> list[dict[str, Any]]:
    """Return the bins of `expected_calibration_error` that have a prediction, as JSON.

    Returns:
        for each: `from` and `to`, the mean `confidence`, the `accuracy`, and the `count` of predictions.
    """
    groups: dict[int, list[tuple[float, bool]]] = {}
    for confidence, is_correct in zip(confidences, correct, strict=True):
        index = min(max(math.ceil(confidence * bins) - 1, 0), bins - 1)
        groups.setdefault(index, []).append((confidence, is_correct))
    return [
        {
            "from": index / bins,
            "to": (index + 1) / bins,
            "confidence": math.fsum(confidence for confidence, _ in group) / len(group),
            "accuracy": sum(is_correct for _, is_correct in group) / len(group),
            "count": len(group),
        }
        for index, group in sorted(groups.items())
    ]


def reliability(confidences: Sequence[float], correct: Sequence[bool], of: str) -> dict[str, Any]:
    """Return what a reliability diagram shows, as JSON; {} without a prediction.

    Args:
        confidences: probability of each prediction.
        correct: whether each is correct.
        of: name of the predictions, such as `examples` or `entities`.
    """
    if not confidences:
        return {}
    return {
        "of": of,
        "calibration_error": expected_calibration_error(confidences, correct),
        "bins": reliability_bins(confidences, correct),
    }
