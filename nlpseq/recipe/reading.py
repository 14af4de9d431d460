"""Recipes as they are written: found by name, read, extended, overridden; nothing is checked yet."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError, suggest

Document = dict[str, Any]
INHERITED = "<inherited>"  # no key of a recipe: brackets
SAME = "same"  # the kind of a decoder that is of the encoder's


def names() -> list[str]:
    """The recipes that come with nlpseq, as `<task>/<name>` or `<task>/<group>/<name>`."""
    return sorted(_below(resources.files("nlpseq.recipes"), ""))


def _below(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif prefix and entry.name.endswith(".toml"):
            yield prefix + entry.name.removesuffix(".toml")


def locate(name: str) -> Traversable:
    """Find a recipe by its name or by the path of a TOML file.

    Raises:
        UserError: there is no such recipe; the nearest name is offered.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if path.is_file():
            return path
        raise UserError(f"recipe {name}: no such file")
    if name not in names():
        raise UserError(
            f"unknown recipe {name!r}{suggest(name, names())} `nlpseq recipes` lists them all"
        )
    return resources.files("nlpseq.recipes").joinpath(*f"{name}.toml".split("/"))


def copy(name: str, destination: Path) -> Path:
    """Copy a recipe to a new file, or into a folder under its own name.

    Returns:
        The file.

    Raises:
        UserError: no such recipe; the file exists, cannot be written, or its name does not end in .toml.
    """
    text = locate(name).read_text(encoding="utf-8")
    path = destination
    if path.is_dir():
        path /= f"{name.rpartition('/')[2].removesuffix('.toml')}.toml"
    if path.suffix != ".toml":
        raise UserError(f"{path}: the name of a recipe ends in .toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{path}: exists already; name another destination") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def read(name: str) -> Document:
    """Read a recipe and the one that it extends.

    Raises:
        UserError: the file is missing, is not TOML, or extends a recipe that itself extends another.
    """
    document = _load(name)
    base_name = document.pop("extends", None)
    if base_name is None:
        return document
    if not isinstance(base_name, str):
        raise UserError(f"recipe {name}: extends = {base_name!r}: write the name of a recipe")
    base = _load(base_name)
    if "extends" in base:
        raise UserError(
            f"recipe {name}: extends {base_name}, which extends another; one level is allowed"
        )
    return merge(base, document)


def _load(name: str) -> Document:
    try:
        return tomllib.loads(locate(name).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"recipe {name}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"recipe {name}, line {line}: not UTF-8") from error
    except OSError as error:
        raise UserError(f"recipe {name}: cannot be read: {error.strerror}") from error


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Document:
    """Lay `changes` over `base`, section by section; within one, a key's new value replaces the old.

    A section whose `kind` changes remembers under `INHERITED` what it has from the other kind: keys
    that the new kind does not have are then left out.
    """
    merged = {**base, **changes}
    for key, old in base.items():
        if isinstance(old, dict) and isinstance(merged[key], dict):
            merged[key] = {**old, **merged[key]}
    asked = {
        (key, name)
        for key, section in changes.items()
        if isinstance(section, dict)
        for name in section
    }
    return _remembering(base, merged, asked)


def _remembering(
    before: Mapping[str, Any], after: Document, asked: set[tuple[str, str]]
) -> Document:
    """Note what sections have from another kind, but for keys that were asked for by name."""
    for key, old in before.items():
        new = after[key]
        if isinstance(old, dict) and isinstance(new, dict):
            changed = _kind(before, key) != _kind(after, key)
            left = old.keys() - {INHERITED} if changed else old.get(INHERITED)
            if left is not None:
                new[INHERITED] = [name for name in left if (key, name) not in asked]
    return after


def _kind(document: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """The kind of a section; where a decoder follows the encoder, with that of the encoder."""
    kind, encoder = document[key].get("kind"), document.get("encoder")
    if key == "decoder" and kind in (None, SAME):
        return SAME, encoder.get("kind") if isinstance(encoder, dict) else None
    return (kind,)


def override(document: Mapping[str, Any], assignments: Iterable[str]) -> Document:
    """Apply `section.key=value` assignments; a value is TOML, or a plain string.

    The value replaces what was there: `data.files={ train = "a.txt" }` leaves no other file.

    Raises:
        UserError: an assignment has no `=` or no key.
    """
    changed = deepcopy(dict(document))
    asked = set()
    for (*sections, last), text in map(_parse, assignments):
        table: Any = changed
        for section in sections:
            if not isinstance(table.get(section), dict):
                table[section] = {}
            table = table[section]
        table[last] = _toml_value(text)
        asked.add((sections[0] if sections else "", last))
    return _remembering(document, changed, asked)


def _parse(assignment: str) -> tuple[list[str], str]:
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise UserError(f"override {assignment!r}: write it as section.key=value")
    return keys, text.strip()


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
