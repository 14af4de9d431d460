"""Tables of a tagger that are computed from the records of a split."""

from collections.abc import Sequence
from typing import Any, Literal

from nlpseq.data.tag_schemes import tags_to_spans
from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.spans import SpanScores
from nlpseq.task import Record


def type_table(
    records: Sequence[Record], tags: Sequence[str], scheme: Literal["BIO", "BIOES"]
) -> dict[str, Any]:
    """Return the scores of each type of entity, as JSON."""
    total = sum_statistics(record.statistics for record in records)
    types = {span.type for span in tags_to_spans(tags)}
    return {"per_type": SpanScores(types, scheme).per_type(total)}
