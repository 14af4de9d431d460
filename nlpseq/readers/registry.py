"""The table of all readers, and the one function that reads the local files of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nlpseq.errors import UserError
from nlpseq.readers import conll, records, text, trees
from nlpseq.readers.local_files import find_file
from nlpseq.readers.reader import Columns, Reader

if TYPE_CHECKING:
    import pyarrow as pa

READERS: dict[str, Reader] = {
    reader.name: reader for family in (text, conll, trees, records) for reader in family.READERS
}


class LocalTable(NamedTuple):
    """The rows of a split: a `table`, its `origin` for people, a `note` on what was skipped, file names."""

    table: "pa.Table"
    origin: str
    note: str = ""
    files: tuple[str, ...] = ()


def register(reader: Reader) -> None:
    """Add a reader to the table, so that `data.format` can name it.

    Raises:
        ValueError: there is another reader of that name.
    """
    if READERS.setdefault(reader.name, reader) is not reader:
        raise ValueError(f"there is a reader called {reader.name!r} already")


def read_files(data_dir: Path, names: str, format: str) -> LocalTable:
    """Read the file (or files) that `data.files` names for one split.

    Args:
        data_dir: folder of the files, which may be in a subfolder or compressed by gzip.
        names: name of the file; several with commas between them where the reader takes `several`.
        format: one of `READERS`.

    Raises:
        UserError: the file is missing, damaged or not in this format; file and line are named.
    """
    reader = READERS[format]
    parts = [part.strip() for part in names.split(",")] if reader.several else [names]
    files = [find_file(data_dir, part) for part in parts]
    try:
        content = reader.read(*files)
    except UserError as error:
        if hint := _format_hint(files[0], reader):
            raise UserError(f"{error}{hint}") from error
        raise
    columns = content.columns
    table = _to_table(files[0], columns) if isinstance(columns, dict) else columns
    names_only = tuple(file.name for file in files)
    return LocalTable(table, ", ".join(map(str, files)), content.note, names_only)


def _format_hint(file: Path, reader: Reader) -> str:
    """Suggest the format that a file's suffix stands for, if it is not the one in use."""
    suffix = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
    usual = next((name for name, other in READERS.items() if suffix in other.suffixes), None)
    if usual is None or suffix in reader.suffixes:
        return ""
    return f"; it was read with data.format={reader.name}, try {usual} for {suffix} files"


def _to_table(file: Path, columns: Columns) -> "pa.Table":
    import pyarrow as pa  # late: recipes import this package for the names of formats

    if not any(columns.values()):
        raise UserError(f"{file}: the file holds no example")
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except pa.ArrowException as error:
            raise UserError(f"{file}: column {name} mixes types of values: {error}") from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise UserError(
                f"{file}: column {name} has a value that no table can hold: {error}"
            ) from error
    return pa.table(arrays)
