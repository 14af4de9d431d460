"""Tables and scores of a tagger that are computed from the records of a split."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.tags import Pairs, mean_scores, scores_by_tag, tag_counts
from nlpseq.task import Record

MATRIX_TAGS = 50
"""Tags up to which the confusion matrix is kept; with more, a list of the most frequent confusions."""
CONFUSIONS = 50
NAMELESS = "span"
"""Name of the type that has none, in tables."""


def type_table(records: Sequence[Record], metric: SpanScores) -> dict[str, Any]:
    """Return the scores of each type of entity, as JSON."""
    total = sum_statistics(record.statistics for record in records)
    by_type = metric.per_type(total)
    return {"per_type": {name or NAMELESS: scores for name, scores in by_type.items()}}


def mean_tag_scores(records: Sequence[Record]) -> Scores:
    """Return macro and weighted F1 of plain tags."""
    return mean_scores(scores_by_tag(_pairs(records)))


def tag_tables(records: Sequence[Record]) -> dict[str, Any]:
    """Return the scores of each plain tag, most frequent first, and what is confused with what, as JSON."""
    pairs = _pairs(records)
    by_tag = scores_by_tag(pairs)
    tables: dict[str, Any] = {"per_tag": by_tag}
    if len(by_tag) <= MATRIX_TAGS:
        matrix = [[pairs[target, prediction] for prediction in by_tag] for target in by_tag]
        tables["confusion_matrix"] = {"labels": list(by_tag), "matrix": matrix}
    else:
        wrong = Counter({pair: count for pair, count in pairs.items() if pair[0] != pair[1]})
        tables["confusions"] = [[*pair, count] for pair, count in wrong.most_common(CONFUSIONS)]
    return tables


def _pairs(records: Sequence[Record]) -> Pairs:
    return tag_counts(
        (record.target for record in records), (record.prediction for record in records)
    )
