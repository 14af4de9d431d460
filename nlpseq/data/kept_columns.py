"""Columns that stay beside predictions: the texts of an example, and the columns by which the user knows it again."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nlpseq.data.split import ROWS_AT_ONCE, Split
from nlpseq.errors import UserError, suggest

ALL = "*"
"""In `evaluation.keep_columns`: every column that holds text, numbers or times."""
RECORD_KEYS = frozenset({"index", "statistics", "target", "prediction", "confidences", "fold"})
"""Keys of a prediction that no column may replace."""
_ID = re.compile(r"(.*[^a-z0-9])?(id|uid|uuid|guid|idx|index)", re.IGNORECASE)
_CAMEL_ID = re.compile(r".*[a-z0-9]I[dD]")
_OTHER_PREFIX = "data."


def kept_columns(
    split: Split, text_fields: Sequence[str], wanted: Sequence[str] = ()
) -> dict[str, str]:
    """Return the columns of a split to keep beside its predictions.

    Args:
        split: that is scored.
        text_fields: columns of the texts that the model reads.
        wanted: further columns, by the names that the data give them; `*`: all scalars.

    Returns:
        The column for each key of a prediction: texts, ids, and the wanted ones.

    Raises:
        UserError: a wanted column is not there, or holds lists.
    """
    names = split.rows.column_names
    fields_by_name = {original: field for field, original in split.names.items()}
    chosen = [field for field in text_fields if field in names]
    scalars = [name for name in names if name not in chosen and _is_scalar(split, name)]
    chosen += [name for name in scalars if ALL in wanted or is_id(name)]
    for name in wanted:
        column = name if name in names else fields_by_name.get(name, name)
        if name == ALL or column in chosen:
            continue
        if column not in names:
            raise UserError(
                f"evaluation.keep_columns: the {split.name} split has no column {name!r}, it has "
                f"{', '.join(names)}{suggest(name, names)}".removesuffix(".")
            )
        if column not in scalars:
            raise UserError(
                f"evaluation.keep_columns: column {name!r} of the {split.name} split holds lists; only text, "
                "numbers and times are kept"
            )
        chosen.append(column)
    return {_key(split, name, name in text_fields): name for name in chosen}


def kept_values(
    split: Split, columns: Mapping[str, str], indices: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield the kept values of some examples, as JSON.

    Args:
        split: that was scored.
        columns: from `kept_columns`.
        indices: of the examples.
    """
    if not columns:
        yield from ({} for _ in indices)
        return
    rows = split.rows.select_columns([*columns.values()])
    for begin in range(0, len(indices), ROWS_AT_ONCE):
        part = [*indices[begin : begin + ROWS_AT_ONCE]]
        batch = rows[part]
        values = [batch[name] for name in columns.values()]
        for row in zip(*values, strict=True):
            yield dict(zip(columns, map(_as_json, row), strict=True))


def is_id(name: str) -> bool:
    """Return whether the name of a column says that it identifies rows: `id`, `ticket_id`, `docId`, `idx`."""
    return bool(_ID.fullmatch(name) or _CAMEL_ID.fullmatch(name))


def _key(split: Split, name: str, is_text: bool) -> str:
    original = name if is_text else split.name_of(name)
    return f"{_OTHER_PREFIX}{original}" if original in RECORD_KEYS else original


def _is_scalar(split: Split, name: str) -> bool:
    return isinstance(getattr(split.rows.features[name], "dtype", None), str) and not hasattr(
        split.rows.features[name], "feature"
    )


def _as_json(value: Any) -> Any:
    """Return a value as JSON has it: no NaN, times as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | list):
        return value
    return str(value)
