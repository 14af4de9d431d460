"""The format of a text by its name and its content."""

import re

from nlpseq.readers.conll_columns import TAB, choose_separator, holds_tags, split_line
from nlpseq.readers.dialect import CANDIDATES, NAMES, sample_records
from nlpseq.readers.json_files import parse_json
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.spans import is_span_item

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conllu": "conllu",
    ".conllup": "conllu",
    ".conll": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bioes": "conll",
}
"""Endings that say the format; the content may still show another one."""
TREE = re.compile(r"\([0-9]+ (\(|[^()\s]+\))")
FEW = 5
"""Records from which commas in equal number are taken for delimiters, whatever the name of the file."""


def content_format(text: TextFile, name: str) -> str:
    """Return the name of the reader for a text; `lines` if nothing else fits.

    Args:
        text: of the file.
        name: of the file, in lower case, without the ending of a compression.
    """
    suffix = f".{name.rpartition('.')[2]}" if "." in name else ""
    lines = text.sample.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = lines if text.complete else lines[:-1] or lines
    filled = [line for line in lines if line.strip()]
    if json_format := _json_format(filled, text):
        return json_format
    if _is_universal(filled):
        return "conllu"
    if sum("__label__" in line for line in filled) == len(filled):
        return "fasttext"
    if all(TREE.match(line) for line in filled):
        return "trees"
    known = SUFFIXES.get(suffix, "")
    if known in ("csv", "tsv"):
        return "csv" if known == "csv" else "delimited"
    if known == "conll" or _is_conll(lines):
        return "conll"
    return known if known not in ("", "jsonl") else _delimited_or_lines(filled, text)


def _json_format(filled: list[str], text: TextFile) -> str:
    start = filled[0].lstrip("\ufeff \t")[:1] if filled else ""
    if start not in ("{", "["):
        return ""
    try:
        first = parse_json(filled[0])
    except ValueError:
        first = None
    if is_span_item(first):
        return "spans"
    if isinstance(first, dict) and (len(filled) > 1 or not text.complete):
        return "jsonl"
    if isinstance(first, dict):
        nested = any(isinstance(value, list | dict) and value for value in first.values())
        return "json" if nested and text.file.suffix == ".json" else "jsonl"
    try:
        document = parse_json(text.text())
        item = document[0] if isinstance(document, list) and document else document
        if is_span_item(item):
            return "spans"
    except ValueError:
        # A text may begin with a bracket; a file called .json is reported by the reader.
        return "json" if ".json" in text.file.suffixes else ""
    return "json"


def _is_universal(filled: list[str]) -> bool:
    """Return whether lines have the ten columns of CoNLL-U."""
    tokens = [line for line in filled if not line.startswith("#")]
    rows = [line.split(TAB) for line in tokens]
    return bool(rows) and all(
        len(row) == 10 and re.fullmatch(r"[0-9]+([-.][0-9]+)?", row[0]) for row in rows
    )


def _is_conll(lines: list[str]) -> bool:
    """Return whether lines are blocks of tokens with equally many columns."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    blocks = sum(not line.strip() for line in lines)
    tokens = [line for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if len(tokens) < 2 or (not blocks and len(tokens) > 200):
        return False
    separator = choose_separator(tokens)
    rows = [split_line(line, separator) for line in tokens]
    if len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return False
    columns = list(zip(*rows, strict=True))
    tagged = any(holds_tags(column) for column in columns)
    if not blocks:
        return tagged and len(rows[0]) <= 4
    few = min(len(set(columns[0])), len(set(columns[-1]))) <= 0.6 * len(rows)
    return blocks < len(tokens) and (tagged or few)


def _delimited_or_lines(filled: list[str], text: TextFile) -> str:
    """Return `delimited` if a delimiter cuts every record into equally many fields."""
    for candidate in CANDIDATES:
        records = sample_records(text.sample, candidate, complete=text.complete)
        if len(records) < 2 or len(records[0]) < 2 or len(set(map(len, records))) > 1:
            continue
        named = sum(name.strip().lower() in NAMES for name in records[0])
        if candidate != "," or named >= 2 or (named and len(records) >= FEW):
            return "delimited"
    return "lines"
