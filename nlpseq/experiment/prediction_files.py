"""Files of predictions: one JSON line for each example, in the order of the data set.

A line has index, statistics, target and prediction of a `Record`, then the texts that the model read and the columns by
which the user knows the example again. Readers of records need the first two keys only: earlier files have no texts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.data.kept_columns import kept_columns, kept_values
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.files import write_lines
from nlpseq.stored_files import regular_file
from nlpseq.task import Record, Task


def write_predictions(
    path: Path,
    records: Sequence[Record],
    split: Split | None = None,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Write one JSON line for each example, in the order of the data set.

    Args:
        path: of the file.
        records: of the split.
        split: that was scored; None: without its texts.
        columns: to keep beside the records, by key; see `columns_to_keep`.
    """
    kept = (
        ({} for _ in records)
        if split is None or not columns
        else kept_values(split, columns, [record.index for record in records])
    )
    lines = (
        json.dumps({**_as_json(record), **values}, ensure_ascii=False) + "\n"
        for record, values in zip(records, kept, strict=True)
    )
    write_lines(path, lines)


def _as_json(record: Record) -> dict[str, Any]:
    values = dict(vars(record))
    if record.confidences is None:
        del values["confidences"]
    return values


def columns_to_keep(task: Task[Any], split: Split) -> dict[str, str]:
    """Return the columns of a split to keep in its predictions, by key: texts, ids, `evaluation.keep_columns`.

    Raises:
        UserError: a column of `evaluation.keep_columns` is not there, or holds lists.
    """
    return kept_columns(split, task.text_fields, task.recipe.evaluation.keep_columns)


def read_predictions(path: Path) -> list[Record]:
    """Read what `write_predictions` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        regular_file(path.parent, path.name)
        with path.open(encoding="utf-8", newline="\n") as lines:
            rows = [json.loads(line) for line in lines]
        return [
            Record(
                row["index"],
                tuple(row["statistics"]),
                row.get("target"),
                row.get("prediction"),
                row.get("confidences"),
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: missing or damaged ({error})") from error
