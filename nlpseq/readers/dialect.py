"""Guesses about delimited text: the character between fields, and whether the first line is a header.

A guess is made from the first records, and said: with what was assumed comes the key that changes it.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from nlpseq.readers.reader import AUTO, DELIMITERS, ReadOptions

CANDIDATES = (",", ";", "\t", "|")
RECORDS = 200
"""Records that a guess looks at."""
LONG = 40
"""Characters from which a field is a text and not the name of a column."""
NAMES = {
    *("text", "texts", "sentence", "sentence1", "sentence2", "message", "title", "body", "content"),
    *("label", "labels", "class", "category", "target", "source", "score", "rating", "sentiment"),
    *("id", "idx", "index", "premise", "hypothesis", "question", "answer", "summary", "document"),
    *("review", "comment", "tweet", "date", "author", "name", "url", "tokens", "tags", "ner_tags"),
}
"""Names that many data sets give to columns."""


class Dialect(NamedTuple):
    """Delimiter and header of delimited text, with a sentence on what was assumed; '' if nothing was."""

    delimiter: str
    header: bool
    note: str = ""


def name_of_delimiter(delimiter: str) -> str:
    """Return the name that a recipe may give to a delimiter: `tab`, or the character itself."""
    return next((n for n, d in DELIMITERS.items() if d == delimiter), delimiter)


def guess_dialect(sample: str, options: ReadOptions, *, complete: bool) -> Dialect:
    """Guess the dialect of text whose fields may be quoted.

    Args:
        sample: the beginning of the text.
        options: of the recipe; its delimiter is a character, a name in `DELIMITERS`, or `auto`.
        complete: the sample is the whole text.
    """
    notes = []
    delimiter = DELIMITERS.get(options.delimiter, options.delimiter)
    if delimiter == AUTO:
        delimiter = guess_delimiter(sample, options.named, complete=complete)
        if delimiter != ",":
            name = name_of_delimiter(delimiter)
            notes.append(f"the delimiter is {name} (data.delimiter changes this)")
    records = sample_records(sample, delimiter, complete=complete)
    header, note = settle_header(records, options)
    return Dialect(delimiter, header, "; ".join(filter(None, [*notes, note])))


def settle_header(records: Sequence[Sequence[str]], options: ReadOptions) -> tuple[bool, str]:
    """Return whether the first record is a header, and a sentence if that was guessed.

    It is one if it has all columns that the recipe names. If the recipe gives numbers, it needs names that are
    usual.
    """
    if options.header != AUTO or not records:
        return options.header is not False, ""
    first = [name.strip() for name in records[0]]
    if options.named and set(options.named) <= set(first):
        return True, ""
    usual = sum(name.lower() in NAMES for name in first) * 2 >= len(first)
    if options.named and all(is_number(name) for name in options.named):
        if usual:
            return True, "the first line has names of columns (data.header=false changes this)"
    elif set(options.columns) & set(first) or looks_like_header(first, records[1:]):
        return True, ""
    return False, (
        f"the first line was read as data, not as names of columns: they are 1 to {len(first)} "
        "(data.header=true changes this)"
    )


def is_number(name: str) -> bool:
    """Return whether a name is the number of a column, counted from 1 or, negative, from the end."""
    return re.fullmatch("-?[1-9][0-9]{0,3}", name) is not None


def index_of_number(name: str, width: int) -> int:
    """Return the index of a column given by number, among `width` columns."""
    number = int(name)
    return number - 1 if number > 0 else width + number


def sample_records(sample: str, delimiter: str, *, complete: bool) -> list[list[str]]:
    """Return the first records of a text, without empty ones and without one that the sample cuts."""
    records = []
    lines = sample.splitlines(keepends=True)
    if lines and (cut := excel_delimiter(lines[0])):
        lines = lines[1:] if cut else lines
    try:
        for record in islice(csv.reader(lines, delimiter=delimiter, strict=True), RECORDS + 1):
            records.append(record)
    except csv.Error:
        complete = complete or len(records) > 1  # the record at fault is not among them
    if not complete and len(records) <= RECORDS:
        records = records[:-1] or records
    return [record for record in records[:RECORDS] if record]


def excel_delimiter(line: str) -> str:
    """Return the delimiter that the line `sep=;` names, with which Excel may begin a file; else ''."""
    match = re.fullmatch(r"\"?sep=(.)\"?\s*", line)
    return match[1] if match else ""


def guess_delimiter(sample: str, wanted: Sequence[str] = (), *, complete: bool = True) -> str:
    """Return the delimiter that cuts all records into equally many fields; a comma if none does."""
    if named := excel_delimiter(sample.partition("\n")[0]):
        return named
    widths = {}
    for candidate in CANDIDATES:
        records = sample_records(sample, candidate, complete=complete)
        first = {name.strip() for name in records[0]} if records else set()
        if wanted and set(wanted) <= first and len(first) > 1:
            return candidate
        if len(records) > 1 and len(records[0]) > 1 and len(set(map(len, records))) == 1:
            widths[candidate] = len(records[0])
    if "," in widths or not widths:
        return ","
    return max(widths, key=lambda candidate: widths[candidate])


def looks_like_header(first: Sequence[str], others: Iterable[Sequence[str]]) -> bool:
    """Return whether the first of some records has names; without a sign of the contrary it does.

    Data are a number, an empty or a long field, and a field that occurs again below.
    """
    below = [tuple(field.strip() for field in record) for record in others]
    known = [field for field in first if field.lower() in NAMES]
    for column, field in enumerate(first):
        values = [record[column] for record in below if column < len(record)]
        if field and field in values and field.lower() not in NAMES:
            return False  # a label, or a language that is named in each row
    if len(known) * 2 >= len(first):
        return True
    return not any(_is_value(field) for field in first if field.lower() not in NAMES) or (
        bool(known) and not any(field and _is_value(field) for field in first)
    )


def _is_value(field: str) -> bool:
    """Return whether a field is a number, empty or a long text."""
    if not field or len(field) > LONG or len(field.split()) > 5:
        return True
    return re.fullmatch(r"[-+]?[0-9][0-9.,]*%?", field) is not None or field[-1] in ".!?。！？"
