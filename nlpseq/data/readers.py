"""The usual formats of local data sets, each turned into named columns.

format      | a row is                                                | columns
------------|---------------------------------------------------------|--------------------------
lines       | a line, empty ones too                                  | text
text        | the whole file, newlines and all                        | text
label_text  | a line `label text`                                     | label, text
parallel    | a line of each of two files, `files = {train = "a, b"}` | source, target;
            | or of three, the last one the target once more         | tokenized
conll       | a block of lines, one token each, first and last column | tokens, tags, line
trees       | a line `(3 (2 It) (4 works))`                           | label, text,
            |                                                         | phrase_labels, phrases
csv, tsv    | a record; the first line names the columns              | its own, all of them text
jsonl       | a line, one JSON object                                 | its own
parquet     | a row                                                   | its own
"""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from nlpseq.data.local_files import find, read_lines, read_text
from nlpseq.errors import UserError

Columns = dict[str, list[Any]]
DOCUMENT_MARK = "-DOCSTART-"
SEPARATOR = re.compile(r"[ \t]+")  # of columns; a word may hold other white space
TREE_TOKEN = re.compile(r"[()]|[^\s()]+")


class Content(NamedTuple):
    """What was read: a `table`, its `origin` for people, and a `note` of what was skipped in it."""

    table: pa.Table
    origin: str
    note: str = ""


def read(data_dir: Path, name: str, format: str) -> Content:
    """Read the file (or files) that `data.files` names for one split.

    Args:
        data_dir: where to look; the file may be in a subfolder, or compressed by gzip.
        name: the file's name; two of them with a comma between for parallel text.
        format: one of the table above.

    Raises:
        UserError: the file is missing, damaged or not in this format; the line is named.
    """
    if format == "parallel":
        return _parallel(data_dir, name)
    file = find(data_dir, name)
    if format == "parquet":
        return Content(_parquet(file), str(file))
    columns = READERS[format](file)
    skipped = columns.pop("skipped", [])
    note = f"{len(skipped)} {DOCUMENT_MARK} lines skipped" if skipped else ""
    return Content(_table(file, columns), str(file), note)


def _table(file: Path, columns: Columns) -> pa.Table:
    if not any(columns.values()):
        raise UserError(f"{file}: it holds no example")
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except pa.ArrowException as error:
            raise UserError(f"{file}: column {name} mixes kinds of values: {error}") from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise UserError(
                f"{file}: column {name} has a value that no table holds: {error}"
            ) from error
    return pa.table(arrays)


def _lines(file: Path) -> Columns:
    return {"text": read_lines(file)}


def _text(file: Path) -> Columns:
    return {"text": [read_text(file)]}


def _label_text(file: Path) -> Columns:
    columns: Columns = {"label": [], "text": []}
    for number, line in enumerate(read_lines(file), start=1):
        label, _, text = line.partition(" ")
        if label.split() != [label] or not text.strip():
            raise UserError(
                f"{file}, line {number}: not `label text`, with a space between: {line[:60]!r}"
            )
        columns["label"].append(label)
        columns["text"].append(text)
    return columns


def _parallel(data_dir: Path, name: str) -> Content:
    names = [part.strip() for part in name.split(",")]
    if len(names) not in (2, 3):
        raise UserError(
            'data.files: parallel text is two files, "source, target" (and perhaps the target tokenized '
            f"for older scores), not {name!r}"
        )
    files = [find(data_dir, part) for part in names]
    sides = ("source", "target", "tokenized")
    columns: Columns = {side: read_lines(file) for side, file in zip(sides, files, strict=False)}
    first = len(columns["source"])
    for side, file in zip(columns, files, strict=True):
        if len(columns[side]) != first:
            raise UserError(
                f"{files[0]} has {first} lines, {file} has {len(columns[side])}: they are not parallel"
            )
    return Content(_table(files[0], columns), ", ".join(map(str, files)))


