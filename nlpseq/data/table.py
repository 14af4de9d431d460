"""One table in memory becomes a `Dataset`: pandas, polars, pyarrow, lists of dicts, dicts of columns.

pandas and polars are never imported: an object can only be theirs if the user's program has imported them.
Rows have no index: what a column does not hold is not read. NaN, NA and None are null.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nlpseq.errors import UserError
from nlpseq.readers.span_forms import as_span_column

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Attributes:
        rows: its rows.
        kind: the user's type, for messages: `pandas.DataFrame`.
        unreadable: columns that no table of Arrow can hold, with the reason; an error if one of them is needed.
        note: what was done to read it.
    """

    rows: "Dataset"
    kind: str
    unreadable: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def is_from(value: object, module: str, name: str) -> bool:
    """Return whether a value is an instance of a class of a library that may not be installed."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def kind_of(value: object) -> str:
    """Return the name of a type with that of its library: `pandas.DataFrame`, `list`."""
    library = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    return name if library == "builtins" else f"{library}.{name}"


def is_table(value: object) -> bool:
    """Return whether `read_table` can read a value, by its type alone."""
    if is_column(value) or isinstance(value, str | bytes):
        return False
    return (
        _is_dataset(value)
        or is_from(value, "pandas", "DataFrame")
        or is_from(value, "polars", "DataFrame")
        or is_from(value, "polars", "LazyFrame")
        or hasattr(value, "__arrow_c_stream__")
        or (isinstance(value, Mapping) and _are_columns(list(value.values())))
        or (isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value))
    )


def _are_columns(values: Sequence[object]) -> bool:
    """Return whether the values of a dict are columns; if all are lists of dicts, they are tables."""
    lists = [isinstance(value, list | tuple) or is_column(value) for value in values]
    return all(lists) and any(map(is_column, values))


def is_column(value: object) -> bool:
    """Return whether a value is one column: a list without dicts, an array, a Series or a `Column`."""
    if isinstance(value, list | tuple):
        return not value or not any(isinstance(item, Mapping) for item in value)
    if isinstance(value, range):
        return True
    return (
        is_from(value, "numpy", "ndarray")
        or is_from(value, "pandas", "Series")
        or is_from(value, "pandas", "Index")
        or is_from(value, "polars", "Series")
        or is_from(value, "pyarrow", "Array")
        or is_from(value, "pyarrow", "ChunkedArray")
        or is_from(value, "datasets", "Column")
    )


def read_table(value: Any, where: str) -> Table:
    """Read a table.

    Args:
        value: for which `is_table` is true.
        where: the argument, for messages: `data`, `data['test']`.

    Raises:
        UserError: it has no rows, two columns of one name, or columns of different lengths.
    """
    kind, note = kind_of(value), ""
    if _is_dataset(value):
        rows = value.with_format(None)
        _check_size(len(rows), where, kind)
        return Table(rows, kind)
    if is_from(value, "polars", "LazyFrame"):
        value, note = value.collect(), "a lazy frame, which was collected"
    columns = _columns(value, where)
    if isinstance(value, Mapping):
        _check_lengths(columns, where)
    if (twice := Counter(name for name, _ in columns).most_common(1)) and twice[0][1] > 1:
        raise UserError(f"{where}: several columns are named {twice[0][0]!r}; rename one of them")
    table, unreadable = to_arrow(columns)
    return Table(to_dataset(table, unreadable, where, kind), kind, unreadable, note)


def to_dataset(
    table: "pa.Table", unreadable: Mapping[str, str], where: str, kind: str
) -> "Dataset":
    """Return a table of Arrow as a `Dataset`.

    Raises:
        UserError: it has no column or no row.
    """
    from datasets import Dataset

    if not table.column_names:
        name, reason = next(iter(unreadable.items()), ("", "there is none"))
        raise UserError(f"{where}: no column can be read: {name} ({reason})")
    _check_size(len(table), where, kind)
    return Dataset(table)


def _is_dataset(value: object) -> bool:
    return is_from(value, "datasets", "Dataset")


def _check_size(number: int, where: str, kind: str) -> None:
    if not number:
        raise UserError(f"{where}: the {kind} has no rows")


def _columns(value: Any, where: str) -> list[tuple[str, Any]]:
    """Return name and values of each column."""
    if is_from(value, "pandas", "DataFrame"):
        names = map(_name, value.columns)
        return [(name, value.iloc[:, index]) for index, name in enumerate(names)]
    if is_from(value, "polars", "DataFrame"):
        return [(column.name, column) for column in value.get_columns()]
    if isinstance(value, Mapping):
        return [(_name(name), column) for name, column in value.items()]
    if isinstance(value, list | tuple):
        return columns_of(value)
    import pyarrow as pa

    table = value if isinstance(value, pa.Table) else pa.table(value)
    return list(zip(table.column_names, table.columns, strict=True))


def columns_of(rows: Sequence[Mapping[Any, Any]]) -> list[tuple[str, list[Any]]]:
    """Return the columns of rows; a value that a row lacks is None."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [(_name(name), [row.get(name) for row in rows]) for name in names]


def _name(name: object) -> str:
    """Return the name of a column as text; levels of a name in pandas are joined by dots."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _check_lengths(columns: Sequence[tuple[str, Any]], where: str) -> None:
    first, values = columns[0]
    for name, other in columns:
        if len(other) != len(values):
            raise UserError(
                f"{where}: column {name!r} has {len(other):,} values, {first!r} has {len(values):,}"
            )


def to_arrow(columns: Iterable[tuple[str, Any]]) -> tuple["pa.Table", dict[str, str]]:
    """Return the columns that a table of Arrow can hold, and the reasons for those that it cannot."""
    import datasets
    import pyarrow as pa

    arrays: dict[str, pa.ChunkedArray] = {}
    unreadable: dict[str, str] = {}
    for name, values in columns:
        try:
            array = _plain(_to_array(_with_spans(values)))
            datasets.Features.from_arrow_schema(pa.schema([(name, array.type)]))
            arrays[name] = array
        except Exception as error:  # each library has errors of its own
            unreadable[name] = " ".join(str(error).split())[:120] or type(error).__name__
    return pa.table(arrays), unreadable


def _with_spans(values: Any) -> Any:
    """Return a column of spans such as `[[0, 3, "PER"]]` as records, which Arrow can hold; others unchanged."""
    if isinstance(values, list | tuple):
        return as_span_column(values)
    return (
        as_span_column(list(values))
        if is_from(values, "pandas", "Series") and values.dtype == object
        else values
    )


def _to_array(values: Any) -> "pa.ChunkedArray":
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values
    if is_from(values, "polars", "Series"):
        array = values.to_arrow()
    elif isinstance(values, pa.Array):
        array = values
    else:
        known = is_from(values, "pandas", "Series") or is_from(values, "numpy", "ndarray")
        array = pa.array(values if known else list(values), from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _plain(array: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Return an array of values: categories and enums as their names, encoded runs and views written out."""
    import pyarrow.compute as pc

    if str(array.type).startswith("run_end_encoded"):
        array = pc.run_end_decode(array)
    plain = _plain_type(array.type)
    return array if plain == array.type else array.cast(plain)


def _plain_type(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if types.is_large_list(kind):
        return pa.large_list(_plain_type(kind.value_type))
    return kind
