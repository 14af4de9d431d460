"""Parquet and Arrow: files, and folders that `datasets` saved; columns that nobody reads are not touched."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.errors import UserError
from nlpseq.readers.compression import compression_of, open_bytes
from nlpseq.readers.reader import FileContent, Reader, ReadOptions
from nlpseq.readers.tables import TableWriter
from nlpseq.wording import shorten

if TYPE_CHECKING:
    import pyarrow as pa

_DEFAULTS = ReadOptions()
ROWS = 1 << 16
"""Rows of a Parquet file that are decoded at a time."""
ARROW_MAGIC = b"ARROW1"
STATE = "state.json"
"""A file of every folder that `Dataset.save_to_disk` writes."""
DATASET_DICT = "dataset_dict.json"


def read_parquet(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read the columns of a Parquet file that the task reads, and all other simple ones."""
    import pyarrow as pa  # late: recipes import this package for the names of formats
    from pyarrow import parquet

    writer = TableWriter(file, options.columns)
    row = 0
    # Not mapped into memory: a file that is cut short meanwhile would end the process.
    with damage(file, "Parquet"), parquet.ParquetFile(source_of(file)) as content:
        schema = content.schema_arrow
        names = _kept(file, schema, options.columns)
        for batch in content.iter_batches(batch_size=ROWS, columns=names):
            check_values(file, batch, row)
            writer.append_table(_plain(pa.Table.from_batches([batch])))
            row += len(batch)
    return FileContent(writer.finish().replace_schema_metadata(schema.metadata))


