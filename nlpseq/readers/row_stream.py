"""Rows of a file one after the other with all their columns, in bounded memory.

Unlike `read_files`, which makes a table for training, this keeps what nobody reads; the file may be larger than
memory.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.errors import UserError
from nlpseq.readers.arrow_files import check_values, damage, source_of
from nlpseq.readers.compression import inner_name
from nlpseq.readers.delimited import Records, is_quoted
from nlpseq.readers.detect import Detected, detect
from nlpseq.readers.dialect import NAMES, sample_records, settle_header
from nlpseq.readers.encodings import UTF_8
from nlpseq.readers.json_files import parse_lines
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import AUTO, DELIMITERS, ReadOptions
from nlpseq.readers.registry import READERS, read_files

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
NumberedRow = tuple[int, Row]
BATCH = 4096
"""Rows of Parquet and Arrow that become Python objects at a time."""
_DEFAULTS = ReadOptions()
_SUFFIXES = {
    **{suffix: reader.name for reader in READERS.values() for suffix in reader.suffixes},
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".bioes"), "conll"),
    **dict.fromkeys((".conllu", ".conllup"), "conllu"),
}


@dataclass(frozen=True)
class RowStream:
    """The rows of a file, which can be read several times.

    Attributes:
        file: path of the file.
        format: name of its reader.
        columns: names of the columns; of JSON lines those of the first rows.
        read: yields each row with its number.
        unit: what the numbers count: `line` or `row`.
        notes: what was assumed.
        delimiter: between fields; '' where the format has none.
        quoted: quotation marks around fields belong to the format.
        header: the first line names the columns.
        schema: types of the columns; None for text, and for JSON lines.
        skipped: numbers of empty lines between rows, known when all rows have been read.
    """

    file: Path
    format: str
    columns: tuple[str, ...]
    read: Callable[[], Iterator[NumberedRow]]
    unit: str = "line"
    notes: tuple[str, ...] = ()
    delimiter: str = ""
    quoted: bool = True
    header: bool = True
    schema: "pa.Schema | None" = None
    skipped: list[int] = field(default_factory=list)

    def where(self, number: int) -> str:
        """Return the name of a row for messages: `tickets.csv, line 3`."""
        return f"{self.file}, {self.unit} {number}"


def format_by_suffix(file: Path) -> str:
    """Return the format that the ending of a file stands for, also before that of a compression; '' for others."""
    return _SUFFIXES.get(Path(inner_name(file)).suffix.lower(), "")


def open_rows(file: Path, format: str = AUTO, options: ReadOptions = _DEFAULTS) -> RowStream:
    """Open a file as a stream of rows.

    Args:
        file: may be compressed.
        format: name of a reader; `auto`: as the ending says, else as the content shows.
        options: those that the user sets; `named`: columns that the first line has if it is a header.

    Raises:
        UserError: the file is missing, empty, damaged or not in this format.
    """
    if not file.exists() and not any(parent.is_file() for parent in file.parents):
        raise UserError(f"{file}: no such file")
    format = format if format != AUTO else format_by_suffix(file) or AUTO
    if format == "parquet":
        return _parquet_rows(file)
    given = {
        key: value
        for key in ("encoding", "delimiter", "header")
        if (value := getattr(options, key)) != AUTO
    }
    if format in ("csv", "tsv"):
        given["format"] = "delimited"
        if format == "tsv":
            given.setdefault("delimiter", "tab")
        return _delimited_rows(file, detect(file, **given), options, format)
    if format == "jsonl":
        return _json_rows(file, detect(file, **given, format="jsonl"))
    detected = detect(file, **given) if format == AUTO else Detected(format)
    if detected.format in ("csv", "tsv"):
        return _delimited_rows(file, detected, options, "")
    if detected.format == "jsonl":
        return _json_rows(file, detected)
    if detected.format == "parquet":
        return _parquet_rows(file)
    return _table_rows(file, detected.format, options)


def _named_fields(
    file: Path,
    source: Iterable[tuple[int, list[str]]],
    names: Sequence[str],
    *,
    header: bool,
    quoted: bool,
    skipped: list[int],
) -> Iterator[NumberedRow]:
    """Yield records as rows; `skipped` gets the numbers of the empty lines that a record follows."""
    begun = not header
    empty: list[int] = []
    for number, fields in source:
        if not fields or (fields == [""] and not quoted):
            if len(names) > 1 or not begun:
                empty += [number] if begun else []
                continue
            fields = [""]
        elif not begun:
            begun = True
            continue
        if len(fields) != len(names):
            names_or_has = "names" if header else "has"
            raise UserError(
                f"{file}, line {number}: {len(fields)} fields, the first line {names_or_has} "
                f"{len(names)} columns"
            )
        skipped.extend(empty)
        empty = []
        yield number, dict(zip(names, fields, strict=True))


def _delimited_rows(file: Path, detected: Detected, options: ReadOptions, format: str) -> RowStream:
    """Return the records of a CSV or TSV file; an empty line is a record if there is one column alone."""
    text = TextFile(file, detected.encoding if detected.encoding != UTF_8 else AUTO)
    delimiter = DELIMITERS.get(detected.delimiter, detected.delimiter)
    tabs = delimiter == "\t" and (format == "tsv" or options.delimiter == AUTO)
    quoted = is_quoted(text) if tabs else format != "tsv"
    records = _first_records(text, delimiter, quoted=quoted)
    first = records[0] if records else [""]
    header, _ = settle_header(records, options)
    given = [name.strip() for name in first]
    names = _distinct(given) if header else [str(n + 1) for n in range(len(first))]
    skipped: list[int] = []

    def read() -> Iterator[NumberedRow]:
        skipped.clear()
        source = (
            Records(text, delimiter, keep_empty=True)
            if quoted
            else ((number, line.split(delimiter)) for number, line in enumerate(text.lines(), 1))
        )
        yield from _named_fields(file, source, names, header=header, quoted=quoted, skipped=skipped)

    known = NAMES | {name.lower() for name in options.named}
    notes = _notes(detected, header, names, known=known if options.header == AUTO else None)
    if header and (changed := _renamed(given, names)):
        notes = (*notes, changed)
    return RowStream(
        file,
        "csv" if quoted else "tsv",
        tuple(names),
        read,
        notes=notes,
        delimiter=delimiter,
        quoted=quoted,
        header=header,
        skipped=skipped,
    )


def _first_records(text: TextFile, delimiter: str, *, quoted: bool) -> list[list[str]]:
    if quoted:
        return sample_records(text.sample, delimiter, complete=text.complete)
    lines = text.sample.splitlines()[: None if text.complete else -1]
    return [line.split(delimiter) for line in lines if line]


def _notes(
    detected: Detected, header: bool, names: Sequence[str], *, known: Set[str] | None
) -> tuple[str, ...]:
    """Return what was assumed and is not usual: encoding, delimiter, a first line of data or of unknown names."""
    notes = [note for note in detected.guesses if "tab" not in note]
    if known is None:
        return tuple(notes)
    if not header:
        notes.append(
            f"no header, the first line is data: columns 1 to {len(names)} (data.header=true changes this)"
        )
    elif not {name.lower() for name in names} & known:
        notes.append(
            f"the first line names the columns: {', '.join(names)} (data.header=false changes this)"
        )
    return tuple(notes)


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names of columns in which a second `x` is `x_2`."""
    distinct: list[str] = []
    for name in names:
        number, new = 1, name
        while new in distinct:
            number += 1
            new = f"{name}_{number}"
        distinct.append(new)
    return distinct


