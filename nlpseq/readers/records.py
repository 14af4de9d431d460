"""Records with named fields: CSV, TSV, JSON lines and Parquet."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.local_files import read_lines, read_text
from nlpseq.readers.reader import Columns, FileContent, Reader


def read_csv(file: Path) -> FileContent:
    """Read comma-separated records; double quotes enclose a field with a comma or a newline."""
    reader = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
    return FileContent(_collect_records(file, reader))


def read_tsv(file: Path) -> FileContent:
    """Read tab-separated lines without quoting: a quotation mark is text."""
    reader = csv.reader(read_lines(file), delimiter="\t", quoting=csv.QUOTE_NONE)
    return FileContent(_collect_records(file, reader))


def _collect_records(file: Path, reader: Any) -> Columns:
    csv.field_size_limit(sys.maxsize)  # documents may be longer than the module's 128 KiB
    try:
        header = next(reader)
        columns: Columns = {name: [] for name in header}
        if repeated := [name for name in columns if header.count(name) > 1]:
            raise UserError(f"{file}, line 1: several columns are named {repeated[0]!r}")
        for record in reader:
            if not record:
                continue  # an empty line
            if len(record) != len(columns):
                raise UserError(
                    f"{file}, line {reader.line_num}: {len(record)} fields, "
                    f"the first line names {len(columns)} columns"
                )
            for name, value in zip(header, record, strict=True):
                columns[name].append(value)
    except csv.Error as error:
        raise UserError(f"{file}, line {reader.line_num}: {error}") from error
    return columns


def read_jsonl(file: Path) -> FileContent:
    """Read a JSON object from each line; a key that an object lacks is null; empty lines are skipped."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_constant)
        except ValueError as error:
            raise UserError(f"{file}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise UserError(f"{file}, line {number}: not a JSON object: {line[:60]!r}")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return FileContent({name: [row.get(name) for row in rows] for name in names})


def _constant(spelling: str) -> float | None:
    """Return a number that is not JSON but that Python writes; NaN, which stands for no value, is null."""
    return None if spelling == "NaN" else float(spelling)


def read_parquet(file: Path) -> FileContent:
    """Map a Parquet file into memory."""
    import pyarrow as pa  # late: recipes import this package for the names of formats
    from pyarrow import parquet

    try:
        return FileContent(parquet.read_table(file, memory_map=True))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a Parquet file, or damaged: {error}") from error


READERS = (
    Reader(
        "csv",
        read_csv,
        "a record; the first line names the columns",
        "its own, all of them text",
        (".csv",),
    ),
    Reader(
        "tsv",
        read_tsv,
        "a line with tabs between its fields; the first line names the columns",
        "its own, all of them text",
        (".tsv",),
    ),
    Reader("jsonl", read_jsonl, "a line is a JSON object", "its own", (".jsonl", ".ndjson")),
    Reader("parquet", read_parquet, "a row", "its own", (".parquet",)),
)
