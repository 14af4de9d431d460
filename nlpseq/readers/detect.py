"""Detect format, encoding, delimiter and header of a file, each guess with a sentence that says how to change it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.arrow_files import (
    ARROW_MAGIC,
    DATASET_DICT,
    STATE,
    column_names_of,
    dataset_dict_error,
)
from nlpseq.readers.compression import compression_of, inner_name, is_office, open_bytes
from nlpseq.readers.content import content_format
from nlpseq.readers.delimited import is_quoted
from nlpseq.readers.dialect import (
    RECORDS,
    guess_dialect,
    name_of_delimiter,
    sample_records,
    settle_header,
)
from nlpseq.readers.encodings import SAMPLE, UTF_8, guess_encoding
from nlpseq.readers.folders import detect_splits
from nlpseq.readers.json_files import parse_json
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import AUTO, DELIMITERS, ReadOptions
from nlpseq.readers.spreadsheets import OLD_EXCEL, first_sheet
from nlpseq.readers.token_fields import fasttext_fields, token_fields, universal_fields

__all__ = ["Detected", "detect", "detect_splits"]

LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
"""A language code, the name of a column of parallel text."""


@dataclass(frozen=True)
class Detected:
    """Format of a file and options for its reader.

    Attributes:
        format: name of the reader.
        columns: names of the columns; 1, 2, ... without a header; `a.b` for a key in an object.
        encoding: of the text, as Python names it; '' for binary formats.
        compression: `gzip`, `bzip2`, `xz`, `zstd`, `zip` or ''.
        delimiter: between fields; '' where the format has none.
        header: the first line names the columns; None where the format has no such line.
        notes: what was assumed, each with the key that changes it.
        fields: column for a field of a task, where the format says so.
    """

    format: str
    columns: tuple[str, ...] = ()
    encoding: str = ""
    compression: str = ""
    delimiter: str = ""
    header: bool | None = None
    notes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The other keys of `[data]` that read the file in this way."""
        options: dict[str, Any] = {}
        if self.encoding and not self.encoding.startswith(UTF_8):
            options["encoding"] = self.encoding
        if self.format == "csv":
            options["delimiter"] = name_of_delimiter(self.delimiter)
        if self.header is not None and self.format != "conll":
            options["header"] = self.header
        return options

    @property
    def guesses(self) -> tuple[str, ...]:
        """The notes on encoding and delimiter, which a reader with these options does not repeat."""
        starts = ("encoding", "delimiter") if self.delimiter != "," else ("encoding",)
        return tuple(note for note in self.notes if note.startswith(starts))

    @property
    def line(self) -> str:
        """All notes in one line."""
        return "; ".join(self.notes)


def detect(file: Path, **given: Any) -> Detected:
    """Detect how to read a file, or a folder of `Dataset.save_to_disk` or of files in one format.

    Args:
        file: which may be compressed.
        given: keys of `[data]` that the user sets, which are taken as they are: format, encoding, delimiter,
            header.

    Raises:
        UserError: the file is missing, empty, damaged, or in no format that is read.
    """
    if file.is_dir():
        return _detect_folder(file, given)
    compression = compression_of(file)
    with open_bytes(file) if not is_office(file) else file.open("rb") as stream:
        start = stream.read(SAMPLE)
    if not start.strip():
        raise UserError(f"{file}: the file is empty")
    binary = _binary_format(file, start)
    if binary:
        format = str(given.get("format") or binary)
        said = f"format {format}"
        if format == "xlsx":
            detected = _detect_sheet(file, given)
        else:
            columns = column_names_of(file)
            detected = Detected(format, columns, notes=(said,), fields=_pair_fields(columns))
    else:
        detected = _detect_text(file, start, given)
    if compression and format_is_packed(detected):
        detected = replace(
            detected,
            compression=compression,
            notes=(*detected.notes, f"compressed by {compression}"),
        )
    return detected


def format_is_packed(detected: Detected) -> bool:
    """Return whether a compression is around the format and not part of it, as in .xlsx."""
    return detected.format != "xlsx"


def _detect_folder(folder: Path, given: dict[str, Any]) -> Detected:
    if (folder / DATASET_DICT).is_file():
        raise dataset_dict_error(folder)
    if (folder / STATE).is_file():
        columns = column_names_of(folder)
        notes = ("format arrow, a folder of Dataset.save_to_disk",)
        return Detected("arrow", columns, notes=notes, fields=_pair_fields(columns))
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    if not files:
        raise UserError(f"{folder}: an empty folder")
    detected = detect(files[0], **given)
    return replace(detected, notes=(f"{len(files)} files", *detected.notes))


