"""Statistics of a column of labels, of lists of labels, or of numbers, in one pass."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlpseq.data.labels import is_missing, label_text

MOST_LABELS = 10_000  # different ones that are counted


@dataclass(frozen=True)
class LabelReport:
    """A column of labels in a split.

    Attributes:
        column: its name.
        missing: rows without a label.
        counts: rows of each class, most frequent first.
        labels_per_row: mean number of labels; 1 for classes.
        complete: False if there are so many labels that not all are counted.
    """

    column: str
    missing: int
    counts: Mapping[str, int]
    labels_per_row: float = 1.0
    complete: bool = True

    @property
    def once(self) -> list[str]:
        """Labels that occur once."""
        return [label for label, count in self.counts.items() if count == 1]

    @property
    def most_frequent(self) -> float:
        """Share of the most frequent label among the rows with a label."""
        return max(self.counts.values(), default=0) / max(sum(self.counts.values()), 1)


@dataclass(frozen=True)
class NumberReport:
    """A column of numbers in a split: missing rows, different values, and their distribution."""

    column: str
    missing: int
    distinct: int
    smallest: float
    median: float
    mean: float
    deviation: float
    largest: float


class LabelCounter:
    """Counts the labels of a column; a row holds one, or a list of them.

    Args:
        column: its name.
        names: names of integer labels, of a `ClassLabel` of `datasets`.
    """

    def __init__(self, column: str, names: Sequence[str] = ()) -> None:
        self.column, self.names = column, names
        self.missing = self._rows = self._labels = 0
        self.counts: Counter[str] = Counter()
        self._spelled: dict[Any, str | None] = {}
        self._ids: dict[str, int] = {}
        self._codes = array("i")

    def add(self, values: Iterable[Any]) -> None:
        """Read further rows."""
        for value in values:
            self._rows += 1
            if isinstance(value, list):
                labels = [text for item in value if (text := self._text(item)) is not None]
                self.counts.update(labels)
                self._labels += len(labels)
                key: str | None = "\0".join(sorted(labels))
            else:
                key = self._text(value)
                if key is not None:
                    self._labels += 1
                    self.counts[key] += 1
            self.missing += key is None
            self._codes.append(-1 if key is None else self._ids.setdefault(key, len(self._ids)))

    def _text(self, value: Any) -> str | None:
        """Return a label as text, None if it is missing; each spelling is read once."""
        if isinstance(value, dict | list):
            return str(value)
        known = self._spelled.get(value, "")
        if known == "":
            known = self._read(value)
            if len(self._spelled) < MOST_LABELS:
                self._spelled[value] = known
        return known

    def _read(self, value: Any) -> str | None:
        if self.names and isinstance(value, int):
            return self.names[value] if 0 <= value < len(self.names) else None
        return None if is_missing(value) else label_text(value)

    @property
    def codes(self) -> Any:
        """A number for the label of each row, -1 without one."""
        return np.array(self._codes, np.int32)

    def name_of(self, code: int) -> str:
        """Return the label with a number of `codes`."""
        return next(label for label, other in self._ids.items() if other == code)

    def report(self) -> LabelReport:
        """Return the statistics."""
        common = dict(self.counts.most_common(MOST_LABELS))
        per_row = self._labels / max(self._rows - self.missing, 1)
        return LabelReport(
            self.column, self.missing, common, per_row, len(common) == len(self.counts)
        )


class NumberCounter:
    """Reads a column of numbers; memory is 8 bytes a row."""

    def __init__(self, column: str) -> None:
        self.column = column
        self._values = array("d")

    def add(self, values: Iterable[Any]) -> None:
        """Read further rows."""
        self._values.extend(map(as_number, values))

    def report(self) -> NumberReport:
        """Return the statistics."""
        values = np.array(self._values)
        known = values[~np.isnan(values)]
        if not len(known):
            return NumberReport(self.column, len(values), 0, *[math.nan] * 5)
        parts = (known.min(), np.median(known), known.mean(), known.std(), known.max())
        distinct = len(np.unique(known))
        return NumberReport(self.column, len(values) - len(known), distinct, *map(float, parts))


def as_number(value: Any) -> float:
    """Return a value as a number; NaN if it is none."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
