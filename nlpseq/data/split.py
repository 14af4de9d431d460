"""A named part of a data set: its rows, their origin, and access to single columns."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nlpseq.data.labels import ROWS_AT_ONCE as ROWS_AT_ONCE
from nlpseq.data.labels import read_labels
from nlpseq.errors import UserError
from nlpseq.stored_files import check_name

if TYPE_CHECKING:
    from datasets import Dataset


class _Column(Sequence[Any]):
    """One column; iterating over it reads many rows at a time, which is 20 times faster."""

    def __init__(self, rows: "Dataset", name: str) -> None:
        self._rows, self._name = rows, name

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[self._name][index]

    def __iter__(self) -> Iterator[Any]:
        for begin in range(0, len(self), ROWS_AT_ONCE):
            yield from self[begin : begin + ROWS_AT_ONCE]


@dataclass(frozen=True)
class Split:
    """A named part of a data set.

    Attributes:
        name: train, validation, test or another.
        rows: the examples.
        origin: source of the rows, for messages.
        note: what was left out or added when the rows were read, and how the split was drawn.
        files: names of the local files that the rows come from.
        names: names that renamed columns have in the data, for messages.
        labelled: False if it has no labels or hidden ones, so that the split cannot be scored.
        spellings: class of train for each label that is spelled otherwise.
    """

    name: str
    rows: "Dataset"
    origin: str
    note: str = ""
    files: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    labelled: bool = True
    spellings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, f"{self.origin}: split")  # which becomes that of files

    def with_note(self, note: str) -> "Split":
        """Return the split with a further note."""
        return replace(self, note="; ".join(part for part in (self.note, note) if part))

    def __len__(self) -> int:
        return len(self.rows)

    def name_of(self, column: str) -> str:
        """Return the name that a column has in the data."""
        return self.names.get(column, column)

    def column(self, name: str) -> Sequence[Any]:
        """Return a column, which is read from disk on access only.

        Raises:
            UserError: there is no such column; the message lists the columns.
        """
        if name not in self.rows.column_names:
            raise missing_column_error(name, self)
        return _Column(self.rows, name)

    def texts(self, name: str) -> Sequence[str]:
        """Return a column of texts.

        Raises:
            UserError: there is no such column, it does not hold text, or a row has no value.
        """
        values = self.column(name)
        kind = getattr(self.rows.features[name], "dtype", "lists")
        if len(self) and kind not in ("string", "large_string"):
            raise UserError(
                f"{self.origin}: column {self.name_of(name)!r} of the {self.name} split holds {kind}, not text"
            )
        self._check_complete(name)
        return values

    def labels(self, name: str, known: Collection[str] = ()) -> list[str]:
        """Return a column of labels as text; a `ClassLabel` of `datasets` is given by its names.

        Args:
            name: of the column.
            known: labels in spite of their spelling, such as `null`.

        Raises:
            UserError: there is no such column, it holds lists, or a row has no label.
        """
        labels = self.optional_labels(name, known)
        for row, label in enumerate(labels, start=1):
            if label is None:
                raise self.missing_label_error(name, row)
        return [str(label) for label in labels]

    def optional_labels(self, name: str, known: Collection[str] = ()) -> list[str | None]:
        """Return a column of labels as text, None where a row has no label; errors as of `labels`."""
        if name not in self.rows.column_names:
            raise missing_column_error(name, self)
        try:
            labels = read_labels(self.rows, name, known)
        except ValueError as error:
            raise UserError(
                f"{self.origin}: column {self.name_of(name)!r} of the {self.name} split {error}"
            ) from error
        if not self.spellings:
            return labels
        return [None if label is None else self.spellings.get(label, label) for label in labels]

    def missing_label_error(self, name: str, row: int) -> UserError:
        """Return the error for a row without a label."""
        value = self.rows[name][row - 1] if row <= len(self) else None
        spelled = isinstance(value, str) and value.strip() != ""
        what = f"{value!r} stands for none" if spelled else "empty, NaN or null"
        named = f"; if it is a class, name it in data.labels: {{{value!r} = {value!r}, ...}}"
        return UserError(
            f"{self.origin}: row {row} of the {self.name} split has no {self.name_of(name)!r} ({what}); "
            'fill it in, or leave such rows out with data.missing_labels="skip"'
            f"{named if spelled else ''}"
        )

    def _check_complete(self, name: str) -> None:
        if not self.rows.data.column(name).null_count:
            return
        for row, value in enumerate(self.column(name), start=1):
            if value is None:
                raise UserError(
                    f"{self.origin}: row {row} of the {self.name} split has no {self.name_of(name)!r}"
                )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content: column names, and all values in order."""
        digest = hashlib.sha256()
        for rows in self.rows.iter(ROWS_AT_ONCE):
            digest.update(json.dumps(rows, sort_keys=True, default=str).encode())
        return digest.hexdigest()


def missing_column_error(column: str, split: Split) -> UserError:
    """Return an error that lists the columns of a split."""
    names = split.rows.column_names
    present = ", ".join(name if name == name.strip() and name else repr(name) for name in names)
    return UserError(
        f"{split.origin}: the {split.name} split has no column {column!r}, it has {present}; "
        "data.columns maps a task's field to a column"
    )
