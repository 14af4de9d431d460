"""Columns of the data become fields of the task, as `data.columns` says; one that is not there is an error."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nlpseq.data.split import Split, missing_column_error
from nlpseq.errors import UserError, suggest
from nlpseq.recipe import DataConfig


def rename_columns(
    splits: Mapping[str, Split],
    config: DataConfig,
    fields: Sequence[str],
    further_fields: Sequence[str] = (),
    *,
    from_hub: bool = False,
) -> dict[str, Split]:
    """Rename the columns of every split to the fields of the task.

    Args:
        splits: as they were read.
        config: the recipe's `data` section.
        fields: columns that the task needs.
        further_fields: columns that the task uses if a split has them.
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
    return {name: _rename(split, columns, fields, further_fields) for name, split in splits.items()}


def _check_keys(
    table: str,
    columns: Mapping[str, str],
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


def _rename(
    split: Split, columns: Mapping[str, str], fields: Sequence[str], further_fields: Sequence[str]
) -> Split:
    rows, names = split.rows, {}
    for field in [*fields, *further_fields]:
        named = columns.get(f"{split.name}.{field}", columns.get(field))
        column = named or field
        if column not in rows.column_names and "." in column:
            rows = rows.flatten()  # nested columns of the Hub: translation.en
        if column not in rows.column_names:
            if field in fields or named:
                raise missing_column_error(column, split)
            continue
        if column != field and field in rows.column_names:
            rows = rows.remove_columns(field)
        if column != field:
            rows = rows.rename_column(column, field)
            names[field] = column
    return replace(split, rows=rows, names=names)
