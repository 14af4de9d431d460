"""Tables of recall that are computed from the records of a split."""

from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.recall import accuracy_by_distance, best_constant
from nlpseq.task import Record


def answer_tables(records: Sequence[Record]) -> dict[str, Any]:
    """Return the accuracy at each distance, and the accuracy of the best constant prediction."""
    answers = [
        (distance, target == prediction)
        for record in records
        for distance, target, prediction in zip(
            record.target["distances"], record.target["answers"], record.prediction, strict=True
        )
    ]
    return {
        "by_distance": accuracy_by_distance(answers),
        "best_constant": best_constant(
            answer for record in records for answer in record.target["answers"]
        ),
    }
