"""Tables and scores of a classifier that are computed from the records of a split."""

import heapq
from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.calibration import expected_calibration_error
from nlpseq.metrics.classification import ClassificationScores, confusion_matrix
from nlpseq.task import Record

MOST_PROBABILITIES = 20
"""Probabilities of one example in its record; with more classes those of the likeliest, and of the target."""
_DIGITS = 6


def class_prediction(
    labels: Sequence[str], probabilities: Sequence[float], target: str
) -> dict[str, Any]:
    """Return a prediction as records have it: the likeliest class, its probability, those of the classes.

    Args:
        labels: classes, in the order of the probabilities.
        probabilities: of each class.
        target: class of the example, which the model may not know.
    """
    best = max(range(len(labels)), key=probabilities.__getitem__)
    kept: Sequence[int] = range(len(labels))
    if len(labels) > MOST_PROBABILITIES:
        likeliest = heapq.nlargest(MOST_PROBABILITIES, kept, key=probabilities.__getitem__)
        given = labels.index(target) if target in labels else best
        kept = sorted({*likeliest, given})
    return {
        "label": labels[best],
        "confidence": probabilities[best],
        "probabilities": {labels[index]: round(probabilities[index], _DIGITS) for index in kept},
    }


def calibration_scores(records: Sequence[Record]) -> Scores:
    """Return the expected calibration error, which does not add up over examples."""
    confidences = [record.prediction["confidence"] for record in records]
    correct = [record.prediction["label"] == record.target for record in records]
    return {"calibration_error": expected_calibration_error(confidences, correct)}


def class_tables(records: Sequence[Record], labels: Sequence[str]) -> dict[str, Any]:
    """Return the scores of each class and the confusion matrix, as JSON.

    Args:
        records: evaluated examples.
        labels: classes of the model; the tables also have those that only the data have.
    """
    targets = [record.target for record in records]
    metric = ClassificationScores(labels).with_targets(targets)
    all_labels = [*labels, *metric.unseen]
    predictions = [record.prediction["label"] for record in records]
    total = sum_statistics(
        metric.statistics(prediction, target)
        for prediction, target in zip(predictions, targets, strict=True)
    )
    matrix = confusion_matrix(targets, predictions, all_labels)
    return {
        "per_class": metric.per_class(total),
        "confusion_matrix": {"labels": all_labels, "matrix": matrix},
    }
