"""JSON lines, and JSON files: a list of objects, an object with such a list, or an object of columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions
from nlpseq.readers.tables import CHUNK, TableWriter

DEEPEST = 64
"""Levels of lists and objects inside each other that are read."""
_DEFAULTS = ReadOptions()
Row = dict[str, Any]


class TooDeepError(ValueError):
    """JSON that is nested too deeply for a table."""


def read_jsonl(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read a JSON object from each line; a key that an object lacks is null; empty lines are skipped."""
    text = TextFile(file, options.encoding)
    return _collect(file, parse_lines(file, text), text.note, options)


def read_json(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read a whole JSON file; JSON lines are also read."""
    text = TextFile(file, options.encoding)
    if is_json_lines(text.sample):
        return _collect(file, parse_lines(file, text), text.note, options)
    try:
        document = parse_json(text.text().removeprefix("\ufeff"))
    except ValueError as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"{file}{line}: {_problem(error)}") from error
    rows, note = _rows_of(file, document)
    notes = "; ".join(part for part in (text.note, note) if part)
    return _collect(file, rows, notes, options)


def is_json_lines(sample: str) -> bool:
    """Return whether the first line of a text is a whole JSON object."""
    first = next((line for line in sample.split("\n") if line.strip()), "")
    try:
        return isinstance(parse_json(first), dict) and len(sample.strip().split("\n")) > 1
    except ValueError:
        return False


def parse_json(text: str) -> Any:
    """Parse JSON; NaN is null.

    Raises:
        ValueError: it is not JSON, or it is nested too deeply for a table.
    """
    try:
        value = json.loads(text, parse_constant=_constant)
        _check_depth(value)
    except RecursionError as error:
        raise TooDeepError(f"nested more than {DEEPEST} levels deep") from error
    return value


def _problem(error: ValueError) -> str:
    return str(error) if isinstance(error, TooDeepError) else f"not JSON: {error}"


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise RecursionError
    items = value.values() if isinstance(value, dict) else value
    for item in items if isinstance(value, dict | list) else ():
        if isinstance(item, dict | list):
            _check_depth(item, depth + 1)


def parse_lines(
    file: Path, text: TextFile, skipped: list[int] | None = None
) -> Iterable[tuple[int, Row]]:
    """Yield the object in each line that is not empty, with the number of the line.

    Args:
        file: for messages.
        text: of the file.
        skipped: receives the numbers of empty lines between objects.
    """
    empty: list[int] = []
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip():
            empty.append(number)
            continue
        if skipped is not None:
            skipped += empty
        empty = []
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(f"{file}, line {number}: {_problem(error)}{_hint(line)}") from error
        if not isinstance(row, dict):
            raise UserError(f"{file}, line {number}: not a JSON object: {line[:60]!r}{_hint(line)}")
        yield number, row


def _hint(line: str) -> str:
    return "; for one JSON document set data.format=json" if line.strip()[:1] in ("[", "]") else ""


def _constant(spelling: str) -> float | None:
    """Return a number that is not JSON but that Python writes; NaN, which stands for no value, is null."""
    return None if spelling == "NaN" else float(spelling)


def _rows_of(file: Path, document: Any) -> tuple[Iterable[tuple[int, Row]], str]:
    """Return the rows of a document, numbered from 1, and a note on where they are."""
    if isinstance(document, list):
        return _check_rows(file, document), ""
    if not isinstance(document, dict):
        raise UserError(f"{file}: neither a list of objects nor an object: {str(document)[:60]!r}")
    lists = [key for key, value in document.items() if _is_list_of_objects(value)]
    if "data" in lists or len(lists) == 1:
        key = "data" if "data" in lists else lists[0]
        return _check_rows(file, document[key]), f"rows are the list {key!r}"
    columns = {key: _values(value) for key, value in document.items()}
    lengths = {key: len(value) for key, value in columns.items() if value is not None}
    if len(lengths) == len(columns) and len(set(lengths.values())) == 1:
        given = [value for value in columns.values() if value is not None]
        rows = (dict(zip(columns, values, strict=True)) for values in zip(*given, strict=True))
        return enumerate(rows, start=1), ""
    raise UserError(
        f"{file}: an object that is neither columns of equal length nor has one list of objects; "
        f"its keys are {', '.join(list(document)[:10])}"
    )


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _values(value: Any) -> Sequence[Any] | None:
    """Return the values of a column; pandas writes an object of row numbers."""
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, Mapping) else None


def _check_rows(file: Path, rows: list[Any]) -> Iterable[tuple[int, Row]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UserError(f"{file}, row {number}: not a JSON object: {str(row)[:60]!r}")
        yield number, row


def _collect(
    file: Path, rows: Iterable[tuple[int, Row]], note: str, options: ReadOptions
) -> FileContent:
    writer = TableWriter(file, options.columns)
    chunk: list[tuple[int, Row]] = []
    for numbered in rows:
        chunk.append(numbered)
        if len(chunk) == CHUNK:
            _flush(writer, chunk)
            chunk = []
    _flush(writer, chunk)
    table = writer.finish()
    if writer.left_out:
        left_out = (
            f"columns left out, since their types differ by row: {', '.join(writer.left_out)}"
        )
        note = f"{note}; {left_out}" if note else left_out
    return FileContent(table, note)


def _flush(writer: TableWriter, chunk: Sequence[tuple[int, Row]]) -> None:
    names = dict.fromkeys(name for _, row in chunk for name in row)
    columns: Columns = {name: [row.get(name) for _, row in chunk] for name in names}
    if chunk:
        writer.append(columns, [number for number, _ in chunk])


READERS = (
    Reader(
        "jsonl",
        read_jsonl,
        "a line is a JSON object",
        "its own",
        (".jsonl", ".ndjson"),
        options=("encoding",),
    ),
    Reader(
        "json",
        read_json,
        "an object of a list, of the list `data` in an object, or of an object of columns",
        "its own",
        (".json",),
        options=("encoding",),
    ),
)