def _conll(file: Path) -> Columns:
    """Sentences between blank lines; `skipped` holds the places of lines that mark documents."""
    columns: Columns = {"tokens": [], "tags": [], "line": [], "skipped": []}
    width = 0
    open_sentence = False
    for number, line in enumerate(read_lines(file), start=1):
        line = line.strip(" \t")
        if not line:
            open_sentence = False
            continue
        fields = SEPARATOR.split(line)
        width = width or len(fields)
        if len(fields) < 2 or len(fields) != width:
            raise UserError(
                f"{file}, line {number}: {len(fields)} columns, {max(width, 2)} were expected"
            )
        if fields[0] == DOCUMENT_MARK:
            columns["skipped"].append(number)
            open_sentence = False
            continue
        if not open_sentence:
            columns["tokens"].append([])
            columns["tags"].append([])
            columns["line"].append(number)
            open_sentence = True
        columns["tokens"][-1].append(fields[0])
        columns["tags"][-1].append(fields[-1])
    return columns


def _trees(file: Path) -> Columns:
    """The root of each tree, and every node of it (the root first) as `phrases`."""
    columns: Columns = {"label": [], "text": [], "phrase_labels": [], "phrases": []}
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        nodes = _nodes(line)
        if not nodes:
            raise UserError(f"{file}, line {number}: not a labelled tree like (3 (2 It) (4 works))")
        columns["phrase_labels"].append([label for label, _ in nodes])
        columns["phrases"].append([text for _, text in nodes])
        columns["label"].append(nodes[0][0])
        columns["text"].append(nodes[0][1])
    return columns


def _nodes(line: str) -> list[tuple[str, str]]:
    """Label and text of each node, outer ones first; empty if the brackets or labels are wrong."""
    labels: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    words: list[str] = []
    path: list[int] = []
    tokens: Iterator[str] = iter(TREE_TOKEN.findall(line))
    for token in tokens:
        if token == "(":
            label = next(tokens, "(")
            if label in "()" or (labels and not path):
                return []
            path.append(len(labels))
            labels.append(label)
            begins.append(len(words))
            ends.append(0)
        elif not path:
            return []
        elif token == ")":
            ends[path.pop()] = len(words)
        else:
            words.append(token)
    if path or any(begin == end for begin, end in zip(begins, ends, strict=True)):
        return []
    return [(labels[n], " ".join(words[begins[n] : ends[n]])) for n in range(len(labels))]


def _csv(file: Path) -> Columns:
    """Comma-separated records, with double quotes around what holds a comma or a newline."""
    return _records(file, csv.reader(io.StringIO(read_text(file), newline=""), strict=True))


def _tsv(file: Path) -> Columns:
    """Tab-separated lines without quoting: a quotation mark is text."""
    lines = read_lines(file)
    return _records(file, csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _records(file: Path, reader: Any) -> Columns:
    csv.field_size_limit(sys.maxsize)  # documents may be longer than the module's 128 KiB
    try:
        head = next(reader)
        columns: Columns = {name: [] for name in head}
        for record in reader:
            if not record:
                continue  # an empty line
            if len(record) != len(columns):
                raise UserError(
                    f"{file}, line {reader.line_num}: {len(record)} fields, "
                    f"the first line names {len(columns)} columns"
                )
            for name, value in zip(head, record, strict=True):
                columns[name].append(value)
    except csv.Error as error:
        raise UserError(f"{file}, line {reader.line_num}: {error}") from error
    return columns


def _jsonl(file: Path) -> Columns:
    """One object a line; a key that an object lacks is null in its row; empty lines are none."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{file}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise UserError(f"{file}, line {number}: not a JSON object: {line[:60]!r}")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _parquet(file: Path) -> pa.Table:
    try:
        return parquet.read_table(file, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a parquet file, or damaged: {error}") from error


READERS: dict[str, Callable[[Path], Columns]] = {
    "lines": _lines,
    "text": _text,
    "label_text": _label_text,
    "conll": _conll,
    "trees": _trees,
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _jsonl,
}