def _renamed(given: Sequence[str], names: Sequence[str]) -> str:
    """Return a sentence on columns that have one name in the file; '' if there are none."""
    new = [name for before, name in zip(given, names, strict=True) if before != name]
    return (
        f"several columns have one name: the further ones are called {', '.join(new)}"
        if new
        else ""
    )


def _json_rows(file: Path, detected: Detected) -> RowStream:
    text = TextFile(file, detected.encoding if detected.encoding != UTF_8 else AUTO)
    names = dict.fromkeys(
        re.sub(r"\..*", "", name) if name.partition(".")[0] else name for name in detected.columns
    )
    skipped: list[int] = []

    def read() -> Iterator[NumberedRow]:
        skipped.clear()
        yield from parse_lines(file, text, skipped)

    return RowStream(file, "jsonl", tuple(names), read, notes=detected.guesses, skipped=skipped)


def _parquet_rows(file: Path) -> RowStream:
    from pyarrow import parquet  # late: recipes import this package for the names of formats

    with damage(file, "Parquet"):
        schema = parquet.read_schema(source_of(file))
    _check_distinct(file, schema.names)

    def read() -> Iterator[NumberedRow]:
        number = 0
        with damage(file, "Parquet"), parquet.ParquetFile(source_of(file)) as content:
            for batch in content.iter_batches(batch_size=BATCH):
                check_values(file, batch, number)
                for row in batch.to_pylist():
                    number += 1
                    yield number, row

    return RowStream(file, "parquet", tuple(schema.names), read, "row", schema=schema)


def _table_rows(file: Path, format: str, options: ReadOptions) -> RowStream:
    """Return the rows of a file that its reader makes a table of, in memory or mapped from a file."""
    local = read_files(file.parent, file.name, format, options)
    _check_distinct(file, local.table.column_names)

    def read() -> Iterator[NumberedRow]:
        number = 0
        for batch in local.table.to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                number += 1
                yield number, row

    notes = (f"format {format} (data.format changes this)", *([local.note] if local.note else []))
    schema = local.table.schema
    return RowStream(file, format, tuple(schema.names), read, "row", notes, schema=schema)


def _check_distinct(file: Path, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{file}: several columns are named {twice!r}; rename one of them")