def _binary_format(file: Path, start: bytes) -> str:
    """Return the format of a binary file; '' for text.

    Raises:
        UserError: it is binary and in no format that is read.
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((ARROW_MAGIC, b"\xff\xff\xff\xff")):
        return "arrow"
    if is_office(file) or start.startswith(OLD_EXCEL):
        return "xlsx"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in start:
        return ""
    if guess_encoding(start).codec.startswith(("utf-16", "utf-32")):
        return ""
    raise UserError(
        f"{file}: a binary file that is neither Parquet, Arrow, a spreadsheet nor compressed text"
    )


def _detect_text(file: Path, start: bytes, given: dict[str, Any]) -> Detected:
    guess = guess_encoding(start)
    encoding = given.get("encoding", AUTO)
    codec = guess.codec or AUTO if encoding == AUTO else encoding
    text = TextFile(file, codec if codec != UTF_8 else AUTO)
    notes = []
    if encoding == AUTO and not codec.startswith(UTF_8):
        how = "a guess" if guess.guessed else "by its mark"
        notes.append(f"encoding {codec}, {how} (data.encoding changes this)")
    name = inner_name(file).lower()
    format = str(given.get("format") or content_format(text, name))
    if "format" not in given:
        notes.insert(0, f"format {format} (data.format changes this)")
    detected = Detected(format, encoding=codec if codec != AUTO else UTF_8, notes=tuple(notes))
    if format in ("csv", "tsv", "delimited"):
        return _detect_delimited(text, detected, given)
    if format == "conll":
        return _with_fields(detected, *token_fields(text, given.get("header", AUTO)))
    if format == "conllu":
        return _with_fields(detected, *universal_fields())
    if format == "fasttext":
        return _with_fields(detected, *fasttext_fields(text))
    if format == "spans":
        return _with_fields(detected, ("text", "spans"), {"text": "text", "spans": "spans"}, "")
    if format in ("jsonl", "json"):
        columns = _json_columns(text, format)
        return replace(detected, columns=columns, fields=_pair_fields(columns))
    return replace(detected, columns=("text",), fields={"text": "text"})


def _with_fields(
    detected: Detected, columns: Sequence[str], fields: dict[str, str], note: str
) -> Detected:
    notes = (*detected.notes, note) if note else detected.notes
    return replace(detected, columns=tuple(columns), fields=fields, notes=notes)


def _detect_delimited(text: TextFile, detected: Detected, given: dict[str, Any]) -> Detected:
    delimiter = given.get("delimiter", "tab" if detected.format == "tsv" else AUTO)
    header = given.get("header", AUTO)
    options = ReadOptions(delimiter=delimiter, header=header)
    dialect = guess_dialect(text.sample, options, complete=text.complete)
    format = detected.format
    if "format" not in given and dialect.delimiter == "\t":
        format = "csv" if is_quoted(text) else "tsv"
    elif format == "delimited":
        format = "csv"
    if format == "tsv":
        separator = DELIMITERS.get(delimiter, dialect.delimiter)
        lines = text.sample.splitlines()[: None if text.complete else -1]
        records = [line.split(separator) for line in lines if line]
        names_first, _ = settle_header(records, options)
    else:
        records = sample_records(text.sample, dialect.delimiter, complete=text.complete)
        names_first = dialect.header
    width = len(records[0]) if records else 0
    columns = [name.strip() for name in records[0]] if names_first and records else []
    columns = columns or [str(number) for number in range(1, width + 1)]
    notes = [*detected.notes]
    if notes and notes[0].startswith("format"):
        notes[0] = f"format {format} (data.format changes this)"
    if format == "csv" and delimiter == AUTO:
        notes.append(
            f"delimiter {name_of_delimiter(dialect.delimiter)} (data.delimiter changes this)"
        )
    if header == AUTO:
        notes.append(_header_note(names_first, columns))
    return replace(
        detected,
        format=format,
        columns=tuple(columns),
        delimiter=dialect.delimiter,
        header=names_first,
        notes=tuple(notes),
        fields=_pair_fields(columns),
    )


def _detect_sheet(file: Path, given: dict[str, Any]) -> Detected:
    records, note = first_sheet(file)
    rows = [fields for _, fields in records[:RECORDS]]
    names_first, _ = settle_header(rows, ReadOptions(header=given.get("header", AUTO)))
    names = rows[0] if names_first else map(str, range(1, len(rows[0]) + 1))
    columns = tuple(name.strip() for name in names)
    said = ["format xlsx", note, "" if "header" in given else _header_note(names_first, columns)]
    fields = _pair_fields(columns)
    return Detected(
        "xlsx", columns, header=names_first, notes=tuple(filter(None, said)), fields=fields
    )


def _header_note(names_first: bool, columns: Sequence[str]) -> str:
    if names_first:
        return f"the first line names the columns: {', '.join(columns[:8])} (data.header=false changes this)"
    return f"no header, the first line is data: columns 1 to {len(columns)} (data.header=true changes this)"


def _json_columns(text: TextFile, format: str) -> tuple[str, ...]:
    """Return the keys of the first objects; those of an object in it as `key.inner`."""
    rows: list[Any] = []
    if format == "jsonl":
        lines = text.sample.split("\n")
        for line in lines[: None if text.complete else -1] or lines:
            try:
                rows.append(parse_json(line))
            except ValueError:
                continue  # a reader names the line
    else:
        try:
            document = parse_json(text.text())
        except ValueError:
            return ()
        if isinstance(document, dict):
            lists = [
                v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)
            ]
            document = document.get("data", lists[0] if len(lists) == 1 else [document])
        rows = document[:100] if isinstance(document, list) else []
    names: dict[str, None] = {}
    for row in rows:
        for key, value in row.items() if isinstance(row, dict) else ():
            inner = [f"{key}.{name}" for name in value] if isinstance(value, dict) else [key]
            names |= dict.fromkeys(inner)
    return tuple(names)


def _pair_fields(columns: Sequence[str]) -> dict[str, str]:
    """Return the fields of parallel text if there are two columns named by languages."""
    codes = [column.rpartition(".")[2] for column in columns]
    if len(columns) == 2 and all(LANGUAGE.fullmatch(code) for code in codes) and "id" not in codes:
        return dict(zip(("source", "target"), columns, strict=True))
    return {}
