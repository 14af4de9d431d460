"""The fields of a task that reads data in more than one form: the set that the data have."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.data.split import Split
from nlpseq.readers.span_forms import SPAN_COLUMNS

SPANS = "spans"
"""Field of spans by offset; its column may have any of `SPAN_COLUMNS` as its name."""

FieldSet = tuple[str, ...]


class ChosenFields(NamedTuple):
    """Fields, and columns of fields that have another name in the data."""

    fields: FieldSet
    columns: dict[str, str]


def choose_fields(
    splits: Mapping[str, Split], columns: Mapping[str, Any], sets: Sequence[FieldSet]
) -> ChosenFields:
    """Choose the first set whose columns the data have; if they have none, that which `columns` is about, or the first.

    Args:
        splits: as they were read.
        columns: `data.columns`.
        sets: fields of the task, in each of the forms that it reads.
    """
    named = {key.rpartition(".")[2] for key in columns}
    split = splits.get("train") or next(iter(splits.values()), None)
    shared = set(sets[0]).intersection(*sets[1:])
    wanted = [fields for fields in sets if named & set(fields) - shared]
    if len(wanted) == 1:
        own = {} if split is None else _columns_of(split, columns, wanted[0])
        return ChosenFields(wanted[0], own or {})
    for fields in sets if split is not None else ():
        assert split is not None
        own = _columns_of(split, columns, fields)
        if own is not None:
            return ChosenFields(fields, own)
    return ChosenFields(sets[0], {})


def _columns_of(
    split: Split, columns: Mapping[str, Any], fields: FieldSet
) -> dict[str, str] | None:
    """Return the columns of fields that are not named in `columns` and have another name; None if one is missing."""
    present = split.rows.column_names
    own: dict[str, str] = {}
    for field in fields:
        if field in present or columns.get(f"{split.name}.{field}", columns.get(field)):
            continue
        lists = [name for name in SPAN_COLUMNS if name in present and _holds_lists(split, name)]
        if field != SPANS or not lists:
            return None
        own[field] = lists[0]
    return own


def _holds_lists(split: Split, column: str) -> bool:
    return not isinstance(getattr(split.rows.features[column], "dtype", None), str)
