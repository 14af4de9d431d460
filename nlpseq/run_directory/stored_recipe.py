"""The recipe that a run was started with: recipe.toml, or its copy in config.json or a checkpoint if that is lost."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w

from nlpseq.errors import UserError
from nlpseq.files import write_text
from nlpseq.stored_files import read_bytes, read_object

from .records import RECIPE
from .replacement import NEXT, complete

CONFIG, CHECKPOINTS, STATE = "config.json", "checkpoints", "state.json"
ENVIRONMENT = ("versions", "device", "threads")
"""Keys of a checkpoint's state.json, see `nlpseq.training.environment`."""


def stored_recipe(folder: Path) -> dict[str, Any] | None:
    """Return the recipe of a run as a document; None if none can be read."""
    for document in _documents(folder):
        if document is not None and document.get("task"):
            return document
    return None


def recorded_environment(folder: Path) -> dict[str, Any]:
    """Return versions, device and threads of the newest checkpoint of a run; {} if there is none."""
    for path in _checkpoints(folder):
        with suppress(OSError, UserError):
            state = read_object(path, STATE)
            return {name: state[name] for name in ENVIRONMENT if name in state}
    return {}


def recover(folder: Path) -> None:
    """Complete what an interrupted command began in the folder of a run: its replacement, its recipe.toml.

    Raises:
        UserError: the folder cannot be written.
    """
    complete(folder)
    restore_recipe(folder)


def restore_recipe(folder: Path) -> bool:
    """Write recipe.toml again if it is lost or damaged and a copy of it is left; return whether it was.

    Raises:
        UserError: it cannot be written.
    """
    if (folder / NEXT).is_dir() or _toml(folder) is not None:
        return False
    document = stored_recipe(folder)
    if document is None:
        return False
    write_text(folder / RECIPE, tomli_w.dumps(_without_none(document)))
    return True


def _documents(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the recipes in a folder, the most reliable one first."""
    if (folder / NEXT).is_dir():  # of the run that replaces the others
        yield _toml(folder / NEXT)
    yield _toml(folder)
    if not (folder / NEXT).is_dir():
        yield _recipe_in(folder, CONFIG)
        for path in _checkpoints(folder):
            yield _recipe_in(path, STATE)


def _checkpoints(folder: Path) -> list[Path]:
    """Return the folders of the checkpoints, the newest first."""
    return sorted((folder / CHECKPOINTS).glob("step-????????"), reverse=True)


def _toml(folder: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(read_bytes(folder, RECIPE).decode("utf-8-sig")) or None
    except (OSError, ValueError, RecursionError, UserError):
        return None


def _recipe_in(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the key `recipe` of a JSON file."""
    try:
        recipe = read_object(folder, name).get("recipe")
    except (OSError, UserError):
        return None
    return recipe if isinstance(recipe, dict) else None


def _without_none(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without the keys that have no value, which TOML cannot write."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in document.items()
        if value is not None
    }
