"""The table of all readers, and the one function that reads the local files of a split."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nlpseq.errors import UserError
from nlpseq.readers import (
    arrow_files,
    conll,
    conllu,
    delimited,
    json_files,
    spans,
    spreadsheets,
    text,
    trees,
)
from nlpseq.readers.arrow_files import DATASET_DICT, STATE, shards
from nlpseq.readers.compression import SUFFIXES
from nlpseq.readers.detect import detect
from nlpseq.readers.local_files import find_files
from nlpseq.readers.reader import AUTO, Columns, FileContent, Reader, ReadOptions
from nlpseq.readers.tables import TableWriter

if TYPE_CHECKING:
    import pyarrow as pa

_DEFAULTS = ReadOptions()
_FAMILIES = (text, delimited, json_files, arrow_files, spreadsheets, conll, conllu, trees, spans)
READERS: dict[str, Reader] = {
    reader.name: reader for family in _FAMILIES for reader in family.READERS
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


def read_files(
    data_dir: Path, names: str, format: str, options: ReadOptions = _DEFAULTS
) -> LocalTable:
    """Read the file (or files) that `data.files` names for one split.

    Args:
        data_dir: folder of the files, which may be in a subfolder or compressed.
        names: name of the file; several with commas between them where the reader takes `several`; a name
            with `*`, or a folder, stands for several files whose rows are read one after the other.
        format: one of `READERS`.
        options: of the recipe.

    Raises:
        UserError: the file is missing, damaged or not in this format; file and line are named.
    """
    reader = READERS[format]
    if reader.several:
        files = [file for part in names.split(",") for file in find_files(data_dir, part.strip())]
        contents = [_read(reader, files, options)]
    else:
        files = _expand(find_files(data_dir, names), reader)
        contents = [_read(reader, [file], options) for file in files]
    notes = dict.fromkeys(content.note for content in contents if content.note)
    names_only = tuple(file.name for file in files)
    origin = ", ".join(map(str, files if len(files) < 4 else [files[0], "...", files[-1]]))
    return LocalTable(_to_table(files, contents), origin, "; ".join(notes), names_only)


def _expand(paths: Sequence[Path], reader: Reader) -> list[Path]:
    """Return the files to read one after the other: a folder's files, unless the reader reads folders."""
    files: list[Path] = []
    for path in paths:
        saved = any((path / name).is_file() for name in (STATE, DATASET_DICT))
        if not path.is_dir() or (reader.folders and saved):
            files.append(path)
            continue
        suffixes = reader.suffixes or [end for known in READERS.values() for end in known.suffixes]
        inside = list(shards(path, suffixes))
        if not inside:
            endings = " or ".join(reader.suffixes) or "a known ending"
            raise UserError(f"{path}: a folder without files that end in {endings}")
        files += inside
    return files


def _read_detected(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read a file in the format that its name and its content show."""
    given = {
        key: value
        for key in ("encoding", "delimiter", "header")
        if (value := getattr(options, key)) != AUTO
    }
    detected = detect(file, **given)
    reader = READERS[detected.format]
    settled = replace(
        options,
        encoding=detected.options.get("encoding", options.encoding),
        delimiter=detected.options.get("delimiter", options.delimiter),
    )
    content = reader.read(file, options=settled)
    said = [f"format {detected.format} (data.format changes this)", *detected.guesses, content.note]
    return FileContent(content.columns, "; ".join(filter(None, said)))


register(
    Reader(
        AUTO,
        _read_detected,
        "as its name and its content show: all formats of one file below, except label_text and text",
        "those of the format",
        options=("encoding", "delimiter", "header", "columns"),
        folders=True,
    )
)


def _read(reader: Reader, files: Sequence[Path], options: ReadOptions) -> FileContent:
    try:
        return reader.read(*files, options=options) if reader.options else reader.read(*files)
    except UserError as error:
        if hint := _format_hint(files[0], reader):
            raise UserError(f"{error}{hint}") from error
        raise


def _format_hint(file: Path, reader: Reader) -> str:
    """Suggest the format that a file's suffix stands for, if it is not the one in use."""
    suffix = file.with_suffix("").suffix if file.suffix in SUFFIXES else file.suffix
    usual = next((name for name, other in READERS.items() if suffix in other.suffixes), None)
    if usual is None or suffix in reader.suffixes or reader.name == AUTO:
        return ""
    return f"; it was read with data.format={reader.name}, try {usual} for {suffix} files"


def _to_table(files: Sequence[Path], contents: Sequence[FileContent]) -> "pa.Table":
    """Return the rows of all files as one table."""
    tables = []
    for file, content in zip(files, contents, strict=False):
        columns: Columns | pa.Table = content.columns
        if isinstance(columns, dict):
            writer = TableWriter(file)
            if any(columns.values()):
                writer.append(columns)
            columns = writer.finish()
        tables.append(columns)
    if len(tables) == 1:
        return tables[0]
    writer = TableWriter(files[0].parent)
    for table in tables:
        writer.append_table(table)
    return writer.finish()
