"""References of a split: the column `target`, of texts or of lists of texts, and perhaps further columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.predictor import joined

from ..base.pipelines import read_texts

REFERENCES = tuple(f"target{number}" for number in range(2, 10))
"""Columns of further references, beside `target`."""


class Further(NamedTuple):
    """Further data of an example, beside its first reference.

    Attributes:
        references: further references; none for some examples.
        tokenized: the first reference from the data set's own tokenized files.
    """

    references: tuple[str, ...] = ()
    tokenized: str | None = None


def target_texts(split: Split) -> list[str]:
    """Return the target of each example: the first one where the data have lists.

    Raises:
        UserError: a row has no target, or something else than texts.
    """
    if not _has_lists(split):
        return list(map(joined, read_texts(split, "target")))
    return [texts[0] for texts in _lists(split, "target")]


def further_references(split: Split) -> list[Further] | None:
    """Return the references of each example beside the first; None if the data have none.

    Raises:
        UserError: a row has something else than texts.
    """
    names = [name for name in REFERENCES if name in split.rows.column_names]
    columns: list[Sequence[Any]] = []
    if _has_lists(split):
        columns.append([texts[1:] for texts in _lists(split, "target")])
    columns += [_optional_texts(split, name) for name in names]
    if not columns:
        return None
    return [
        Further(tuple(text for part in parts for text in part))
        for parts in zip(*columns, strict=True)
    ]


def count_references(further: Sequence[Further] | None) -> int:
    """Return the number of references of each example, the first one included; -1 if it varies."""
    counts = {1 + len(item.references) for item in further or [Further()]}
    return counts.pop() if len(counts) == 1 else -1


def _has_lists(split: Split) -> bool:
    """Return whether targets are lists of references; beside sources that are lists, they are tokens."""
    features = split.rows.features
    lists = [hasattr(features.get(name), "feature") for name in ("source", "target")]
    return lists == [False, True]


def _lists(split: Split, name: str) -> list[list[str]]:
    rows = list(split.column(name))
    for row, texts in enumerate(rows, start=1):
        if not texts or not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"{split.origin}: row {row} of the {split.name} split: {name!r} is not a list of texts "
                f"with at least one: {texts!r:.60}"
            )
    return rows


def _optional_texts(split: Split, name: str) -> list[list[str]]:
    """Return the texts of a column of further references, where a row may have none."""
    rows = list(split.column(name))
    for row, text in enumerate(rows, start=1):
        if text is not None and not isinstance(text, str):
            raise UserError(
                f"{split.origin}: row {row} of the {split.name} split: {name!r} is no text: {text!r:.60}"
            )
    return [[text] if text else [] for text in rows]
