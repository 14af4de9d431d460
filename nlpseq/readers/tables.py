"""Rows become an Arrow table; a large one goes to a file that is mapped into memory."""

import mmap
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.errors import UserError
from nlpseq.files import disk
from nlpseq.readers.reader import Columns
from nlpseq.readers.span_forms import as_span_column
from nlpseq.wording import abbreviate, shorten

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 10_000
"""Rows that are converted to Arrow at a time."""
IN_MEMORY = 64 << 20
"""Bytes of a table that are held in memory; when there are more, they are written to a file."""


class TableWriter:
    """A table that grows by chunks of rows; beyond `IN_MEMORY` bytes it is on disk.

    Each chunk has types of its own, which are made one at the end: integers and decimals become decimals.

    Attributes:
        left_out: columns that nobody reads and that no table can hold.
    """

    def __init__(self, file: Path, wanted: Iterable[str] = ()) -> None:
        """Start an empty table.

        Args:
            file: source of the rows, for messages.
            wanted: columns that are read; faults of others are no errors. (): all are read.
        """
        self.file = file
        self.left_out: list[str] = []
        self._wanted = {name.partition(".")[0] for name in wanted} | set(wanted)
        self._tables: list[pa.Table] = []
        self._parts: list[pa.Table] = []  # mapped into memory

    def append(self, columns: Columns, numbers: Sequence[int] = ()) -> None:
        """Add rows.

        Args:
            columns: values by the name of the column.
            numbers: the lines that the rows begin at, for messages.

        Raises:
            UserError: a column mixes types, or has a value that no table can hold.
        """
        import pyarrow as pa  # late: recipes import this package for the names of formats

        arrays = {}
        for name, values in columns.items():
            try:
                arrays[name] = pa.array(as_span_column(values))
            except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
                self._leave_out(name, _explain(values, numbers, error))
        try:
            self.append_table(pa.table(arrays))
        except UnicodeEncodeError as error:
            raise UserError(f"{self.file}: the name of a column is not text: {error}") from error

    def append_table(self, table: "pa.Table") -> None:
        """Add the rows of a table."""
        self._tables.append(table)
        if sum(table.nbytes for table in self._tables) >= IN_MEMORY:
            self._parts.append(_on_disk(self._unify(self._tables)))
            self._tables = []

    def finish(self) -> "pa.Table":
        """Return the whole table.

        Raises:
            UserError: there is no row, or types of a column do not fit together.
        """
        tables = [*self._parts, *self._tables]
        if not any(len(table) for table in tables):
            raise UserError(f"{self.file}: the file holds no example")
        return self._unify(tables)

    def _leave_out(self, name: str, reason: str) -> None:
        if not self._wanted or name in self._wanted:
            raise UserError(f"{self.file}: column {name} {reason}")
        if name not in self.left_out:
            self.left_out.append(name)

    def _unify(self, tables: list["pa.Table"]) -> "pa.Table":
        """Return tables as one; a column that one of them lacks is null there."""
        import pyarrow as pa

        for name in dict.fromkeys(name for table in tables for name in table.column_names):
            fields = [t.schema.field(name) for t in tables if name in t.column_names]
            try:
                pa.unify_schemas([pa.schema([f]) for f in fields], promote_options="permissive")
            except pa.ArrowException:
                types = " and ".join(dict.fromkeys(str(field.type) for field in fields))
                self._leave_out(name, f"mixes types of values: {types}")
        kept = [
            table.drop_columns([name for name in self.left_out if name in table.column_names])
            for table in tables
        ]
        return pa.concat_tables(kept, promote_options="permissive")


def _on_disk(table: "pa.Table") -> "pa.Table":
    """Write a table to a file and return it mapped into memory; the file has no name, so no kill leaves it behind."""
    import pyarrow as pa

    folder = _scratch()
    if os.name == "posix":
        with disk(folder), tempfile.TemporaryFile(dir=folder) as unnamed:
            with pa.ipc.new_file(unnamed, table.schema) as writer:
                writer.write_table(table, max_chunksize=CHUNK)
            unnamed.flush()
            mapped = mmap.mmap(unnamed.fileno(), 0, access=mmap.ACCESS_READ)
        return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
    with disk(folder):
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".arrow", delete=False) as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=CHUNK)
        try:
            return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
        finally:
            with suppress(PermissionError):  # Windows keeps the names of files that are in use
                Path(file.name).unlink()


def _scratch() -> Path:
    """Return the folder for large tables: the cache of `datasets`, which is on a disk of the user's choice."""
    from datasets import config

    try:
        folder = Path(config.HF_DATASETS_CACHE)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.gettempdir())


def _explain(values: Sequence[Any], numbers: Sequence[int], error: Exception) -> str:
    """Return why values are no column, with the first line whose type is another one."""
    kinds: dict[str, int] = {}  # name of a type -> first row
    for row, value in enumerate(values):
        if value is not None:
            kinds.setdefault(type(value).__name__, row)

    def where(row: int) -> str:
        return f"line {numbers[row]}" if numbers else f"row {row + 1}"

    misfit = next((row for row, value in enumerate(values) if not _fits(value)), None)
    if misfit is not None:
        value = abbreviate(values[misfit], 60)
        return f"has a value that no table can hold in {where(misfit)}, {value}: {shorten(str(error), 200)}"
    if len(kinds) < 2:
        return f"mixes types of values: {shorten(' '.join(str(error).split()), 200)}"
    first = [f"{kind} in {where(row)}" for kind, row in list(kinds.items())[:2]]
    return f"mixes types of values: {' and '.join(first)}"


def _fits(value: Any) -> bool:
    """Return whether Arrow can hold a value by itself."""
    import pyarrow as pa

    try:
        pa.array([value])
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return False
    return True
