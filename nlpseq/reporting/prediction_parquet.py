"""Predictions as a Parquet file: columns that were read keep their types, added ones have those of the predictions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from nlpseq.errors import UserError
from nlpseq.files import replacing
from nlpseq.predictor import Prediction
from nlpseq.reporting.prediction_records import RecordLayout, check_names

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 20_000
"""Rows of a row group."""
Chunk = tuple[Sequence[Mapping[str, Any]], Sequence[Prediction]]


def write_parquet(
    path: Path, chunks: Iterable[Chunk], layout: RecordLayout, schema: "pa.Schema | None"
) -> None:
    """Write a file under a temporary name, row group by row group, then rename it.

    Args:
        path: of the file.
        chunks: rows as they were read, and a prediction for each.
        layout: the columns.
        schema: types of the columns that were read; None: they are text.

    Raises:
        UserError: a value fits no column, or the file cannot be written; an older file is then unchanged.
    """
    from pyarrow import parquet

    types: pa.Schema | None = None
    writer: Any = None
    with replacing(path) as temporary:
        try:
            for rows, predictions in _regroup(chunks):
                added = [layout.added(prediction) for prediction in predictions]
                if types is None:
                    types = _schema(layout, predictions[0], added, schema)
                    writer = parquet.ParquetWriter(temporary, types)
                writer.write_table(_table(rows, added, types, len(layout.kept)))
        finally:
            if writer is not None:
                writer.close()


def _regroup(chunks: Iterable[Chunk]) -> Iterable[tuple[list[Mapping[str, Any]], list[Prediction]]]:
    rows: list[Mapping[str, Any]] = []
    predictions: list[Prediction] = []
    for more_rows, more_predictions in chunks:
        rows += more_rows
        predictions += more_predictions
        if len(rows) >= ROWS:
            yield rows, predictions
            rows, predictions = [], []
    if rows:
        yield rows, predictions


def _schema(
    layout: RecordLayout,
    first: Prediction,
    added: Sequence[Mapping[str, Any]],
    schema: "pa.Schema | None",
) -> "pa.Schema":
    """Return the types of all columns."""
    import pyarrow as pa

    kept = schema or pa.schema([(name, pa.string()) for name in layout.kept])
    original = {new: name for name, new in layout.renamed.items()}
    names = dict.fromkeys(name for values in added for name in values)
    values: dict[str, Any] = {}
    for record in reversed(added):
        values |= record
    fields = []
    for name in names:
        field = original.get(name, name) if name not in layout.kept else name
        fields.append(pa.field(name, _arrow_type(_hint(type(first), field), values[name])))
    return pa.schema([*kept, *fields], kept.metadata)


def _table(
    rows: Sequence[Mapping[str, Any]],
    added: Sequence[Mapping[str, Any]],
    schema: "pa.Schema",
    num_kept: int,
) -> "pa.Table":
    import pyarrow as pa

    names = schema.names[num_kept:]
    for values in added:
        check_names(values, names)
    columns = []
    for number, field in enumerate(schema):
        records = rows if number < num_kept else added
        try:
            columns.append(pa.array([record.get(field.name) for record in records], field.type))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"column {field.name!r} cannot be written to Parquet as {field.type}: {reason}; write JSON lines"
            ) from error
    return pa.table(columns, schema=schema)


def _hint(kind: type, name: str) -> Any:
    """Return the annotation of an attribute or property."""
    value = getattr(kind, name, None)
    if isinstance(value, property):
        return get_type_hints(value.fget)["return"]
    return get_type_hints(kind)[name]


def _arrow_type(hint: Any, value: Any = None) -> "pa.DataType":
    """Return the type of Arrow for an annotation; the fields of a mapping are the keys of a value."""
    import pyarrow as pa

    simple = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint in simple:
        return simple[hint]
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _arrow_type(inner, value)
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return pa.struct([(name, _arrow_type(inner)) for name, inner in hints.items()])
    if get_origin(hint) is not tuple:  # a mapping
        return pa.struct([(name, _arrow_type(arguments[1])) for name in value])
    return pa.list_(_arrow_type(arguments[0]))
