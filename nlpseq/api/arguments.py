"""Arguments that several functions take: types, and data with the changes to a recipe."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.argument_checks import checked

if TYPE_CHECKING:
    from nlpseq.data.in_memory import LocalData

Folder = str | Path
Files = str | Path | Iterable[str | Path]
Device = str | None
Column = str | Sequence[str]
Columns = Mapping[str, str | Sequence[str]] | None


def data_and_changes(
    names: Sequence[str | Path],
    data: Any,
    columns: Columns,
    options: Mapping[str, Any] | None,
    data_dir: str | Path | None,
    overrides: Mapping[str, Any],
    code: Files,
) -> "tuple[LocalData | None, list[str]]":
    """Return the data that a call gives, and its changes to recipes; files with code are read first."""
    from nlpseq.custom_code import register
    from nlpseq.given_data import data_for
    from nlpseq.recipe import to_assignments

    folder = checked(data_dir=data_dir)["data_dir"]
    register(code)
    given = data_for([str(name) for name in names], data, columns, options)
    return given.beside(folder), [*given.assignments, *to_assignments(overrides)]


def as_name(column: Column) -> str | tuple[str, ...]:
    """Return the name of a column, or a tuple of the names of several."""
    return column if isinstance(column, str) else tuple(column)
