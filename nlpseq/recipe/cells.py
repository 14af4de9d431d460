"""The kinds of recurrent cell that a recipe may name: one for each file in `nlpseq/layers/cells/`.

The folder is the table. Only names and first lines of its files are read here, so that recipes are checked without
importing torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from nlpseq import custom_code
from nlpseq.errors import UserError


def _cells() -> dict[str, str]:
    """Read the kinds, in alphabetical order, with the first line of each file."""
    folder = Path(__file__).parents[1] / "layers" / "cells"
    return {
        file.stem: file.read_text(encoding="utf-8").partition("\n")[0].strip('". ')
        for file in sorted(folder.glob("[!_]*.py"))
    }


CELLS = _cells()
"""Each kind with a description in one line."""


def is_cell(kind: object) -> bool:
    """Return whether a kind is in the table, or a class in a file that was given with `--code`."""
    return isinstance(kind, str) and (kind in CELLS or custom_code.is_registered(kind))


def _check_registered(kind: str) -> str:
    if not custom_code.is_custom(kind):
        raise ValueError(
            f"choose {', '.join(CELLS)}, or my_cells.py:MyCell with --code my_cells.py"
        )
    try:
        custom_code.lookup(kind)
    except UserError as error:
        raise ValueError(str(error)) from error
    return kind


if TYPE_CHECKING:
    CellKind = str
else:
    CellKind = Literal[tuple(CELLS)] | Annotated[str, AfterValidator(_check_registered)]
