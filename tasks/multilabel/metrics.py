"""Tables of several labels that are computed from the records of a split."""

from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.task import Record


def label_table(records: Sequence[Record], labels: Sequence[str]) -> dict[str, Any]:
    """Return precision, recall, F1 and support of each label, as JSON.

    Args:
        records: evaluated examples.
        labels: of the model; the table also has those that only the data have.
    """
    metric = MultilabelScores(labels).with_targets(record.target for record in records)
    total = sum_statistics(
        metric.statistics(
            LabelSet(record.prediction["labels"], record.prediction["probabilities"]),
            record.target,
        )
        for record in records
    )
    return {"per_label": metric.per_label(total)} if total else {}
