"""Statistics of a column of texts, in one pass: lengths, empty and repeated texts, and a sample."""

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .languages import guess_language, script_shares

SAMPLE = 5000
"""Texts from which scripts, language and unknown tokens are measured."""
_LEVELS = (0.0, 0.05, 0.5, 0.95, 0.99, 1.0)
Hashes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Quantiles:
    """A distribution of whole numbers: smallest, 5%, median, 95%, 99%, largest, and mean."""

    smallest: int
    low: int
    median: int
    high: int
    very_high: int
    largest: int
    mean: float

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> "Quantiles":
        """Return the distribution of numbers that are given with their counts."""
        if not counts:
            return cls(0, 0, 0, 0, 0, 0, 0.0)
        values = np.array(sorted(counts), np.int64)
        sizes = np.array([counts[int(value)] for value in values], np.int64)
        ends = np.cumsum(sizes)
        ranks = [int(np.searchsorted(ends, max(level * ends[-1], 1))) for level in _LEVELS]
        at = [int(values[rank]) for rank in ranks]
        return cls(at[0], at[1], at[2], at[3], at[4], at[5], float(values @ sizes / ends[-1]))


@dataclass(frozen=True)
class TextReport:
    """A column of texts in a split.

    Attributes:
        column: its name.
        rows: texts.
        missing: rows without a value.
        empty: texts without a character that is not white space.
        repeated: texts that an earlier row has too, empty ones not counted.
        characters: lengths in characters.
        words: lengths in words between white space, or in tokens where the data are cut.
        scripts: share of each script among the letters of a sample.
        language: code of the main language of the sample; '' if it is not clear.
        unknown: share of unknown tokens by tokenization, in text that the vocabulary was not learnt from.
        distinct_words: different words of the sample.
        lists: texts are lists of tokens.
    """

    column: str
    rows: int
    missing: int
    empty: int
    repeated: int
    characters: Quantiles
    words: Quantiles
    scripts: Mapping[str, float] = field(default_factory=dict)
    language: str = ""
    unknown: Mapping[str, float] = field(default_factory=dict)
    distinct_words: int = 0
    lists: bool = False

    @property
    def spaceless(self) -> bool:
        """True if most letters are of scripts without spaces between words."""
        without = ("Han", "Kana", "Thai", "Lao", "Khmer", "Myanmar")
        return sum(self.scripts.get(script, 0.0) for script in without) > 0.5


class TextCounter:
    """Reads a column of texts batch by batch; memory is 8 bytes a row beside a sample."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.rows = self.missing = self.empty = 0
        self.lists = False
        self.sample: list[Any] = []
        self._hashes = array("q")
        self._characters: Counter[int] = Counter()
        self._words: Counter[int] = Counter()
        self._random = random.Random(0)

    def add(self, values: Iterable[Any]) -> None:
        """Read further rows: strings, lists of tokens or None."""
        for value in values:
            self._keep(value)
            self.rows += 1
            text = joined(value)
            if value is None:
                self.missing += 1
            self.lists = self.lists or isinstance(value, list)
            stripped = text.strip()
            self._hashes.append(hash(stripped) if stripped else 0)
            if not stripped:
                self.empty += value is not None
            self._characters[len(text)] += 1
            self._words[len(value) if isinstance(value, list) else len(text.split())] += 1

    def _keep(self, value: Any) -> None:
        """Keep a row for the sample with the same probability as every other (Vitter 1985, algorithm R)."""
        if len(self.sample) < SAMPLE:
            self.sample.append(value)
        elif (index := int(self._random.random() * (self.rows + 1))) < SAMPLE:
            self.sample[index] = value

    @property
    def hashes(self) -> Hashes:
        """The hash of each text without outer spaces, 0 for an empty one; the same within a process."""
        return np.array(self._hashes, np.int64)

    def report(self, unknown: Mapping[str, float]) -> TextReport:
        """Return the statistics.

        Args:
            unknown: share of unknown tokens by tokenization.
        """
        texts = [joined(value) for value in self.sample]
        scripts = script_shares(texts)
        filled = self.hashes[self.hashes != 0]
        words = {word for text in texts for word in text.split()}
        return TextReport(
            self.column,
            self.rows,
            self.missing,
            self.empty,
            len(filled) - len(np.unique(filled)),
            Quantiles.of(self._characters),
            Quantiles.of(self._words),
            scripts,
            guess_language(texts, scripts),
            unknown,
            len(words),
            self.lists,
        )


def joined(value: Any) -> str:
    """Return a text, or the tokens of one with spaces between; '' for None."""
    if value is None:
        return ""
    return (
        " ".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
