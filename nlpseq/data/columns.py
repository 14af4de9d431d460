"""Columns of the data become fields of the task, as `data.columns` says; one that is not there is an error.

A field from several columns is their texts joined by a space; `labels` from several is the list of those columns
whose value is 1 or true.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nlpseq.data.missing_labels import LEARNT_FROM, without_column
from nlpseq.data.split import ROWS_AT_ONCE, Split, missing_column_error
from nlpseq.errors import UserError, suggest
from nlpseq.readers.conll import WORDS_ALONE
from nlpseq.readers.text import SOURCE_ALONE, TOKENS_ALONE
from nlpseq.recipe import DataConfig

JOINED_BY = " "
"""Between the texts of columns that become one field."""
SEVERAL_LABELS = "labels"
"""The field of lists of labels."""
_YES, _NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no", "", "none", "nan"}

ColumnNames = str | tuple[str, ...]


def columns_of_split(
    columns: Mapping[str, ColumnNames], split: str, fields: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns of a split that become fields, each once.

    Args:
        columns: `data.columns`.
        split: name of the split.
        fields: of the task.
    """
    names = [_columns_of_field(columns, split, field) or field for field in fields]
    return tuple(dict.fromkeys(column for name in names for column in _as_tuple(name)))


def named_fields(
    columns: Mapping[str, ColumnNames], split: str, fields: Sequence[str]
) -> list[str]:
    """Return the fields for which `data.columns` names a column of a split."""
    return [field for field in fields if _columns_of_field(columns, split, field) is not None]


def rename_columns(
    splits: Mapping[str, Split],
    config: DataConfig,
    fields: Sequence[str],
    further_fields: Sequence[str] = (),
    *,
    target_field: str = "",
    from_hub: bool = False,
) -> dict[str, Split]:
    """Rename the columns of every split to the fields of the task.

    Args:
        splits: as they were read.
        config: the recipe's `data` section.
        fields: columns that the task needs.
        further_fields: columns that the task uses if a split has them.
        target_field: the field that is predicted; a split that is not trained on may lack its column.
        from_hub: `hub_columns` apply, before `columns`.

    Raises:
        UserError: `data.columns` has an unknown field or split, or names a column that is not there.
    """
    tables = {"columns": config.columns, "hub_columns": config.hub_columns}
    known = [*fields, *further_fields]
    for table, columns in tables.items():
        in_use = from_hub if table == "hub_columns" else not from_hub
        _check_keys(f"data.{table}", columns, known, splits if in_use else None)
    columns = config.columns | (config.hub_columns if from_hub else {})
    return {
        name: _rename(split, columns, fields, further_fields, target_field)
        for name, split in splits.items()
    }


def _check_keys(
    table: str,
    columns: Mapping[str, ColumnNames],
    fields: Sequence[str],
    splits: Mapping[str, Split] | None,
) -> None:
    """Check that every key is `field` or `split.field`."""
    for key in columns:
        split, _, field = key.rpartition(".")
        if field not in fields:
            raise UserError(
                f"{table}.{key}: the task has no field {field!r}, it has {', '.join(fields)}"
                f"{suggest(field, fields)}".removesuffix(".")
            )
        if split and splits is not None and "train" in splits and split not in splits:
            raise UserError(
                f"{table}.{key}: the data have no split {split!r}, they have {', '.join(splits)}"
                f"{suggest(split, splits)}".removesuffix(".")
            )


def _columns_of_field(
    columns: Mapping[str, ColumnNames], split: str, field: str
) -> ColumnNames | None:
    return columns.get(f"{split}.{field}", columns.get(field))


