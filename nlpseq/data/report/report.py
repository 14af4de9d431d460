"""The report on the splits of a data set: a frozen record, built in one pass over the columns that a task reads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nlpseq.data.split import ROWS_AT_ONCE, Split

from .labels import LabelCounter, LabelReport, NumberCounter, NumberReport
from .tags import TagCounter, TagReport
from .texts import Quantiles, TextCounter, TextReport, joined
from .unknown import unknown_shares
from .values import readable_values

TEXTS = ("text", "text2", "source", "target", "tokens")
LABELS = ("label", "labels")
_SHOWN = 5  # examples of conflicts
_LONGEST = 100  # characters of a text that a report quotes


@dataclass(frozen=True)
class Overlap:
    """Rows of a split whose text another split has too, empty texts not counted."""

    split: str
    other: str
    rows: int
    share: float


@dataclass(frozen=True)
class Conflicts:
    """Equal texts with different labels: the rows, the different texts, and some of them with their labels."""

    rows: int
    texts: int
    examples: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class PairReport:
    """Pairs of texts: length of the second in words as a share of the first, and pairs of equal texts."""

    median_ratio: float
    equal: int
    shared_words: float


@dataclass(frozen=True)
class SplitReport:
    """One split.

    Attributes:
        name: of the split.
        rows: examples.
        origin: source of the rows.
        note: how the split was drawn, and what was skipped.
        texts: by field: `text`, `text2`, `source`, `target` or `tokens`.
        labels: of the field `label` or `labels`.
        tags: of the field `tags`.
        number: of the field `number`.
        conflicts: equal texts with different labels.
        pairs: of two texts.
        spans: spans of each type, of the field `spans`.
    """

    name: str
    rows: int
    origin: str
    note: str = ""
    texts: Mapping[str, TextReport] = field(default_factory=dict)
    labels: LabelReport | None = None
    tags: TagReport | None = None
    number: NumberReport | None = None
    conflicts: Conflicts | None = None
    pairs: PairReport | None = None
    spans: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DataReport:
    """The report on all splits.

    Attributes:
        splits: by name; train comes first.
        overlaps: between splits.
        columns: column of the data for each field.
        lines: what was assumed about files and columns, for people.
        held_out: share of train that further splits are to be cut from.
    """

    splits: Mapping[str, SplitReport]
    overlaps: tuple[Overlap, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    held_out: float = 0.0

    @property
    def rows(self) -> int:
        """Number of examples to learn from."""
        return round(self.train.rows * (1 - self.held_out))

    @property
    def train(self) -> SplitReport:
        """The split to learn from: train, or the first."""
        return self.splits.get("train") or next(iter(self.splits.values()))

    def text(self, *fields: str) -> TextReport:
        """Return the texts of train, of the first of these fields that there is; of any by default."""
        texts = self.train.texts
        return next(texts[name] for name in (*fields, *texts) if name in texts)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


class _SplitCounter:
    """Reads one split."""

    def __init__(self, split: Split, columns: Mapping[str, str]) -> None:
        self.split = split
        present = {
            name: column for name, column in columns.items() if column in split.rows.column_names
        }
        shown = {name: _shown(name, split.name_of(column)) for name, column in present.items()}
        self.columns = present
        self.texts = {name: TextCounter(shown[name]) for name in TEXTS if name in present}
        self.labels = {
            name: LabelCounter(shown[name], _names(split, present[name]))
            for name in LABELS
            if name in present
        }
        self.tags = (
            TagCounter(shown["tags"], _names(split, present["tags"])) if "tags" in present else None
        )
        self.number = NumberCounter(shown["number"]) if "number" in present else None
        self.spans: dict[str, int] = {}
        self.ratios: list[float] = []
        self.equal = self.shared = self.second = 0

    def read(self) -> None:
        """Read all rows, many at a time."""
        rows = self.split.rows.select_columns(list(dict.fromkeys(self.columns.values())))
        for batch in rows.iter(ROWS_AT_ONCE):
            values = {name: batch[column] for name, column in self.columns.items()}
            for name, text in self.texts.items():
                text.add(values[name])
            for name, label in self.labels.items():
                label.add(values[name])
            if self.tags is not None:
                self.tags.add(values["tags"], values.get("tokens", ()))
            if self.number is not None:
                self.number.add(values["number"])
            if "spans" in values:
                self._count_spans(values["spans"])
            if len(self.texts) == 2:
                first, second = (values[name] for name in self.texts)
                self._compare(first, second)

    def _compare(self, first: list[Any], second: list[Any]) -> None:
        """Compare the two texts of pairs."""
        for left, right in zip(map(joined, first), map(joined, second), strict=True):
            self.equal += bool(left.strip()) and left.strip() == right.strip()
            if len(self.ratios) < 20_000:
                one, other = left.split(), right.split()
                self.ratios.append(len(other) / max(len(one), 1))
                self.shared += len(set(one) & set(other))
                self.second += len(set(other))

    def _count_spans(self, rows: list[Any]) -> None:
        for row in rows:
            for span in row if isinstance(row, list) else ():
                name = _span_label(span)
                self.spans[name] = self.spans.get(name, 0) + 1

    @property
    def hashes(self) -> npt.NDArray[np.int64]:
        """A hash of the text of each row, of both texts where a class depends on both."""
        names = [name for name in ("text", "tokens", "source", "text2") if name in self.texts]
        if not names:
            return np.zeros(0, np.int64)
        total = self.texts[names[0]].hashes.copy()
        for name in names[1:]:
            total = total * np.int64(1_000_003) + self.texts[name].hashes
        return total

    def conflicts(self) -> Conflicts | None:
        """Return equal texts with different labels."""
        if not self.labels:
            return None
        hashes, codes = self.hashes, next(iter(self.labels.values())).codes
        used = np.flatnonzero((hashes != 0) & (codes >= 0))
        order = used[np.argsort(hashes[used], kind="stable")]
        if not len(order):
            return Conflicts(0, 0)
        sorted_hashes, sorted_codes = hashes[order], codes[order]
        starts = np.flatnonzero(np.r_[True, sorted_hashes[1:] != sorted_hashes[:-1]])
        low = np.minimum.reduceat(sorted_codes, starts)
        high = np.maximum.reduceat(sorted_codes, starts)
        sizes = np.diff(np.r_[starts, len(order)])
        conflicting = np.flatnonzero(low != high)
        examples = tuple(
            self._conflict(order[starts[group] : starts[group] + sizes[group]], codes)
            for group in conflicting[:_SHOWN]
        )
        return Conflicts(int(sizes[conflicting].sum()), len(conflicting), examples)

    def _conflict(self, rows: Any, codes: Any) -> tuple[str, tuple[str, ...]]:
        """Return the text of some rows, and its different labels."""
        counter = next(iter(self.labels.values()))
        name = next(name for name in ("text", "tokens", "source") if name in self.texts)
        text = joined(self.split.rows[int(rows[0])][self.columns[name]]).strip()
        labels = sorted({counter.name_of(int(codes[row])) for row in rows})
        return text[:_LONGEST], tuple(label.replace("\0", ", ") for label in labels)

    def report(self, unknown: Mapping[str, Mapping[str, float]]) -> SplitReport:
        """Return the statistics."""
        split = self.split
        ratio = float(np.median(self.ratios)) if self.ratios else 0.0
        pairs = PairReport(ratio, self.equal, self.shared / max(self.second, 1))
        return SplitReport(
            split.name,
            len(split),
            split.origin,
            split.note,
            {name: text.report(unknown.get(name, {})) for name, text in self.texts.items()},
            next((label.report() for label in self.labels.values()), None),
            None if self.tags is None else self.tags.report(),
            None if self.number is None else self.number.report(),
            self.conflicts(),
            pairs if self.ratios else None,
            dict(sorted(self.spans.items(), key=lambda item: -item[1])),
        )


def build_report(
    splits: Mapping[str, Split],
    columns: Mapping[str, str],
    lines: tuple[str, ...] = (),
    *,
    held_out: float = 0.0,
    separator: str = "auto",
) -> DataReport:
    """Read splits and report on them.

    Args:
        splits: by name.
        columns: column for each field: `text`, `tokens`, `source`, `target`, `text2`, `label`, `labels`,
            `tags`, `number`, `spans`.
        lines: what was assumed about files and columns.
        held_out: share of train that further splits are to be cut from.
        separator: between the labels of a text, `data.label_separator`.
    """
    splits = readable_values(splits, columns, separator)
    names = sorted(splits, key=lambda name: name != "train")
    counters = {name: _SplitCounter(splits[name], columns) for name in names}
    for counter in counters.values():
        counter.read()
    reports = {name: counters[name].report(_unknown(counters, name)) for name in names}
    return DataReport(reports, _overlaps(counters), dict(columns), lines, held_out)


def _unknown(counters: Mapping[str, _SplitCounter], name: str) -> dict[str, dict[str, float]]:
    """Return the share of unknown tokens of a split for each text, by vocabularies of train."""
    train = counters.get("train", counters[name])
    own = counters[name]
    return {
        field: unknown_shares(
            train.texts[field].sample, [] if own is train else own.texts[field].sample
        )
        for field in own.texts
        if field in train.texts
    }


def _overlaps(counters: Mapping[str, _SplitCounter]) -> tuple[Overlap, ...]:
    """Count the rows of each split whose text an earlier split has too."""
    overlaps = []
    names = list(counters)
    for index, name in enumerate(names):
        own = counters[name].hashes
        for other in names[:index]:
            rows = int((np.isin(own, counters[other].hashes) & (own != 0)).sum())
            if rows:
                overlaps.append(Overlap(name, other, rows, rows / max(len(own), 1)))
    return tuple(overlaps)


def _names(split: Split, column: str) -> tuple[str, ...]:
    """Return the names of the integers in a column, of single labels or of lists."""
    feature = split.rows.features[column]
    feature = getattr(feature, "feature", feature)
    return tuple(getattr(feature, "names", None) or ())


def _shown(field: str, column: str) -> str:
    """Return the name of a column, with its field where the name is a number."""
    return f"{field} (column {column})" if column.lstrip("-").isdigit() else column


def _span_label(span: Any) -> str:
    if isinstance(span, dict):
        labels = span.get("label", span.get("labels", span.get("type", "?")))
        return str(labels[0] if isinstance(labels, list) and labels else labels)
    return str(span[2]) if isinstance(span, list) and len(span) > 2 else "?"


__all__ = [
    "Conflicts",
    "DataReport",
    "Overlap",
    "PairReport",
    "Quantiles",
    "SplitReport",
    "build_report",
]
