"""Data in memory, as users have them in Python, become splits: the argument `data=` of `nlpseq.run` and others.

A table is a pandas or polars DataFrame, a `datasets.Dataset` or `IterableDataset`, a `pyarrow.Table`, a list of
dicts, a dict of columns, or anything that exports an Arrow stream. A `DatasetDict`, or another dict of tables,
has several splits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nlpseq.data.split import Split
from nlpseq.data.stream_cache import is_stream, read_stream
from nlpseq.data.table import Table, is_column, is_from, is_table, kind_of, read_table
from nlpseq.errors import UserError

MEMORY = "memory"
"""The value of `data.source` of a recipe whose data were in memory."""
VALIDATION_NAMES = ("valid", "val", "dev", "development", "eval")
TYPES = (
    "a pandas or polars DataFrame, a datasets.Dataset, DatasetDict or IterableDataset, a pyarrow.Table, a list of "
    "dicts, a dict of columns, a dict of splits with any of these, a path, or the id of a data set of the Hub"
)


@dataclass(frozen=True)
class DataInMemory:
    """Splits in memory, before their columns are renamed to the fields of a task.

    Attributes:
        kind: the user's type, for messages: `pandas.DataFrame`.
        splits: by name.
        unreadable: for each split, columns that cannot be read, with the reason.
        single: one table, which was not called a split by the user.
    """

    kind: str
    splits: Mapping[str, Split]
    unreadable: Mapping[str, Mapping[str, str]]
    single: bool = False

    def read(
        self, fields: Sequence[str], columns: Mapping[str, str | Sequence[str]]
    ) -> dict[str, Split]:
        """Return the splits, after a check that the columns of a task can be read.

        Args:
            fields: of the task.
            columns: `data.columns` of the recipe.

        Raises:
            UserError: a column that the task reads cannot be read; the message says why.
        """
        needed = {*fields, *(name for value in columns.values() for name in _names(value))}
        for name, faults in self.unreadable.items():
            for column in faults:
                if column in needed:
                    raise UserError(
                        f"{self.splits[name].origin}: column {column!r} of the {name} split cannot be read "
                        f"({faults[column]}); make its values of one type, such as texts"
                    )
        return dict(self.splits)

    def placed(self, name: str) -> "DataInMemory":
        """Return a single table as the split of a name; several splits stay as they are."""
        if not self.single or name in self.splits:
            return self
        ((given, split),) = self.splits.items()
        return replace(
            self,
            splits={name: replace(split, name=name)},
            unreadable={name: self.unreadable.get(given, {})},
        )

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprint of each split as it was given: before columns were renamed and rows held out."""
        return {name: split.fingerprint for name, split in self.splits.items()}


LocalData = Path | DataInMemory
"""Data that the user gives beside the recipe: the folder of local files, or data in memory."""


def as_options(local_data: LocalData | None) -> dict[str, Any]:
    """Return local data as the options `data_dir` and `data` of a run."""
    if isinstance(local_data, DataInMemory):
        return {"data": local_data}
    return {"data_dir": local_data}


def is_in_memory(data: object) -> bool:
    """Return whether data are in memory, and not a path or the id of a data set."""
    return not isinstance(data, str | Path)


def read_in_memory(data: object) -> DataInMemory:
    """Read data in memory.

    A table without a name is the train split. `dev`, `val` and `valid` are called `validation`.

    Raises:
        UserError: the data are of another type, empty or contradictory; one line says what to give.
    """
    if isinstance(data, DataInMemory):
        return data
    if is_table(data) or is_stream(data):
        return _build({"train": _read(data, "data")}, kind_of(data), single=True)
    if isinstance(data, Mapping) and data:
        tables = {}
        for name, table in data.items():
            if not (isinstance(name, str) and name) or not (is_table(table) or is_stream(table)):
                raise UserError(_no_split(data, name, table))
            tables[name] = _read(table, f"data[{name!r}]")
        return _build(_with_validation(tables), _kind_of_splits(data))
    raise UserError(_no_data(data))


def _read(table: object, where: str) -> Table:
    return read_table(table, where) if is_table(table) else read_stream(table, where)


def _build(tables: Mapping[str, Table], kind: str, *, single: bool = False) -> DataInMemory:
    origin = f"data in memory ({kind})"
    splits = {}
    for name, table in tables.items():
        split = Split(name, table.rows, origin)
        if table.note:
            split = split.with_note(table.note)
        if table.unreadable:
            names = ", ".join(map(repr, table.unreadable))
            split = split.with_note(f"columns left out, which no table of Arrow can hold: {names}")
        splits[name] = split
    unreadable = {name: table.unreadable for name, table in tables.items() if table.unreadable}
    return DataInMemory(kind, splits, unreadable, single)


def _with_validation(tables: dict[str, Table]) -> dict[str, Table]:
    """Call the validation split `validation`, if it has one of the other usual names."""
    others = [name for name in VALIDATION_NAMES if name in tables]
    if "validation" in tables or len(others) != 1:
        return tables
    renamed = {}
    for name, table in tables.items():
        if name == others[0]:
            note = "; ".join(part for part in (table.note, f"called {name} in the data") if part)
            name, table = "validation", replace(table, note=note)
        renamed[name] = table
    return renamed


def _kind_of_splits(data: Mapping[Any, Any]) -> str:
    if kind_of(data) != "dict":
        return kind_of(data)
    kinds = dict.fromkeys(kind_of(table) for table in data.values())
    return f"dict of {' and '.join(kinds)}"


def _names(columns: str | Sequence[str]) -> Sequence[str]:
    return [columns] if isinstance(columns, str) else columns


def _no_split(data: Mapping[Any, Any], name: object, table: object) -> str:
    """Return the message about a dict that is neither of splits nor of columns."""
    if any(map(is_column, data.values())):
        other = next((key for key, value in data.items() if not is_column(value)), name)
        return (
            f"data: a dict of columns has a list, array or Series for each name, but {other!r}: "
            f"{data[other]!r:.60}"
        )
    return f"data[{name!r}]: {table!r:.60} is no table; give {TYPES}"


def _no_data(data: object) -> str:
    if isinstance(data, list | tuple) and not data:
        return "data: the list is empty"
    if isinstance(data, list | tuple) and all(isinstance(row, str) for row in data):
        return f"data: a list of texts; give their column a name, data={{'text': [{data[0]!r:.40}, ...]}}"
    if is_column(data) and not isinstance(data, list | tuple):
        return f"data: a {kind_of(data)} is one column; give a table, such as a DataFrame, or data={{'text': ...}}"
    if is_from(data, "torch.utils.data", "Dataset"):
        return f"data: a {kind_of(data)} has no columns; give {TYPES}"
    return f"data={data!r:.60}: give {TYPES}"
