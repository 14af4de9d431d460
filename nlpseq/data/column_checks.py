"""Checks that the values of columns can be what their fields need."""

from collections.abc import Mapping

from nlpseq.data.column_kinds import FEW_NUMBERS, Column
from nlpseq.errors import UserError
from nlpseq.wording import format_count

Name = str | tuple[str, ...]
"""A column, or several."""

_MOST_CLASSES = 0.5  # of the rows


def check_columns(
    chosen: Mapping[str, Name], columns: Mapping[str, Column], options: Mapping[str, str]
) -> None:
    """Refuse columns whose values cannot be what their fields need.

    Args:
        chosen: column, or several, for each field.
        columns: all columns of the data.
        options: for messages, the way in which the user names a field: `--text`.

    Raises:
        UserError: one line that says what would do.
    """
    for field, name in chosen.items():
        for part in (name,) if isinstance(name, str) else name:
            if part in columns:
                _check(field, columns[part], columns, options, several=not isinstance(name, str))


def _check(
    field: str,
    column: Column,
    columns: Mapping[str, Column],
    options: Mapping[str, str],
    *,
    several: bool,
) -> None:
    """Refuse a column whose values cannot be what its field needs.

    Raises:
        UserError: one line that says what would do.
    """
    start = f"{options[field]} {column.name}:"
    if column.kind == "empty":
        raise UserError(f"{start} the column is empty; the data have {_others(column, columns)}")
    if field == "spans" and column.kind != "spans":
        raise UserError(
            f"{start} the column holds values such as {column.example!r}, not spans by offset, "
            '[[0, 4, "PER"], ...]'
        )
    if field in ("tags", "tokens") and column.kind not in ("lists", "records"):
        raise UserError(
            f"{start} the column holds single values such as {column.example!r}, and tags are lists, one tag "
            f"for each token; a class for each text is given with {options['label']}"
        )
    if field in ("text", "text2", "source", "target") and column.kind in ("id", "number"):
        raise UserError(
            f"{start} the column holds {'numbers' if column.kind == 'number' else 'ids'} such as "
            f"{column.example!r}, no texts; the data have {_others(column, columns)}"
        )
    if field == "label" and not several:
        _check_classes(start, column, columns, options)
    if field == "number" and not column.numeric and not several:
        raise UserError(
            f"{start} the column holds values such as {column.example!r}, not numbers; "
            f"classes are given with {options['label']}"
        )


def _check_classes(
    start: str, column: Column, columns: Mapping[str, Column], options: Mapping[str, str]
) -> None:
    different = f"{column.distinct:,} different values in {format_count(column.rows, 'row')}"
    if column.kind == "constant":
        raise UserError(
            f"{start} all rows have the label {column.example!r}, and a classifier needs two classes at least; "
            f"the data have {_others(column, columns)}"
        )
    if column.kind == "number" and not column.whole:
        raise UserError(
            f"{start} {different}, numbers such as {column.example!r}: to learn the number, give "
            f"{options['number']} {column.name}; classes are few values that repeat"
        )
    if column.parts:
        raise UserError(
            f"{start} values such as {column.example!r} join {format_count(column.parts, 'label')}, and a class is a "
            f"single label; give {options['labels']} {column.name}"
        )
    many = column.distinct > max(_MOST_CLASSES * column.rows, 1) and column.rows > FEW_NUMBERS
    if many and column.kind in ("id", "text", "number", "label", "date"):
        what = (
            f"it holds texts, give {options['text']} {column.name}"
            if column.words > 3
            else "an id?"
        )
        raise UserError(
            f"{start} {different}: {what}; classes repeat; the data have {_others(column, columns)}"
        )


def _others(column: Column, columns: Mapping[str, Column]) -> str:
    others = [other.describe() for other in columns.values() if other.name != column.name]
    return ", ".join(others) or "no other column"
