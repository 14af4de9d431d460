"""Predictions as records with columns: those of a table that was read, and what is predicted beside them.

`RecordLayout` settles the columns; `RecordRenderer` writes CSV, TSV and JSON lines chunk by chunk;
`prediction_parquet` writes Parquet.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nlpseq.errors import UserError
from nlpseq.predictor import Prediction, TaggedText
from nlpseq.readers.span_forms import SPAN_COLUMNS

CSV, TSV, PARQUET = "csv", "tsv", "parquet"
SPANS = "spans"
TABLES = (CSV, TSV, PARQUET)
"""Formats that have columns."""
SUFFIXES = {".csv": CSV, ".tsv": TSV, ".tab": TSV, ".parquet": PARQUET}
_TEXTS = ("text", "text2")


@dataclass(frozen=True)
class RecordLayout:
    """The columns of the records of one file.

    Attributes:
        kept: columns of the table that was read.
        shows_text: the texts are among them.
        tokens: see `Prediction.to_record`.
        probabilities: see `Prediction.to_record`.
        delimiter: of CSV.
        quoted: fields with a delimiter, a quotation mark or a line end are quoted; False: in such a field they
            become spaces.
    """

    kept: tuple[str, ...] = ()
    shows_text: bool = False
    tokens: bool = False
    probabilities: bool = False
    delimiter: str = ","
    quoted: bool = True

    def record(self, columns: Mapping[str, Any], prediction: Prediction) -> dict[str, Any]:
        """Return the object of a line of JSON."""
        values = prediction.to_record(tokens=self.tokens, probabilities=self.probabilities)
        return {**columns, **self._added(values)}

    def added(self, prediction: Prediction) -> dict[str, Any]:
        """Return what is predicted, by column; `label` is `predicted_label` in a table that has a `label`."""
        values = prediction.to_columns(tokens=self.tokens, probabilities=self.probabilities)
        return self._added(values)

    def flat(self, prediction: Prediction) -> dict[str, Any]:
        """Return what is predicted, with a column for each class: `probabilities.positive`."""
        flat: dict[str, Any] = {}
        for name, value in self.added(prediction).items():
            if isinstance(value, Mapping):
                flat |= {f"{name}.{key}": item for key, item in value.items()}
            else:
                flat[name] = value
        return flat

    def cells(self, columns: Mapping[str, Any]) -> list[str]:
        """Return the cells of a row that was read."""
        return [as_cell(columns.get(name)) for name in self.kept]

    def line(self, cells: Sequence[str]) -> str:
        """Return cells as one record of CSV or TSV."""
        if not self.quoted:
            flat = (cell.replace("\n", " ").replace(self.delimiter, " ") for cell in cells)
            return self.delimiter.join(flat) + "\n"
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        return buffer.getvalue()

    def records(self, lines: Iterable[str]) -> Iterable[list[str]]:
        """Return the cells of records that `line` wrote."""
        if self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=True)
        return (line.removesuffix("\n").split(self.delimiter) for line in lines)

    def _added(self, values: Mapping[str, Any]) -> dict[str, Any]:
        left_out = _TEXTS if self.shows_text else ()
        return {
            self.renamed.get(name, name): value
            for name, value in values.items()
            if name not in left_out
        }

    @cached_property
    def renamed(self) -> dict[str, str]:
        """New names for those that the table has already."""
        renamed = {}
        for name in self.kept:
            new, number = f"predicted_{name}", 1
            while new in self.kept:
                number += 1
                new = f"predicted_{name}_{number}"
            renamed[name] = new
        return renamed


def span_record(columns: Mapping[str, Any], spans: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object of a text with spans, beside the other columns of its row.

    Spans that the row has are left out, as a reader would take them for those that are predicted; another column
    with the name of a key of `spans` is `data.NAME`.
    """
    kept = {}
    for name, value in columns.items():
        if value == spans["text"] or (name in SPAN_COLUMNS and isinstance(value, list | Mapping)):
            continue
        kept[f"data.{name}" if name in spans else name] = value
    return {**kept, **spans}


class RecordRenderer:
    """Renders chunks of predictions with their rows as CSV, TSV or JSON lines.

    Args:
        layout: the columns.
        format: json, spans, csv or tsv.
        names: columns of the predictions, if a file with them is continued; else the first chunk settles them.
    """

    def __init__(self, layout: RecordLayout, format: str, names: Sequence[str] = ()) -> None:
        self._layout, self._format, self._names = layout, format, tuple(names)

    def render(self, rows: Sequence[Mapping[str, Any]], predictions: Sequence[Prediction]) -> str:
        """Return the lines of a chunk, before the first one with the names of the columns.

        Raises:
            UserError: a value cannot be written in this format.
        """
        layout = self._layout
        if self._format == SPANS:
            spans = [
                prediction.to_spans()
                for prediction in predictions
                if isinstance(prediction, TaggedText)
            ]
            return "".join(f"{as_json(record)}\n" for record in map(span_record, rows, spans))
        if self._format == "json":
            records = map(layout.record, rows, predictions)
            return "".join(f"{as_json(record)}\n" for record in records)
        added = [layout.flat(prediction) for prediction in predictions]
        lines = []
        if not self._names:
            self._names = tuple(dict.fromkeys(name for values in added for name in values))
            lines.append(layout.line([*layout.kept, *self._names]))
        for columns, values in zip(rows, added, strict=True):
            check_names(values, self._names)
            cells = [as_cell(values.get(name)) for name in self._names]
            lines.append(layout.line([*layout.cells(columns), *cells]))
        return "".join(lines)


def check_names(values: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that a prediction has no column that the first ones lacked.

    Raises:
        UserError: it has one.
    """
    if new := next((name for name in values if name not in names), None):
        raise UserError(
            f"the predictions have the column {new!r} only now, and a table cannot get a new one; write JSON lines"
        )


def as_json(value: Any) -> str:
    """Return a value as JSON on one line; a number that is not finite is null.

    Raises:
        UserError: it holds bytes.
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def as_cell(value: object) -> str:
    """Return a value as the text of a cell: nothing for None, JSON for lists and objects.

    Raises:
        UserError: it holds bytes.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list | tuple | Mapping):
        return as_json(value)
    return str(value if isinstance(value, bool | int | float) else _plain(value))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> str:
    """Return a value of a Parquet column, such as a date, as JSON can hold it."""
    if isinstance(value, bytes | bytearray):
        raise UserError(
            "a column holds bytes, which CSV and JSON cannot hold; write --output FILE.parquet"
        )
    convert: Callable[[], str] | None = getattr(value, "isoformat", None)
    return convert() if convert is not None else str(value)
