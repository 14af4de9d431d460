"""Tables and scores of a classifier that are computed from the records of a split."""

import heapq
from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.calibration import expected_calibration_error, reliability
from nlpseq.metrics.classification import ClassificationScores, confusion_matrix
from nlpseq.metrics.ranking import MOST_CLASSES, ranking_curves, ranking_scores
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


def scores_of_probabilities(records: Sequence[Record], labels: Sequence[str]) -> Scores:
    """Return scores of the probabilities, which do not add up over examples.

    Args:
        records: evaluated examples.
        labels: classes of the model.

    Returns:
        The expected calibration error; for two classes `auroc` and `average_precision` of the second one, where
        the records have both kinds of examples, and no class that the model lacks.
    """
    scores = {"calibration_error": expected_calibration_error(*_confidences(records))}
    if len(labels) == 2 and all(record.target in labels for record in records):
        positive = [record.target == labels[1] for record in records]
        scores |= ranking_scores([_probability(row, labels[1]) for row in records], positive)
    return scores


def curve_tables(records: Sequence[Record], labels: Sequence[str]) -> dict[str, Any]:
    """Return the bins of the reliability diagram, and the ROC and precision-recall curves, as JSON.

    Of two classes the second one is the positive one; up to `MOST_CLASSES` have a curve each, more have none.

    Args:
        records: evaluated examples.
        labels: classes of the model.
    """
    tables: dict[str, Any] = {"reliability": reliability(*_confidences(records), "examples")}
    chosen = labels[1:] if len(labels) == 2 else labels
    if 0 < len(chosen) <= MOST_CLASSES and (probabilities := _probabilities(records, chosen)):
        tables["curves"] = ranking_curves(probabilities, [record.target for record in records])
    return {name: table for name, table in tables.items() if table}


def _confidences(records: Sequence[Record]) -> tuple[list[float], list[bool]]:
    """Return the probability of each predicted class, and whether it is correct."""
    return (
        [record.prediction["confidence"] for record in records],
        [record.prediction["label"] == record.target for record in records],
    )


def _probability(record: Record, label: str) -> float:
    """Return the probability of one of two classes; baselines store that of the likelier one alone."""
    given, confidence = record.prediction.get("probabilities", {}), record.prediction["confidence"]
    rest = confidence if record.prediction["label"] == label else 1 - confidence
    return float(given.get(label, rest))


def _probabilities(records: Sequence[Record], labels: Sequence[str]) -> dict[str, list[float]]:
    """Return the probabilities of classes for each example; {} where records have none."""
    rows = [record.prediction.get("probabilities", {}) for record in records]
    if not all(label in row for row in rows for label in labels):
        return {}
    return {label: [row[label] for row in rows] for label in labels}


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
