"""Features of many texts in flat arrays: 4 bytes an id, a tenth of what lists of Python objects take."""

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from nlpseq.data.features import Features


class FeatureStore(Sequence[Features]):
    """A sequence of `Features`, each made when it is asked for.

    Words are kept as numbers in a table of the distinct ones. Offsets are not kept.

    Attributes:
        second: features of the second texts of pairs; None: there are none.
    """

    def __init__(self) -> None:
        self.second: FeatureStore | None = None
        self._ids, self._ends = array("i"), array("q", [0])
        self._segments, self._words = array("i"), array("i")
        self._starts, self._start_ends = array("i"), array("q", [0])
        self._numbers: dict[str, int] = {}
        self._spellings: list[str] = []

    @classmethod
    def collect(cls, features: Iterable[Features]) -> "FeatureStore":
        """Keep the features of all texts; an iterator need not hold them at once.

        Raises:
            ValueError: only some of the texts have words, segments or a second text.
        """
        store = cls()
        for text in features:
            store._append(text)
        store._check()
        return store

    def _append(self, text: Features) -> None:
        self._ids.extend(text.ids)
        self._ends.append(len(self._ids))
        self._segments.extend(text.segments)
        self._words.extend(map(self._number, text.words))
        self._starts.extend(text.word_starts)
        self._start_ends.append(len(self._starts))
        if text.second is not None:
            self.second = self.second or FeatureStore()
            self.second._append(text.second)

    def _number(self, word: str) -> int:
        """Return the number of a word in the table, which has it from now on."""
        number = self._numbers.setdefault(word, len(self._spellings))
        if number == len(self._spellings):
            self._spellings.append(word)
        return number

    def _check(self) -> None:
        for name, column in (("words", self._words), ("segments", self._segments)):
            if len(column) not in (0, len(self._ids)):
                raise ValueError(f"only some of the texts have {name}")
        if self.second is not None:
            if len(self.second) != len(self):
                raise ValueError("only some of the texts have a second text")
            self.second._check()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Features: ...

    @overload
    def __getitem__(self, index: slice) -> list[Features]: ...

    def __getitem__(self, index: int | slice) -> Features | list[Features]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        begin, end = self._ends[number], self._ends[number + 1]
        return Features(
            self._ids[begin:end].tolist(),
            [self._spellings[word] for word in self._words[begin:end]],
            self._segments[begin:end].tolist(),
            self._starts[self._start_ends[number] : self._start_ends[number + 1]].tolist(),
            (),
            None if self.second is None else self.second[number],
        )

    @property
    def sides(self) -> "tuple[FeatureStore, ...]":
        """The features of each text: one store, or the two of pairs."""
        return (self,) if self.second is None else (self, self.second)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of tokens of each text (N,), of pairs that of the first texts."""
        ends = np.frombuffer(self._ends, np.int64)
        return ends[1:] - ends[:-1]

    def counts(self, size: int) -> npt.NDArray[np.int64]:
        """Return how often each id below `size` occurs (size,), in the first texts of pairs."""
        ids = np.frombuffer(self._ids, np.int32) if self._ids else np.zeros(0, np.int32)
        return np.bincount(ids, minlength=size)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; the table of words has further ones."""
        arrays = (
            self._ids,
            self._ends,
            self._segments,
            self._words,
            self._starts,
            self._start_ends,
        )
        own = sum(len(column) * column.itemsize for column in arrays)
        return own if self.second is None else own + self.second.nbytes
