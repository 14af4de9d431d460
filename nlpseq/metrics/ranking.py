"""Rankings of a class against the rest: AUROC, average precision, and the points of their curves.

The numbers are those of scikit-learn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.base import Scores

MOST_CLASSES = 10
"""Classes up to which each has curves: with more they cannot be told apart."""
_MOST_POINTS = 150  # of a curve
_DIGITS = 4
Floats = npt.NDArray[np.float64]


def ranking_scores(scores: Sequence[float], positive: Sequence[bool]) -> Scores:
    """Return the AUROC and the average precision; neither where all examples, or none, are positive.

    Args:
        scores: of the positive class, for each example.
        positive: whether each example has this class.
    """
    if len({*positive}) < 2:
        return {}
    from sklearn.metrics import average_precision_score, roc_auc_score  # late: takes a second

    return {
        "auroc": float(roc_auc_score(positive, scores)),
        "average_precision": float(average_precision_score(positive, scores)),
    }


def ranking_curves(
    scores: Mapping[str, Sequence[float]], targets: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the ROC and the precision-recall curve of classes, each against the rest, as JSON.

    Args:
        scores: of each class, for each example.
        targets: class of each example.

    Returns:
        for each class that some, but not all examples have: `roc`, points [false positive rate, true positive rate];
        `precision_recall`, points [recall, precision]; `auroc`, `average_precision` and `support`.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    curves: dict[str, dict[str, Any]] = {}
    for name, values in scores.items():
        positive = [target == name for target in targets]
        summary = ranking_scores(values, positive)
        if not summary:
            continue
        false, true, _ = roc_curve(positive, values)
        precision, recall, _ = precision_recall_curve(positive, values)
        curves[name] = {
            "roc": _thin(false, true),
            "precision_recall": _thin(recall[::-1], precision[::-1]),
            **summary,
            "support": sum(positive),
        }
    return curves


def _thin(x: Floats, y: Floats) -> list[list[float]]:
    """Return the points of a curve; of many those at equal distances along it, and both ends."""
    if len(x) > _MOST_POINTS:
        along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        wanted = np.linspace(0, along[-1], _MOST_POINTS)
        kept = np.unique([0, *np.searchsorted(along, wanted[1:-1]), len(x) - 1])
        x, y = x[kept], y[kept]
    points = zip(x.tolist(), y.tolist(), strict=True)
    return [[round(float(value), _DIGITS) for value in point] for point in points if _finite(point)]


def _finite(point: Sequence[float]) -> bool:
    return all(map(math.isfinite, point))
