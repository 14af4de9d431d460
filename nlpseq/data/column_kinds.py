"""The kind of a column by its values: texts, labels, numbers, identifiers, lists and others."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nlpseq.data.labels import is_missing
from nlpseq.data.number_column import as_number, has_decimal_comma
from nlpseq.data.split import Split
from nlpseq.wording import format_count

Kind = Literal[
    "text", "label", "number", "id", "date", "lists", "spans", "records", "constant", "empty"
]

SAMPLE = 2000
MOSTLY = 0.95
FEW_NUMBERS = 20
"""More different numbers than these are values to predict, not classes."""
_MANY_WORDS = 3.0  # mean words of a column of texts
_MANY_CHARACTERS = 8.0  # mean characters of a column of texts without spaces
_MOST_CLASSES = 200
JOINING = ("|", ";", ",")
"""Separators of several labels in a text."""
_JOINED = 0.2  # of the values, at least, have a separator
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]\d.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_CODE = re.compile(r"(?=\S*\d)[\w.:#/-]+|https?://\S+")
_HEX = re.compile(r"[0-9a-fA-F-]{16,}")


@dataclass(frozen=True)
class Column:
    """A column of the data.

    Attributes:
        name: of the column.
        kind: by its values.
        rows: number of rows.
        distinct: different values.
        words: mean number of words of the values.
        numeric: nearly all values are numbers.
        whole: all of them are whole numbers.
        example: a value, shortened.
        strings: values are lists of strings.
        parts: different labels where values join several, such as `a|b`; else 0.
    """

    name: str
    kind: Kind
    rows: int
    distinct: int
    words: float = 0.0
    numeric: bool = False
    whole: bool = False
    example: str = ""
    strings: bool = False
    parts: int = 0

    def describe(self) -> str:
        """Return name and kind in a few words: `body (text, 12 words)`."""
        if self.parts:
            return f"{self.name} (several of {format_count(self.parts, 'label')}, such as {self.example!r})"
        what = {
            "text": f"text, {format_count(round(self.words), 'word')}",
            "label": f"{format_count(self.distinct, 'value')}",
            "number": f"numbers, {self.distinct:,} different",
            "id": "an id",
            "date": "dates",
            "lists": "lists",
            "spans": "spans by offset",
            "records": "records",
            "constant": f"always {self.example!r}",
            "empty": "empty",
        }[self.kind]
        return f"{self.name} ({what})"


def columns_of(split: Split) -> dict[str, Column]:
    """Return the columns of a split with their kinds; those inside records have names with a dot."""
    rows = split.rows
    if any(isinstance(feature, dict) for feature in rows.features.values()):
        rows = rows.flatten()
    step = max(len(rows) // SAMPLE, 1)
    sample = rows.select(range(0, len(rows), step)) if step > 1 else rows
    table = rows.data.table if rows._indices is None else None
    return {
        name: _column(name, sample[name][:], len(rows), _distinct(table, name, sample))
        for name in rows.column_names
    }


def column_of(name: str, values: Sequence[Any]) -> Column:
    """Return a column with its kind by some of its values."""
    return _column(name, values, len(values), len({str(value) for value in values}))


def _distinct(table: Any, name: str, sample: Any) -> int:
    """Count the different values of a column, of the sample where arrow cannot."""
    import pyarrow as pa
    from pyarrow import compute

    if table is not None:
        try:
            return int(compute.count_distinct(table.column(name)).as_py())
        except pa.ArrowException:  # of lists
            pass
    return len({str(value) for value in sample[name][:]})


def _column(name: str, values: Sequence[Any], rows: int, distinct: int) -> Column:
    known = [value for value in values if not is_missing(value)]
    if not known:
        return Column(name, "empty", rows, distinct)
    example = str(known[0])[:40]
    if any(isinstance(value, list) for value in known):
        kind: Kind = "spans" if _are_spans(known) else "lists"
        strings = all(
            isinstance(item, str) for value in known if isinstance(value, list) for item in value
        )
        return Column(name, kind, rows, distinct, example=example, strings=strings)
    if any(isinstance(value, Mapping) for value in known):
        return Column(name, "records", rows, distinct, example=example)
    texts = [str(value).strip() for value in known]
    words = sum(len(text.split()) for text in texts) / len(texts)
    comma = has_decimal_comma(texts)
    numbers = [number for text in texts if (number := as_number(text, comma=comma)) is not None]
    whole = len(numbers) == len(texts) and all(number.is_integer() for number in numbers)
    kind = _kind(texts, rows, distinct, words, numbers=len(numbers), whole=whole)
    numeric = len(numbers) > MOSTLY * len(texts)
    parts = _joined_labels(texts, distinct) if kind in ("text", "label") else 0
    if parts:
        example = max(texts[:100], key=len)[:40]
    return Column(name, kind, rows, distinct, words, numeric, whole, example, parts=parts)


def _joined_labels(texts: Sequence[str], distinct: int) -> int:
    """Return how many labels values join, as in `a|b` and `a;b`; 0 if they do not.

    A part is short and occurs four times on average or more; there are more values than parts.
    """
    for mark in JOINING:
        if sum(mark in text for text in texts) < _JOINED * len(texts):
            continue
        rows = [[part.strip() for part in text.split(mark)] for text in texts]
        counts = Counter(part for row in rows for part in {*row})
        total = counts.total()
        short = all(part and len(part.split()) < _MANY_WORDS for part in counts)
        few = len(counts) <= min(_MOST_CLASSES, total // 4) and len(counts) > 1
        same_size = mark != "|" and len({len(row) for row in rows}) == 1  # `Paris, France`
        if short and few and len(counts) < distinct and not same_size:
            return len(counts)
    return 0


def _are_spans(values: Sequence[Any]) -> bool:
    """Return whether lists hold spans, `{"start": 0, "end": 3, "label": "PER"}`."""
    items = [item for value in values if isinstance(value, list) for item in value]
    return bool(items) and all(
        isinstance(item, Mapping) and {"start", "end"} <= item.keys() for item in items
    )


def _kind(
    texts: Sequence[str], rows: int, distinct: int, words: float, *, numbers: int, whole: bool
) -> Kind:
    many = distinct > max(rows // 2, 1)
    if distinct == 1 and rows > 1:
        return "constant"
    if numbers > MOSTLY * len(texts):
        if whole and many and rows > FEW_NUMBERS:
            return "id"
        return "label" if distinct <= FEW_NUMBERS else "number"
    if sum(bool(_DATE.fullmatch(text)) for text in texts) > 0.9 * len(texts):
        return "date"
    codes = sum(bool(_CODE.fullmatch(text) or _HEX.fullmatch(text)) for text in texts)
    if codes > 0.9 * len(texts) and distinct > 0.9 * rows and rows > FEW_NUMBERS:
        return "id"
    characters = sum(map(len, texts)) / len(texts)
    spaceless = characters >= _MANY_CHARACTERS and many
    if distinct > _MOST_CLASSES or (words >= _MANY_WORDS and many) or (rows > 10 and spaceless):
        return "text"
    return "label" if not many or words < _MANY_WORDS else "text"
