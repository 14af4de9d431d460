"""A stream of rows, such as an `IterableDataset`, is written to memory-mapped files and read from there.

Training reads rows in any order and many times, which a stream cannot do. The files are in the cache of `datasets`
(`HF_HOME`), and are deleted when the program ends.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.data.table import Table, columns_of, is_from, kind_of, to_arrow, to_dataset
from nlpseq.errors import UserError
from nlpseq.files import NotWrittenError, check_writable, disk
from nlpseq.temporary_files import folder_until_exit

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 10_000_000
"""Rows after which a stream is refused; one without an end would fill the disk."""
FREE_BYTES = 1_000_000_000
_ROWS_AT_ONCE = 20_000


def is_stream(value: object) -> bool:
    """Return whether a value yields rows and is no table: an `IterableDataset`, a generator, an iterator."""
    return is_from(value, "datasets", "IterableDataset") or isinstance(value, Iterator)


def read_stream(stream: Any, where: str) -> Table:
    """Write the rows of a stream to files, and return them as a table that is mapped into memory.

    Args:
        stream: for which `is_stream` is true.
        where: the argument, for messages.

    Raises:
        UserError: it has no rows or too many, yields something else than dicts, or a column changes its type.
    """
    kind, features = kind_of(stream), None
    if is_from(stream, "datasets", "IterableDataset"):
        stream = stream.with_format(None)
        features = stream.features
    table, unreadable = _cached(_checked(stream, where), where)
    if features is not None and set(features) == set(table.column_names):
        schema = features.arrow_schema  # with the names of classes
        table = table.select(schema.names).cast(schema)
    rows = to_dataset(table, unreadable, where, kind)
    return Table(rows, kind, unreadable, f"{len(rows):,} rows of a stream, written to a cache")


def _checked(stream: Iterable[Any], where: str) -> Iterator[dict[str, Any]]:
    folder = _cache()
    for number, row in enumerate(stream, start=1):
        if not isinstance(row, Mapping):
            raise UserError(f"{where}, row {number:,}: {row!r:.60} is not a dict of columns")
        if number > MOST_ROWS:
            raise UserError(
                f"{where}: more than {MOST_ROWS:,} rows; a stream may have no end: give a part of it, "
                "such as data.take(100_000)"
            )
        if number % _ROWS_AT_ONCE == 1 and shutil.disk_usage(folder).free < FREE_BYTES:
            raise UserError(
                f"{where}: the disk of {folder} is full after {number:,} rows of the stream; give a part of "
                "it, such as data.take(100_000), or set HF_HOME to a folder on another disk"
            )
        yield dict(row)


def _cached(rows: Iterator[dict[str, Any]], where: str) -> tuple["pa.Table", dict[str, str]]:
    """Write so many rows at once to a file each; a column may be empty in some of them."""
    import pyarrow as pa

    folder = folder_until_exit(_cache())
    tables: list[pa.Table] = []
    unreadable: dict[str, str] = {}
    number = 0
    while True:
        try:
            part = list(islice(rows, _ROWS_AT_ONCE))
        except UserError:
            raise
        except Exception as error:  # the stream is code of the user
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            raise UserError(
                f"{where}: the stream fails: {type(error).__name__}: {reason}"
            ) from error
        if not part and tables:
            break
        if not part:
            raise UserError(f"{where}: the stream has no rows")
        number += len(part)
        table, faults = to_arrow(columns_of(part))
        unreadable |= faults
        tables.append(_map(table, folder / f"{len(tables)}.arrow"))
    tables = [table.drop_columns(_present(unreadable, table)) for table in tables]
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise UserError(f"{where}: a column changes its type within the stream: {error}") from error
    return joined, unreadable


def _present(names: Iterable[str], table: "pa.Table") -> list[str]:
    return [name for name in names if name in table.column_names]


def _map(table: "pa.Table", file: Path) -> "pa.Table":
    """Write a table to a file, and map the file into memory."""
    import pyarrow as pa

    with (
        disk(file),
        pa.OSFile(str(file), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()


def _cache() -> Path:
    import datasets

    folder = Path(datasets.config.HF_DATASETS_CACHE) / "nlpseq"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except (OSError, NotWrittenError):
        return Path(tempfile.gettempdir())
    return folder
