"""Scores of regression that are computed from the records of a split."""

from collections.abc import Sequence

from nlpseq.metrics.base import Scores
from nlpseq.metrics.regression import spearman
from nlpseq.task import Record


def rank_correlation(records: Sequence[Record]) -> Scores:
    """Return Spearman's correlation, which does not add up over examples; none of equal numbers."""
    value = spearman(_predictions(records), [record.target for record in records])
    return {} if value is None else {"spearman": value}


def constant_notes(name: str, records: Sequence[Record]) -> list[str]:
    """Say why a split has no correlation: all its predictions, or all its numbers, are equal."""
    sides = {
        "all predictions are": _predictions(records),
        "all numbers are": [record.target for record in records],
    }
    return [
        f"{name}: {what} {values[0]:g}, so Pearson's and Spearman's correlation are not defined"
        for what, values in sides.items()
        if values and len({*values}) == 1
    ][:1]


def _predictions(records: Sequence[Record]) -> list[float]:
    return [record.prediction["number"] for record in records]
