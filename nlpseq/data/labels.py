"""Labels as the data give them: one spelling for each class, and rows that have none.

A label is missing if it is null, NaN, empty, or -1 where the data name their classes (`ClassLabel` of `datasets`,
by which the Hub hides the labels of a test set). 1, 1.0 and "1.0" are one label. `label_spellings` has the
spellings that depend on the classes of train.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_MISSING = {"", "nan", "null", "<na>", "#n/a", "#na"}
LIKE_MISSING = frozenset({"na", "n/a", "none", "n.a."})
"""Spellings that tables use for no value, and people for a class; a class if train has it."""
ROWS_AT_ONCE = 1000
_LIST = re.compile(r"\[.*\]", re.DOTALL)


def label_text(value: Any) -> str:
    """Return a label as text: whole numbers without a decimal point, text in NFC without outer spaces."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = unicodedata.normalize("NFC", str(value)).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def is_missing(value: Any, known: Collection[str] = ()) -> bool:
    """Return whether a value is no label; `known` are labels in spite of their spelling, such as `null`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and (
        value.strip().casefold() in _MISSING - {name.casefold() for name in known}
    )


def read_labels(rows: "Dataset", column: str, known: Collection[str] = ()) -> list[str | None]:
    """Return the label of each row, None where it is missing.

    Args:
        rows: of a split.
        column: of labels.
        known: labels in spite of their spelling.

    Raises:
        ValueError: the column holds lists or records; the message says what would do.
    """
    feature = rows.features[column]
    kind, names = kind_of(feature), getattr(feature, "names", None)
    values = [] if kind else shared_values(rows, column)
    distinct = dict.fromkeys(values)
    if not names and not kind and _spell_lists(list(distinct), known):
        kind = "texts that spell lists"
    if kind:
        raise ValueError(
            f"holds {kind}: a text has one label here, so write one text or number for each row "
            '(task = "multilabel" learns several labels a text)'
        )
    labels: dict[Any, str | None] = {}
    for value in distinct:
        if names:
            labels[value] = _named(value, names, known)
        else:
            labels[value] = None if is_missing(value, known) else label_text(value)
    return [labels[value] for value in values]


def shared_values(rows: "Dataset", column: str) -> list[Any]:
    """Return the values of a column, equal ones as one object: labels take 8 bytes a row."""
    shared: dict[Any, Any] = {}
    column_of_rows = rows[column]
    return [
        shared.setdefault(value, value)
        for begin in range(0, len(rows), ROWS_AT_ONCE)
        for value in column_of_rows[begin : begin + ROWS_AT_ONCE]
    ]


def kind_of(feature: Any) -> str:
    """Return `lists` or `records` for a nested column, '' for a column of single values."""
    if isinstance(feature, dict):
        return "records"
    return "" if isinstance(getattr(feature, "dtype", None), str) else "lists"


def _named(value: Any, names: Sequence[str], known: Collection[str]) -> str | None:
    if value is None or not 0 <= value < len(names) or is_missing(names[value], known):
        return None
    return label_text(names[value])


def _spell_lists(values: Sequence[Any], known: Collection[str]) -> bool:
    """Return whether every label is a text like `['a', 'b']`, as a table of lists is saved to CSV."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    return bool(texts) and all(
        _LIST.fullmatch(text.strip()) and text not in known for text in texts
    )


def read_tags(rows: "Dataset", column: str) -> list[list[str] | None]:
    """Return the tags of each sentence, None where a tag or the list of them is missing.

    Raises:
        ValueError: a row is not a list of single tags.
    """
    feature = getattr(rows.features[column], "feature", None)
    names = getattr(feature, "names", None)
    convert: Callable[[Any], str | None] = (lambda tag: _named(tag, names, ())) if names else _tag
    sentences: list[list[str] | None] = []
    for number, tags in enumerate(rows[column][:], start=1):
        if tags is None:
            sentences.append(None)
            continue
        if not isinstance(tags, list) or any(isinstance(tag, list | dict) for tag in tags):
            raise ValueError(
                f"row {number} holds {tags!r:.60}, not a list with one tag for each token"
            )
        converted = [convert(tag) for tag in tags]
        sentences.append(None if None in converted else [str(tag) for tag in converted])
    return sentences


def _tag(value: Any) -> str | None:
    return None if is_missing(value) else str(value)