def _as_tuple(names: ColumnNames) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _rename(
    split: Split,
    columns: Mapping[str, ColumnNames],
    fields: Sequence[str],
    further_fields: Sequence[str],
    target_field: str,
) -> Split:
    """Give every field its column; all names change at once, so two fields may swap theirs."""
    rows = split.rows
    moved: dict[str, str] = {}  # column -> field
    joined: dict[str, tuple[str, ...]] = {}
    for field in [*fields, *further_fields]:
        named = _columns_of_field(columns, split.name, field)
        source = _as_tuple(named or field)
        for column in source:
            if column not in rows.column_names and "." in column:
                rows = rows.flatten()  # nested columns: translation.en
        missing = [column for column in source if column not in rows.column_names]
        if (
            field == target_field
            and split.name not in LEARNT_FROM
            and len(missing) == len(source)
            and f"{split.name}.{field}" not in columns
        ):
            split = without_column(split, " + ".join(source))
            continue
        if missing and (field in fields or named):
            raise _missing_column(missing[0], replace(split, rows=rows))
        if not missing and len(source) > 1:
            joined[field] = source
        elif not missing and source != (field,):
            if source[0] in moved:
                raise UserError(
                    f"data.columns: {field} and {moved[source[0]]} are both the column {source[0]!r}"
                )
            moved[source[0]] = field
    return _move(replace(split, rows=rows), moved, joined)


def _move(split: Split, moved: Mapping[str, str], joined: Mapping[str, tuple[str, ...]]) -> Split:
    """Return a split with columns under new names.

    Args:
        split: with all columns.
        moved: new name of each column.
        joined: columns for each new name.
    """
    from datasets.fingerprint import generate_random_fingerprint

    arrays = {field: combine_columns(split, field, source) for field, source in joined.items()}
    covered = [field for field in [*moved.values(), *joined] if field not in moved]
    rows = split.rows
    rows = rows.remove_columns([name for name in covered if name in rows.column_names])
    rows = rows.rename_columns(dict(moved)) if moved else rows
    for field, array in arrays.items():
        fingerprint = generate_random_fingerprint()  # one of the content would copy all of it
        rows = rows.add_column(field, array, new_fingerprint=fingerprint)
    names = {field: column for column, field in moved.items()}
    names |= {field: " + ".join(source) for field, source in joined.items()}
    return replace(split, rows=rows, names=names)


def _missing_column(column: str, split: Split) -> UserError:
    """Return the error for a column that is not there, with what the reader assumed about names."""
    error = missing_column_error(column, split)
    if alone := next(
        (note for note in (WORDS_ALONE, SOURCE_ALONE, TOKENS_ALONE) if note in split.note), ""
    ):
        return UserError(f"{error}; {alone}: a {split.name} split needs both")
    if {"tokens", "line"} <= set(split.rows.column_names):
        return UserError(f"{error}, and any column by its number: data.columns={{tags=2}}")
    return UserError(f"{error}; {split.note}") if "(data.header=" in split.note else error


def combine_columns(split: Split, field: str, columns: Sequence[str]) -> Any:
    """Return several columns as one: texts joined by a space, or for `labels` a list of column names.

    Raises:
        UserError: a column holds lists, or for `labels` a value is neither yes nor no.
    """
    import pyarrow as pa
    from pyarrow import compute

    rows = split.rows.flatten_indices() if split.rows._indices is not None else split.rows
    if field == SEVERAL_LABELS:
        return pa.array(_label_lists(split, columns), pa.list_(pa.string()))
    texts = []
    for column in columns:
        try:
            text = rows.data.column(column).cast(pa.large_string())
        except pa.ArrowException as error:
            raise UserError(
                f"{split.origin}: column {column!r} of the {split.name} split holds "
                f"{rows.data.column(column).type}, which cannot be joined as text"
            ) from error
        texts.append(compute.if_else(compute.equal(text, ""), None, text))
    separator = pa.scalar(JOINED_BY, pa.large_string())
    return compute.binary_join_element_wise(*texts, separator, null_handling="skip")


def _label_lists(split: Split, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield for each row the names of the columns whose value is yes."""
    row = 0
    for batch in split.rows.iter(ROWS_AT_ONCE):
        for values in zip(*(batch[column] for column in columns), strict=True):
            row += 1
            chosen = []
            for column, value in zip(columns, values, strict=True):
                answer = str(value).strip().lower()
                if answer not in _YES | _NO:
                    raise UserError(
                        f"{split.origin}: row {row} of the {split.name} split has {value!r} in column "
                        f"{column!r}; a column of data.columns.labels holds 1 or 0 (true or false)"
                    )
                if answer in _YES:
                    chosen.append(column)
            yield chosen
