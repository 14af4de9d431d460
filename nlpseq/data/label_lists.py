"""A column of several labels for each row: lists of labels, or texts with labels between separators.

A list may be empty. A text may spell a list, `['a', 'b']` or `["a", "b"]`, as tables are saved to CSV; an empty
text is an empty list. Every label is read as `labels.label_text` reads one, and counts once in a row.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.data.labels import is_missing, kind_of, label_text
from nlpseq.data.missing_labels import (
    LEARNT_FROM,
    check_label_lengths,
    hidden_split,
    without_rows,
)
from nlpseq.data.number_column import with_column
from nlpseq.data.split import Split
from nlpseq.errors import UserError

AUTO = "auto"
SEPARATORS = ("|", ";", ",")
"""Separators of labels that are recognised."""
_LIST = re.compile(r"\[.*\]", re.DOTALL)
_FEWEST = 2  # components of a row of 0 and 1


class _Reading(NamedTuple):
    """The way in which texts are read: as lists, or cut at a separator."""

    separator: str = ""
    as_lists: bool = False
    assumed: str = ""


def settle_label_lists(
    splits: Mapping[str, Split], field: str, *, separator: str = AUTO, skip: bool = False
) -> dict[str, Split]:
    """Read the labels of every split; leave rows without a list out, or refuse them.

    Args:
        splits: with the columns of the task.
        field: column of labels.
        separator: between the labels of a text; `auto`: the one of `SEPARATORS` that the texts have.
        skip: leave out and count rows without a list, instead of an error.

    Raises:
        UserError: the column holds something else, or a row has no list; the error names the row.
    """
    lists, assumed = read_label_lists(splits, field, separator=separator)
    return {
        name: _settle(split, field, lists[name], assumed, skip=skip) if name in lists else split
        for name, split in splits.items()
    }


def read_label_lists(
    splits: Mapping[str, Split], field: str, *, separator: str = AUTO
) -> tuple[dict[str, list[list[str] | None]], str]:
    """Return the labels of each row of every split that has them, None where they are missing; and what was assumed.

    Raises:
        UserError: the column holds something else than labels.
    """
    read = {name: split.column(field)[:] for name, split in splits.items() if split.labelled}
    reading = _reading(splits, read, field, separator)
    lists = {}
    for name, values in read.items():
        split, names = splits[name], _class_names(splits[name], field)
        lists[name] = [
            _labels(value, reading, names, split, field, row) for row, value in enumerate(values)
        ]
        check_label_lengths(split, field, lists[name])
        _check_not_flags(lists[name], split, field)
    return lists, reading.assumed


def _settle(
    split: Split, field: str, lists: list[list[str] | None], assumed: str, *, skip: bool
) -> Split:
    missing = {row for row, labels in enumerate(lists) if labels is None}
    if lists and len(missing) == len(lists) and split.name not in LEARNT_FROM:
        return hidden_split(split, field)
    if missing and not skip:
        raise UserError(
            f"{split.origin}: row {min(missing) + 1} of the {split.name} split has no {split.name_of(field)!r} "
            "(null or NaN); write [] or an empty text where no label holds, or leave such rows out with "
            'data.missing_labels="skip"'
        )
    if assumed:
        split = split.with_note(assumed)
    empty = sum(labels == [] for labels in lists)
    if empty:
        split = split.with_note(f"{empty:,} of {len(lists):,} rows without any label")
    split = with_column(split, field, lists, "list")
    return without_rows(split, missing, "list of labels") if missing else split


def _class_names(split: Split, field: str) -> Sequence[str] | None:
    names = getattr(getattr(split.rows.features[field], "feature", None), "names", None)
    return None if names is None else list(names)


def _reading(
    splits: Mapping[str, Split], read: Mapping[str, Sequence[Any]], field: str, separator: str
) -> _Reading:
    """Choose how texts are read, by the texts of all splits."""
    texts = [v.strip() for values in read.values() for v in values if isinstance(v, str)]
    texts = [text for text in texts if text and not is_missing(text)]
    if separator != AUTO:
        return _Reading(separator)
    if not texts:
        return _Reading()
    if all(_LIST.fullmatch(text) for text in texts):
        return _Reading(as_lists=True)
    split = next(splits[name] for name in read)
    column = split.name_of(field)
    used = [mark for mark in SEPARATORS if any(mark in text for text in texts)]
    if len(used) == 1:
        example = next(text for text in texts if used[0] in text)
        return _Reading(
            used[0],
            assumed=f"labels in {column!r} are separated by {used[0]!r} ({example:.40}; data.label_separator)",
        )
    if used:
        raise UserError(
            f"{split.origin}: labels in column {column!r} may be separated by {' or '.join(map(repr, used))}; "
            f"set data.label_separator, for instance data.label_separator={used[0]!r}"
        )
    raise UserError(
        f"{split.origin}: column {column!r} holds single labels such as {texts[0]!r:.40}, no list and none of the "
        f"separators {' '.join(SEPARATORS)}; set data.label_separator, or learn one label for each text with "
        'task = "classification"'
    )


def _labels(
    value: Any,
    reading: _Reading,
    names: Sequence[str] | None,
    split: Split,
    field: str,
    row: int,
) -> list[str] | None:
    """Return the labels of a row, None if it has no list.

    Raises:
        UserError: the value is no list of labels.
    """
    items: Any = value
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return []
        if is_missing(text):
            return None
        items = _spelled_list(text) if reading.as_lists else _cut(text, reading.separator)
    if is_missing(items):
        return None
    if not isinstance(items, list) or any(isinstance(item, list | dict | bool) for item in items):
        raise UserError(
            f"{split.origin}: row {row + 1} of the {split.name} split has {value!r:.60} in column "
            f"{split.name_of(field)!r}, which is not a list of labels; a text with labels needs "
            "data.label_separator, several columns of 0 and 1 are named by "
            'data.columns.labels = ["first", "second"]'
        )
    if any(is_missing(item) for item in items):
        raise UserError(
            f"{split.origin}: row {row + 1} of the {split.name} split has an empty label in {value!r:.60}"
        )
    if names is not None:
        if any(not 0 <= item < len(names) for item in items):  # -1 hides the labels of a test set
            return None
        items = [names[item] for item in items]
    return list(dict.fromkeys(label_text(item) for item in items))


def _cut(text: str, separator: str) -> list[str]:
    """Cut a text at a separator; nothing between two of them is no label."""
    parts = text.split(separator) if separator.strip() else text.split()
    return [part.strip() for part in parts if part.strip()]


def _spelled_list(text: str) -> Any:
    """Return the list that a text spells; anything else is returned unchanged."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        inner = text[1:-1].strip()
        plain = inner and not any(mark in inner for mark in "'\"[](){}")
        return _cut(inner, ",") if plain else text  # [a, b]


def _check_not_flags(lists: Sequence[list[str] | None], split: Split, field: str) -> None:
    """Refuse rows of 0 and 1, which are positions and not labels; `lists` has each label once."""
    values = split.column(field)[:]
    rows = [value for value in values if isinstance(value, list)]
    lengths = {len(row) for row in rows}
    if (
        len(lengths) != 1
        or min(lengths) < _FEWEST
        or kind_of(split.rows.features[field]) != "lists"
    ):
        return
    if all(label in ("0", "1") for labels in lists if labels for label in labels):
        raise UserError(
            f"{split.origin}: every {split.name_of(field)!r} of the {split.name} split is a row of "
            f"{min(lengths)} times 0 or 1, which names no label; write the names of the labels that hold, or one "
            'column for each label and data.columns.labels = ["first", "second"]'
        )
