"""CSV and TSV: records whose fields a character separates, with names of columns in the first line or without."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.dialect import (
    excel_delimiter,
    guess_dialect,
    index_of_number,
    is_number,
    name_of_delimiter,
    sample_records,
    settle_header,
)
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import AUTO, DELIMITERS, FileContent, Reader, ReadOptions
from nlpseq.readers.tables import CHUNK, TableWriter
from nlpseq.wording import format_count

LONG_RECORD = 100
"""Lines from which a record is noted: its quotation mark may not be closed."""

_DEFAULTS = ReadOptions()
Record = tuple[int, list[str]]
"""The line that a record begins at, and its fields."""


def read_csv(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read records with quotation: double quotes enclose a field with a delimiter or a newline."""
    text = TextFile(file, options.encoding)
    dialect = guess_dialect(text.sample, options, complete=text.complete)
    records = Records(text, dialect.delimiter)
    return collect(file, records, dialect.header, options, [text.note, dialect.note], records.notes)


def read_tsv(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read lines without quotation: a quotation mark is text."""
    text = TextFile(file, options.encoding)
    delimiter = DELIMITERS.get(options.delimiter, options.delimiter)
    delimiter = "\t" if delimiter == AUTO else delimiter
    sample = text.sample.splitlines()[: 200 if text.complete else 199]
    rows = [line.split(delimiter) for line in sample if line]
    header, note = settle_header(rows, options)
    records = (
        (number, line.split(delimiter)) for number, line in enumerate(text.lines(), 1) if line
    )
    return collect(file, records, header, options, [text.note, note, _quotation(rows, delimiter)])


def is_quoted(text: TextFile) -> bool:
    """Return whether quotation marks around fields of tab-separated text belong to the format."""
    lines = text.sample.splitlines()[: None if text.complete else -1]
    rows = [line.split("\t") for line in lines if line]
    if _quotation(rows, "\t"):
        return True
    records = sample_records(text.sample, "\t", complete=text.complete)
    regular = len(set(map(len, rows))) == 1
    return not regular and len(records) > 1 and len(set(map(len, records))) == 1


def _quotation(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """Return a sentence if most values of a column are enclosed in quotation marks."""
    for column in zip(*rows[1:], strict=False):
        quoted = sum(len(value) > 1 and value[0] == value[-1] == '"' for value in column)
        if quoted * 2 > len(column):
            name = name_of_delimiter(delimiter)
            return (
                "quotation marks around fields are kept "
                f"(data.format=csv data.delimiter={name} removes them)"
            )
    return ""


class Records:
    """Records of a CSV file with the line that each begins at.

    Attributes:
        notes: what is odd in them, filled while they are read.
    """

    def __init__(self, text: TextFile, delimiter: str, *, keep_empty: bool = False) -> None:
        """Prepare to read a file.

        Args:
            text: the file.
            delimiter: between fields.
            keep_empty: an empty line is a record without fields.
        """
        self.notes: list[str] = []
        self._text, self._delimiter, self._keep_empty = text, delimiter, keep_empty

    def __iter__(self) -> Iterator[Record]:
        csv.field_size_limit(sys.maxsize)  # documents may be longer than the module's 128 KiB
        lines = self._text.records()
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        begin = 1
        try:
            for fields in reader:
                if begin == 1 and excel_delimiter(self._delimiter.join(fields)):
                    begin = reader.line_num + 1
                    continue
                if reader.line_num - begin >= LONG_RECORD and not self.notes:
                    self.notes.append(
                        f"the record in line {begin} has {reader.line_num - begin + 1:,} lines: is a "
                        "quotation mark not closed?"
                    )
                if fields or self._keep_empty:
                    yield begin, fields
                begin = reader.line_num + 1
        except csv.Error as error:
            raise UserError(
                f"{self._text.file}, line {begin}: {error} (read with quotation marks around fields; "
                f"data.format=tsv data.delimiter={name_of_delimiter(self._delimiter)} takes them as text)"
            ) from error


def collect(
    file: Path,
    records: Iterable[Record],
    header: bool,
    options: ReadOptions,
    notes: Sequence[str],
    later: Sequence[str] = (),
) -> FileContent:
    """Collect records into a table of text.

    Args:
        file: source of the records, for messages.
        records: the first one has the names, if there is a header.
        header: names come first.
        options: of the recipe.
        notes: what was assumed.
        later: filled with further notes while records are read.

    Raises:
        UserError: a record has more or fewer fields than the first, or two columns share a name.
    """
    rows = iter(records)
    number, first = next(rows, (1, []))
    names = column_names(file, number, first, header, options.columns)
    source = "names" if header else "has"
    writer = TableWriter(file, options.columns)
    chunk: list[list[str]] = [] if header else [first]

    def flush() -> None:
        values = zip(*chunk, strict=True)
        writer.append({name: list(v) for name, v in zip(names, values, strict=True) if name})
        chunk.clear()

    repeated = 0
    for number, record in rows:
        if header and record == first and len(first) > 1:  # files that were joined
            repeated += 1
            continue
        if len(record) != len(names):
            begin = f"{file}, line {number}: {len(record)} fields"
            raise UserError(f"{begin}, the first line {source} {len(names)} columns")
        chunk.append(record)
        if len(chunk) == CHUNK:
            flush()
    if chunk:
        flush()
    table = writer.finish()
    left_out = format_count(repeated, "line") + " that repeat the header left out"
    said = [*notes, *later, left_out * (repeated > 0)]
    return FileContent(table, "; ".join(note for note in said if note))


def column_names(
    file: Path, line: int, first: Sequence[str], header: bool, wanted: Sequence[str]
) -> list[str]:
    """Return the name of each column; '' for one that is left out, since nobody reads it.

    Numbers are the names where there is no header, or where the task reads a column by its number.
    """
    width = len(first)
    by_number = {
        index_of_number(name, width): name
        for name in wanted
        if is_number(name) and abs(int(name)) <= width and (not header or name not in first)
    }
    if not header:
        return [by_number.get(index, str(index + 1)) for index in range(width)]
    names = list(first)
    names = [name if name in wanted else name.strip() for name in names] if wanted else names
    names = [by_number.get(index, name) for index, name in enumerate(names)]
    for index, name in enumerate(names):
        if name in names[:index]:
            if not wanted or name in wanted:
                raise UserError(
                    f"{file}, line {line}: several columns are named {name!r}; rename one of them, or "
                    f"give its number: data.columns={{FIELD={index + 1}}}"
                )
            names[index] = ""
    return names


READERS = (
    Reader(
        "csv",
        read_csv,
        "a record, with quotation marks around fields where needed; any delimiter, header or not",
        "its own or 1, 2, ...; all of them text",
        (".csv",),
        options=("encoding", "delimiter", "header"),
    ),
    Reader(
        "tsv",
        read_tsv,
        "a line with tabs between its fields, without quotation; header or not",
        "its own or 1, 2, ...; all of them text",
        (".tsv", ".tab"),
        options=("encoding", "delimiter", "header"),
    ),
)
