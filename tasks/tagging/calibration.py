"""The temperature of a tagger that fits validation, and how its confidences agree with the truth."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from nlpseq.data import tag_schemes
from nlpseq.layers.linear_chain import Lattice
from nlpseq.layers.taggers import Tagger
from nlpseq.metrics.base import Scores
from nlpseq.metrics.calibration import expected_calibration_error, reliability
from nlpseq.task import Record

from ..base.calibration import Judged


class ScoredBatch(NamedTuple):
    """The scores of a batch of sentences, and the paths that are right."""

    lattice: Lattice
    tags: Tensor  # (B, W), 0 at padding


def mean_nll(head: Tagger, batches: Iterable[ScoredBatch], temperature: float) -> float:
    """Return the nll per word of the right paths."""
    total, words = 0.0, 0
    for lattice, tags in batches:
        scaled = head.at_temperature(lattice, temperature)
        total -= float(head.path_log_probs(scaled, tags).sum())
        words += int(lattice.padding.lengths.sum())
    return total / words


def judge_sentence(
    tags: Sequence[str], confidences: Sequence[float], target: Sequence[str], *, plain: bool
) -> Judged:
    """Return whether each entity, or each plain tag, of a sentence is right.

    Args:
        tags: predicted.
        confidences: of the entities, or of the tags.
        target: right tags; those of spans in a scheme that marks where they begin.
        plain: tags are no spans.
    """
    if plain:
        return Judged(confidences, [tag == gold for tag, gold in zip(tags, target, strict=True)])
    gold = {*tag_schemes.tags_to_spans(target)}
    return Judged(confidences, [span in gold for span in tag_schemes.tags_to_spans(tags)])


def joined(parts: Iterable[Judged]) -> Judged:
    """Join the predictions of sentences."""
    judged = list(parts)
    return Judged(
        [confidence for part in judged for confidence in part.confidences],
        [correct for part in judged for correct in part.correct],
    )


def judge_records(records: Sequence[Record], *, plain: bool, by_offset: bool) -> Judged:
    """Return the predictions of records that have confidences.

    Args:
        records: evaluated sentences, or texts.
        plain: tags are no spans.
        by_offset: predictions are spans of a text, not tags.
    """
    return joined(
        Judged(record.confidences, [span in record.target for span in record.prediction])
        if by_offset
        else judge_sentence(record.prediction, record.confidences, record.target, plain=plain)
        for record in records
        if record.confidences is not None
    )


def calibration_scores(judged: Judged) -> Scores:
    """Return the expected calibration error; none without a prediction."""
    if not judged.confidences:
        return {}
    return {"calibration_error": expected_calibration_error(*judged)}


def reliability_table(judged: Judged, *, plain: bool) -> dict[str, Any]:
    """Return what a reliability diagram shows, as JSON; {} without a prediction."""
    table = reliability(*judged, "tokens" if plain else "entities")
    return {"reliability": table} if table else {}
