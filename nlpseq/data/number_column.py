"""A column of numbers to predict: every spelling of a number is read in one way, or refused with its row.

A number is missing if it is null, NaN, empty or infinite. A comma is a decimal comma if no number has a point and
not every comma could separate thousands; what was assumed is said.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Number
from typing import Any

from nlpseq.data.labels import LIKE_MISSING, is_missing
from nlpseq.data.missing_labels import LEARNT_FROM, hidden_split, without_rows
from nlpseq.data.split import Split
from nlpseq.errors import UserError

NUMBER = "number"
"""The field of numbers to predict."""
_HIDDEN = -1.0
"""The number of every example of a test set whose numbers are kept secret."""
_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_PLAIN = re.compile(r"[^_\s]+")  # float() reads 1_000, too


def settle_numbers(splits: Mapping[str, Split], field: str, *, skip: bool) -> dict[str, Split]:
    """Read the numbers of every split; leave rows without a number out, or refuse them.

    Args:
        splits: with the columns of the task.
        field: column of numbers.
        skip: leave out and count rows without a number, instead of an error.

    Raises:
        UserError: a value is no number, or a row has none; the error names the row.
    """
    numbers, comma = read_numbers(splits, field)
    trained = set(numbers.get("train", ()))
    return {
        name: _settle(split, field, numbers[name], trained, comma=comma, skip=skip)
        if name in numbers
        else split
        for name, split in splits.items()
    }


def read_numbers(
    splits: Mapping[str, Split], field: str
) -> tuple[dict[str, list[float | None]], bool]:
    """Return the number of each row of the splits that have them, None where it is missing.

    The second value tells whether their comma is a decimal comma.

    Raises:
        UserError: a value is no number.
    """
    read = {name: split.column(field)[:] for name, split in splits.items() if split.labelled}
    comma = has_decimal_comma(
        [value for values in read.values() for value in values if isinstance(value, str)]
    )
    numbers = {
        name: [_number(value, comma, splits[name], field, row) for row, value in enumerate(values)]
        for name, values in read.items()
    }
    return numbers, comma


def _settle(
    split: Split,
    field: str,
    numbers: Sequence[float | None],
    trained: set[float | None],
    *,
    comma: bool,
    skip: bool,
) -> Split:
    missing = {row for row, number in enumerate(numbers) if number is None}
    secret = set(numbers) == {_HIDDEN} and bool(trained) and _HIDDEN not in trained
    if numbers and (secret or len(missing) == len(numbers)) and split.name not in LEARNT_FROM:
        return hidden_split(split, field)
    if missing and not skip:
        row = min(missing)
        raise UserError(
            f"{split.origin}: row {row + 1} of the {split.name} split has no number in "
            f"{split.name_of(field)!r} ({_spelled(split.column(field)[row])}); fill it in, or leave such rows out "
            'with data.missing_labels="skip"'
        )
    written = [value for value in split.column(field) if isinstance(value, str) and "," in value]
    if comma and written:
        split = split.with_note(
            f"a comma in {split.name_of(field)!r} is a decimal comma ({written[0].strip()})"
        )
    split = with_column(split, field, [math.nan if n is None else n for n in numbers], "float64")
    return without_rows(split, missing, "number") if missing else split


def _spelled(value: Any) -> str:
    return (
        f"{value!r}" if isinstance(value, float | str) and str(value).strip() else "empty or null"
    )


def has_decimal_comma(texts: Sequence[str]) -> bool:
    """Return whether the comma of all numbers is a decimal comma, which some number shows."""
    commas = [text.strip() for text in texts if "," in text]
    if not commas or any("." in text for text in texts):
        return False
    decimal = all(_COMMA.fullmatch(text) for text in commas)
    return decimal and not all(_THOUSANDS.fullmatch(text) for text in commas)


def _number(value: Any, comma: bool, split: Split, field: str, row: int) -> float | None:
    """Return a value as a number, None if it is missing.

    Raises:
        UserError: it is something else.
    """
    if is_missing(value) or (isinstance(value, str) and value.strip().casefold() in LIKE_MISSING):
        return None
    if isinstance(value, Number) and not isinstance(value, bool | complex):
        number = float(value)  # type: ignore[arg-type]
        return number if math.isfinite(number) else None
    spelled = as_number(value, comma=comma) if isinstance(value, str) else None
    if spelled is None:
        raise _no_number(value, split, field, row)
    return spelled if math.isfinite(spelled) else None


def as_number(text: str, *, comma: bool = False) -> float | None:
    """Return the number that a text spells, None if it spells none.

    Args:
        text: without a missing value.
        comma: its comma is a decimal comma.
    """
    text = text.strip().replace(",", ".") if comma else text.strip()
    try:
        return float(text) if _PLAIN.fullmatch(text) else None
    except ValueError:
        return None


def _no_number(value: Any, split: Split, field: str, row: int) -> UserError:
    """Return the error for a value that is no number, with what would do."""
    column = split.name_of(field)
    begin = (
        f"{split.origin}: row {row + 1} of the {split.name} split has {value!r:.60} in column {column!r}, "
        "which is not a number"
    )
    if isinstance(value, str) and "," in value:
        advice = "write numbers with a decimal point and without separators of thousands"
    elif isinstance(value, list | dict):
        advice = "a text has one number here"
    elif isinstance(value, str) and any(character.isdigit() for character in value):
        advice = "write numbers without units, signs and separators"
    else:
        advice = (
            f'if {column} holds classes, task = "classification" learns them, from the field label'
        )
    return UserError(f"{begin}; {advice}")


def with_column(split: Split, field: str, values: Sequence[Any], kind: str) -> Split:
    """Return a split with other values in a column.

    Args:
        split: with the column.
        field: name of the column.
        values: of each row.
        kind: `float64` for numbers, `list` for lists of strings.
    """
    import pyarrow as pa
    from datasets.fingerprint import generate_random_fingerprint

    array = pa.array(values, pa.float64() if kind == "float64" else pa.list_(pa.string()))
    fingerprint = generate_random_fingerprint()  # one of the content would copy all of it
    rows = split.rows.remove_columns([field])
    rows = rows.add_column(field, array, new_fingerprint=fingerprint)
    return replace(split, rows=rows)
