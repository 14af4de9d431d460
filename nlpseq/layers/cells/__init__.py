"""The kinds of recurrent cell: each file here is one kind, and its name is the value of `encoder.kind`.

To add a kind, add a file with one subclass of `Cell` (`layers/cell.py`) and a test; its first line describes the
kind in `nlpseq recipes keys`. Start with `rnn` and `lstm`; `mingru` is the shortest cell with a fast sweep.
"""

import importlib
import pkgutil
from typing import Any

import torch

from nlpseq import custom_code
from nlpseq.errors import UserError, suggest
from nlpseq.layers.cell import Cell, RecurrentCell

__all__ = ["KINDS", "Cell", "RecurrentCell", "build_cell", "cell_class"]

KINDS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""The names of the kinds. `nlpseq.recipe.cells` reads the same folder, without importing torch."""

_DEFAULTS: dict[str, object] = {"nonlinearity": "tanh", "weight_drop": 0.0}


def cell_class(kind: str) -> type[Cell]:
    """Return the class of a kind of cell.

    Args:
        kind: one of `KINDS`, or `<file>.py:<Class>` of a file that was given with `--code`.

    Raises:
        UserError: there is no such kind, or the user's class is no cell.
    """
    if custom_code.is_custom(kind):
        return _custom_class(kind)
    if kind not in KINDS:
        raise UserError(f"unknown cell {kind!r}: choose {', '.join(KINDS)}{suggest(kind, KINDS)}")
    module = importlib.import_module(f"{__name__}.{kind}")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Cell)
        and value.__module__ == module.__name__
    )


def build_cell(
    kind: str, input_size: int, hidden_size: int, *, kernel: str = "auto", **options: Any
) -> Cell:
    """Build a cell.

    Args:
        kind: see `cell_class`.
        input_size: D.
        hidden_size: H.
        kernel: "auto" runs the fast `step` and `sweep` of the kind; "equations" runs its `equations` instead.
        **options: `nonlinearity` and `weight_drop`; a kind without weight drop refuses it.

    Raises:
        UserError: unknown kind or kernel, an option that the kind does not have, or a faulty custom cell.
    """
    if kernel not in ("auto", "equations"):
        raise UserError(f"unknown kernel {kernel!r}: choose auto or equations")
    kind_class = cell_class(kind)
    if options.get("weight_drop") and "weight_drop" not in kind_class.options:
        raise UserError(
            f"weight_drop: a cell of kind {kind} has no recurrent weights to drop; set it to 0"
        )
    given = {
        name: value
        for name, value in options.items()
        if name in kind_class.options and value != _DEFAULTS[name]
    }
    if kernel == "equations" or _is_outdated(kind_class):
        kind_class = _by_equations(kind_class)
    if custom_code.is_custom(kind):
        return _build_custom(kind, kind_class, input_size, hidden_size, given)
    return kind_class(input_size, hidden_size, **given)


def _by_equations(kind_class: type[Cell]) -> type[Cell]:
    """Return a subclass of the same name that runs `equations` for each step."""
    members = {
        "step": Cell.step,
        "sweep": Cell.sweep,
        "__module__": kind_class.__module__,
        "__qualname__": kind_class.__qualname__,
        "__doc__": kind_class.__doc__,
    }
    return type(kind_class.__name__, (kind_class,), members)


def _is_outdated(kind_class: type[Cell]) -> bool:
    """Return whether a subclass rewrote `equations` and inherits a `step` or `sweep` of the old ones."""
    order = kind_class.__mro__

    def depth(name: str) -> int:
        return next(index for index, parent in enumerate(order) if name in vars(parent))

    return depth("equations") < max(depth("step"), depth("sweep"))


def _custom_class(kind: str) -> type[Cell]:
    custom = custom_code.lookup(kind, "encoder.kind")
    if not issubclass(custom, Cell):
        raise UserError(
            f"encoder.kind = {kind!r} is not a Cell: derive it from nlpseq.layers.cells.Cell "
            "or RecurrentCell"
        )
    if custom.equations is Cell.equations:
        raise UserError(f"encoder.kind = {kind!r} has no method equations(self, inputs, state)")
    return custom


def _build_custom(
    kind: str, kind_class: type[Cell], input_size: int, hidden_size: int, options: dict[str, Any]
) -> Cell:
    """Build a user's cell, and run one step of it on zeros to check the shapes."""
    try:
        cell = kind_class(input_size, hidden_size, **options)
        zeros = torch.zeros(2, hidden_size)
        with torch.no_grad():
            state = cell.step(torch.zeros(2, input_size), (zeros,) * cell.num_states)
    except Exception as error:
        raise UserError(
            f"encoder.kind = {kind!r} fails in one step on zeros: {custom_code.describe(error)}"
        ) from error
    shapes = [tuple(part.shape) for part in state] if isinstance(state, tuple) else []
    if shapes != [(2, hidden_size)] * cell.num_states:
        raise UserError(
            f"encoder.kind = {kind!r}: equations must return a tuple of {cell.num_states} tensors "
            f"(batch, hidden_size), as num_states = {cell.num_states} says"
        )
    return cell
