"""Paths in a recipe are relative to the file that says them, not to the working folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError

Document = dict[str, Any]
"""A recipe as TOML tables, not yet validated."""

_ALWAYS = ("extends", "data.folder")
"""Keys of paths that are nothing else."""
_PATHS = ("folder", "path", "pretrained", "init_from")
"""Last parts of the keys that may be paths; the others may be names of the Hub or of files in the data folder."""


def resolve(document: Document, name: str) -> Document:
    """Make the paths in a file of the user relative to the working folder, from where files are opened.

    Args:
        document: as it was read; it is changed.
        name: name of a recipe, or path of its file.
    """
    if not name.endswith(".toml"):
        return document
    folder = Path(name).parent
    for key, path in relative_paths(document).items():
        if key in _ALWAYS or _is_there(folder / path):
            section, _, last = key.rpartition(".")
            table = document[section] if section else document
            table[last] = str(folder / path)
    return document


def check_copy(document: Mapping[str, Any], name: str, folder: Path) -> None:
    """Check that a copy of a user's recipe in another folder would name the same files.

    Raises:
        UserError: a path in it is relative to its own folder.
    """
    source = Path(name).parent
    if folder.resolve() == source.resolve():
        return
    for key, path in relative_paths(document).items():
        if key in _ALWAYS or _is_there(source / path):
            raise UserError(
                f"recipe {name}: {key} = {path!r} is relative to its folder; copy it within {source}, or make "
                "the path absolute first"
            )


def relative_paths(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the relative paths in a recipe by their keys, whether or not there is such a file."""
    paths = {key: path for key, path in _strings(document) if key.rpartition(".")[2] in _PATHS}
    base = document.get("extends")
    if isinstance(base, str) and base.endswith(".toml"):
        paths["extends"] = base
    return {key: path for key, path in paths.items() if not Path(path).is_absolute()}


def _strings(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the strings above all sections and in sections; tables inside a section hold no paths."""
    for name, value in document.items():
        section = value if isinstance(value, dict) else {}
        keys = {name: value} | {f"{name}.{key}": item for key, item in section.items()}
        for key, item in keys.items():
            if isinstance(item, str) and item and key.count(".") == (item is not value):
                yield key, item


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or path.with_name(f"{path.name}.gz").is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
