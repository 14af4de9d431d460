"""A file format as one object: its name, the function that reads it, and a line that describes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, list[Any]]


class FileContent(NamedTuple):
    """The rows of a file: columns by name, or a table; `note` says what was skipped."""

    columns: "Columns | pa.Table"
    note: str = ""


@dataclass(frozen=True)
class Reader:
    """A file format that a recipe can name.

    Attributes:
        name: value of `data.format`.
        read: reads a file, or the files of one split if there are `several`. It raises `UserError` with
            file and line where the content is not in this format.
        description: what makes a row, one line for help and documentation.
        columns: the columns that it gives.
        suffixes: usual endings of such files, for the hint after a file in another format.
        several: `data.files` names more than one file for a split, separated by commas.
    """

    name: str
    read: Callable[..., FileContent]
    description: str
    columns: str
    suffixes: tuple[str, ...] = ()
    several: bool = False
