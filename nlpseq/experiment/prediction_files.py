"""Files of predictions: one JSON line for each example, in the order of the data set."""

import json
from collections.abc import Sequence
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.files import write_lines
from nlpseq.task import Record


def write_predictions(path: Path, records: Sequence[Record]) -> None:
    """Write one JSON line for each example, in the order of the data set."""
    lines = (json.dumps(vars(record), ensure_ascii=False) + "\n" for record in records)
    write_lines(path, lines)


def read_predictions(path: Path) -> list[Record]:
    """Read what `write_predictions` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            rows = [json.loads(line) for line in lines]
        return [
            Record(row["index"], tuple(row["statistics"]), row.get("target"), row.get("prediction"))
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: missing or damaged ({error})") from error
