"""A file format as one object: its name, the function that reads it, and a line that describes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

AUTO: Final = "auto"
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
"""Names of delimiters that are easier to write in a shell."""
Columns = dict[str, list[Any]]
Header = bool | Literal["auto"]


@dataclass(frozen=True)
class ReadOptions:
    """Options of a recipe for the reader of a file.

    Attributes:
        encoding: a name that Python knows; `auto`: UTF-8, or UTF-16 or UTF-32 with a byte-order mark.
        delimiter: between the fields of a line; `auto`: the format's own, or guessed.
        header: the first line names the columns; `auto`: guessed where the format allows both.
        columns: columns of the file that the task reads if they are there, by name or number; (): unknown.
        named: those of them that the recipe names.
    """

    encoding: str = AUTO
    delimiter: str = AUTO
    header: Header = AUTO
    columns: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


class FileContent(NamedTuple):
    """The rows of a file: columns by name, or a table; `note` says what was skipped or assumed."""

    columns: "Columns | pa.Table"
    note: str = ""


@dataclass(frozen=True)
class Reader:
    """A file format that a recipe can name.

    Attributes:
        name: value of `data.format`.
        read: reads a file, or the files of one split if there are `several`. It raises `UserError` with
            file and line where the content is not in this format. A reader with `options` is also given
            the argument `options`, a `ReadOptions`.
        description: what makes a row, one line for help and documentation.
        columns: the columns that it gives.
        suffixes: usual endings of such files, for the hint after a file in another format.
        several: `data.files` names more than one file for a split, separated by commas.
        options: fields of `ReadOptions` that it follows; a recipe that sets another one is refused.
        folders: `data.files` may name a folder, or several files with `*`.
    """

    name: str
    read: Callable[..., FileContent]
    description: str
    columns: str
    suffixes: tuple[str, ...] = ()
    several: bool = False
    options: tuple[str, ...] = ()
    folders: bool = False
