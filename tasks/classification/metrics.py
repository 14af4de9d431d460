"""Tables and scores of a classifier that are computed from the records of a split."""

from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.calibration import expected_calibration_error
from nlpseq.metrics.classification import ClassificationScores, confusion_matrix
from nlpseq.task import Record


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
