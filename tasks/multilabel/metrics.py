"""Tables of several labels that are computed from the records of a split."""

from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.task import Record

from .thresholds import Thresholds


def label_table(records: Sequence[Record], thresholds: Thresholds) -> dict[str, Any]:
    """Return precision, recall, F1, support and threshold of each label, as JSON.

    Args:
        records: evaluated examples.
        thresholds: of the model; the table also has labels that only the data have, without a threshold.
    """
    metric = MultilabelScores(thresholds.labels).with_targets(record.target for record in records)
    total = sum_statistics(
        metric.statistics(
            LabelSet(record.prediction["labels"], record.prediction["probabilities"]),
            record.target,
        )
        for record in records
    )
    if not total:
        return {}
    by_label = dict(zip(thresholds.labels, thresholds.values, strict=True))
    table = metric.per_label(total).items()
    return {"per_label": {name: {**row, "threshold": by_label.get(name)} for name, row in table}}
