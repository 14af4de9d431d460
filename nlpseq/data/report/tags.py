"""Statistics of a column of tags, one for each token: frequencies, scheme, spans and their types."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PREFIXES = {
    frozenset("IO"): "IO",
    frozenset("IBO"): "BIO",
    frozenset("IBOES"): "BIOES",
    frozenset("BMESO"): "BMES",
    frozenset("BMES"): "BMES",
}


@dataclass(frozen=True)
class TagReport:
    """A column of tags in a split.

    Attributes:
        column: its name.
        missing: sentences without tags.
        tokens: tags altogether.
        counts: tokens of each tag, most frequent first.
        types: spans of each type, where tags mark spans.
        scheme: `BIO`, `BIOES`, ... where tags mark spans, else ''.
        unequal: sentences with more or fewer tags than tokens.
    """

    column: str
    missing: int
    tokens: int
    counts: Mapping[str, int]
    types: Mapping[str, int] = field(default_factory=dict)
    scheme: str = ""
    unequal: int = 0


class TagCounter:
    """Counts the tags of a column of lists.

    Args:
        column: its name.
        names: names of integer tags.
    """

    def __init__(self, column: str, names: Sequence[str] = ()) -> None:
        self.column, self.names = column, names
        self.missing = self.unequal = 0
        self.counts: Counter[str] = Counter()
        self.begins: Counter[str] = Counter()

    def add(self, values: Iterable[Any], tokens: Iterable[Any] = ()) -> None:
        """Read further rows.

        Args:
            values: tags of each sentence.
            tokens: tokens of each sentence, to compare lengths.
        """
        sizes = [len(row) if isinstance(row, list) else -1 for row in tokens]
        for index, row in enumerate(values):
            if not isinstance(row, list):
                self.missing += 1
                continue
            tags = [self._name(tag) for tag in row]
            self.unequal += index < len(sizes) and sizes[index] not in (-1, len(tags))
            self.counts.update(tags)
            before = "O"
            for tag in tags:
                if _begins(before, tag):
                    self.begins[tag[2:] if tag[1:2] == "-" else "span"] += 1
                before = tag

    def _name(self, tag: Any) -> str:
        if self.names and isinstance(tag, int) and 0 <= tag < len(self.names):
            return self.names[tag]
        return str(tag)

    def report(self) -> TagReport:
        """Return the statistics."""
        scheme = scheme_of(self.counts)
        counts = dict(self.counts.most_common())
        types = dict(self.begins.most_common()) if scheme else {}
        return TagReport(
            self.column, self.missing, self.counts.total(), counts, types, scheme, self.unequal
        )


def scheme_of(tags: Iterable[str]) -> str:
    """Return the scheme of tags such as `B-PER`; '' if they mark no spans."""
    prefixes = set()
    for tag in tags:
        prefix, dash, _ = tag.partition("-")
        if len(prefix) != 1 or prefix not in "BIOESMLU" or (dash == "" and tag not in "BIOESMLU"):
            return ""
        prefixes.add(prefix)
    if not prefixes - {"O"}:
        return "BIO" if prefixes else ""
    for known, name in _PREFIXES.items():
        if prefixes <= known:
            return name
    return "BILOU" if prefixes <= set("BILOU") else ""


def _begins(before: str, tag: str) -> bool:
    """Return whether a span begins at a tag."""
    if tag[:1] in ("B", "S", "U"):
        return True
    return tag[:1] in ("I", "E", "M", "L") and (before == "O" or before[2:] != tag[2:])