def read_arrow(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Map an Arrow file or stream into memory, or the files of a folder of `Dataset.save_to_disk`."""
    if (file / DATASET_DICT).is_file():
        raise dataset_dict_error(file)
    with damage(file, "Arrow"):
        table = _read_saved(file) if file.is_dir() else _map_file(file)
        if not len(table):
            raise UserError(f"{file}: the file holds no example")
        kept = table.select(_kept(file, table.schema, options.columns))
        check_values(file, kept)
        return FileContent(_plain(kept))


@contextmanager
def damage(file: Path, format: str) -> Iterator[None]:
    """Turn an error of pyarrow into one line.

    Args:
        file: that is read.
        format: `Parquet` or `Arrow`.

    Raises:
        UserError: the file is damaged, not in this format, or cannot be read.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        reason = shorten(" ".join(str(error).split()), 300)
        article = "an" if format[0] in "AEIOU" else "a"
        raise UserError(f"{file}: not {article} {format} file, or damaged: {reason}") from error


def check_values(file: Path, rows: "pa.Table | pa.RecordBatch", before: int = 0) -> None:
    """Check that texts are UTF-8 and lists end inside the file, which Arrow takes on trust.

    Args:
        file: for the message.
        rows: that were read.
        before: rows of the file before them.

    Raises:
        UserError: a column is damaged; the message names the row.
    """
    import pyarrow as pa

    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowException as error:
            first, last = 0, len(column)  # the damage lies in rows [first, last)
            while last - first > 1:
                middle = (first + last) // 2
                first, last = (
                    (first, middle) if _is_damaged(column, first, middle) else (middle, last)
                )
            reason = shorten(" ".join(str(error).split()), 200)
            raise UserError(
                f"{file}, row {before + first + 1}: column {shorten(name, 60)!r} is damaged: {reason}"
            ) from error


def _is_damaged(column: Any, first: int, last: int) -> bool:
    import pyarrow as pa

    try:
        column.slice(first, last - first).validate(full=True)
    except pa.ArrowException:
        return True
    return False


def dataset_dict_error(folder: Path) -> UserError:
    """Return the error for a folder of several splits where one is read."""
    splits = ", ".join(sorted(part.name for part in folder.iterdir() if part.is_dir()))
    return UserError(
        f"{folder}: a DatasetDict; name its splits: "
        f'data.files={{train="{folder.name}/train"}}; it has {splits}'
    )


def column_names_of(file: Path) -> tuple[str, ...]:
    """Return the names of the columns of a Parquet or Arrow file or folder that are read; of a struct, its fields.

    Raises:
        UserError: the file is damaged.
    """
    from pyarrow import parquet, types

    with damage(file, "Parquet or Arrow"):
        schema = _read_saved(file).schema if file.is_dir() else _schema_of(file, parquet)
    names = []
    for field in schema:
        if types.is_struct(field.type):
            inner = (field.type.field(index).name for index in range(field.type.num_fields))
            names += [f"{field.name}.{name}" for name in inner]
        elif _is_readable(field.type):
            names.append(field.name)
    return tuple(names)


def _schema_of(file: Path, parquet: Any) -> "pa.Schema":
    import pyarrow as pa

    try:
        return parquet.read_schema(source_of(file))
    except pa.ArrowInvalid:
        return _map_file(file).schema


def source_of(file: Path) -> Any:
    """Return what pyarrow reads: the path, or the bytes of a compressed file."""
    if not compression_of(file) and file.is_file():
        return str(file)
    import pyarrow as pa

    with open_bytes(file) as stream:
        return pa.BufferReader(stream.read())


def _map_file(file: Path) -> "pa.Table":
    import pyarrow as pa

    source = source_of(file)
    mapped = pa.memory_map(source) if isinstance(source, str) else source
    start = mapped.read(len(ARROW_MAGIC))
    mapped.seek(0)
    opened = pa.ipc.open_file if start == ARROW_MAGIC else pa.ipc.open_stream
    return opened(mapped).read_all()


def _read_saved(folder: Path) -> "pa.Table":
    """Read a folder of `save_to_disk`; its rows may be a selection of those in its files."""
    import datasets

    if not (folder / STATE).is_file():
        raise ValueError(f"a folder without {STATE}, which Dataset.save_to_disk writes")
    rows = datasets.load_from_disk(str(folder))
    return (rows.flatten_indices() if rows._indices is not None else rows).data.table


def _kept(file: Path, schema: "pa.Schema", wanted: Sequence[str]) -> list[str]:
    """Return the columns to read: those of the task, and others that hold simple values.

    Raises:
        UserError: two columns that the task reads share a name, or one has a type that is not read.
    """
    names = list(schema.names)
    needed = {name if name in names else name.partition(".")[0] for name in wanted}
    kept = []
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            if not wanted or name in needed:
                raise UserError(f"{file}: several columns are named {name!r}")
            continue
        kind = schema.field(name).type
        if name in needed and not _is_readable(kind):
            raise UserError(f"{file}: column {name!r} holds {kind}, which is not read")
        if name in needed or _is_simple(kind) or (not wanted and _is_readable(kind)):
            kept.append(name)
    return kept


def _is_simple(kind: "pa.DataType") -> bool:
    """Return whether a type is text, a number, yes or no, or a time."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_timestamp(kind)
        or types.is_date(kind)
    )


def _is_readable(kind: "pa.DataType") -> bool:
    """Return whether a type is simple, null, or made of such by lists and structs."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_readable(kind.value_type)
    if types.is_struct(kind):
        return all(_is_readable(kind.field(index).type) for index in range(kind.num_fields))
    return _is_simple(kind) or types.is_null(kind)


def _plain(table: "pa.Table") -> "pa.Table":
    """Return a table with categories as their values; `datasets` has no type for dictionaries."""
    import pyarrow as pa

    fields = [pa.field(f.name, _plain_type(f.type), f.nullable) for f in table.schema]
    schema = pa.schema(fields, table.schema.metadata)
    return table if schema.equals(table.schema) else table.cast(schema)


def _plain_type(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_string_view(kind):
        return pa.string()
    if types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def shards(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Yield the files in a folder with one of some endings, sorted by name."""
    for file in sorted(folder.iterdir()):
        if file.is_file() and any(ending in suffixes for ending in file.suffixes):
            yield file


READERS = (
    Reader(
        "parquet",
        read_parquet,
        "a row",
        "its own",
        (".parquet",),
        options=("columns",),
    ),
    Reader(
        "arrow",
        read_arrow,
        "a row of an Arrow file, an Arrow stream, or a folder of `Dataset.save_to_disk`",
        "its own",
        (".arrow", ".feather"),
        options=("columns",),
        folders=True,
    ),
)
