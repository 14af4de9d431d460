"""Recipes before validation: find, read, extend, override and copy TOML documents."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError, suggest
from nlpseq.wording import abbreviate, shorten

from . import paths
from .paths import Document as Document

INHERITED = "<inherited>"  # brackets: never a key of a recipe
SAME = "same"  # the decoder kind that follows the encoder's kind

# Find and read


def names() -> list[str]:
    """Return the names of the shipped recipes: `<folder>/<name>` or `<folder>/<group>/<name>`."""
    return sorted(_names_below(resources.files("nlpseq.recipes"), ""))


def _names_below(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names_below(entry, f"{prefix}{entry.name}/")
        elif prefix and entry.name.endswith(".toml"):
            yield prefix + entry.name.removesuffix(".toml")


def locate(name: str) -> Traversable:
    """Find a recipe by its name or by the path of a TOML file.

    Raises:
        UserError: there is no such recipe; the message names similar ones.
    """
    if name.endswith(".toml"):
        path = Path(name)
        with suppress(OSError):  # a name that no file can have
            if path.is_file():
                return path
        raise UserError(f"recipe {name}: no such file")
    if name not in names():
        raise UserError(f"unknown recipe {abbreviate(name)}{_similar_names(name)}")
    return resources.files("nlpseq.recipes").joinpath(*f"{name}.toml".split("/"))


def _similar_names(name: str) -> str:
    """Return the end of an error line: the recipes of a folder or task, or the nearest name."""
    known = names()
    group = [recipe for recipe in known if recipe.startswith(f"{name.rstrip('/')}/")]
    group = group or [recipe for recipe in known if name == read_document(recipe)["task"]]
    if group:
        return f"; recipes of {name}: {', '.join(group)}"
    same_stem = [recipe for recipe in known if recipe.endswith(f"/{name}")]
    if same_stem:
        return f"; did you mean {' or '.join(map(repr, same_stem))}?"
    return f"{suggest(name, known)} `nlpseq recipes` lists all of them"


def read_document(name: str) -> Document:
    """Read a recipe and the recipes that it extends, over any number of levels.

    A path in a recipe is relative to the recipe that says it: `extends` and `data.folder` always; the paths of
    tokenizers, vectors and runs where there is such a file or folder, as they may be names of the Hub.

    Raises:
        UserError: a file is missing or is not TOML, or recipes extend each other in a circle.
    """
    return _read_extended(name, ())


def _read_extended(name: str, chain: tuple[str, ...]) -> Document:
    """Read a recipe that is extended by those of `chain`, the first of which the user has named."""
    if _identity(name) in map(_identity, chain):
        circle = " extends ".join(
            [*chain[list(map(_identity, chain)).index(_identity(name)) :], name]
        )
        raise UserError(f"recipe {chain[0]}: a circle, {circle}")
    try:
        document = _read_toml(name)
    except UserError as error:
        raise UserError(f"{error} ({chain[-1]} extends it)") if chain else error from None
    document = paths.resolve(document, name)
    base_name = document.pop("extends", None)
    if base_name is None:
        return document
    if not isinstance(base_name, str) or not base_name:
        raise UserError(
            f"recipe {name}: extends = {abbreviate(base_name)}: write the name of a recipe"
        )
    return merge(_read_extended(base_name, (*chain, name)), document)


def _identity(name: str) -> str:
    """Return one spelling for each recipe."""
    return str(Path(name).resolve()) if name.endswith(".toml") else name


def _read_toml(name: str) -> Document:
    try:
        document = tomllib.loads(locate(name).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"recipe {name}, line {line}: not UTF-8") from error
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UserError(f"recipe {name}: not valid TOML: {reason}") from error
    except OSError as error:
        raise UserError(f"recipe {name}: cannot be read: {error.strerror}") from error
    for section, value in document.items():
        _check_reserved(section, value, f"recipe {name}")
    return document


def _check_reserved(section: str, value: Any, origin: str) -> None:
    """Refuse the mark of inherited keys where a user writes it."""
    if isinstance(value, dict) and INHERITED in value:
        raise UserError(f"{origin}: unknown key {section}.{INHERITED}")


def copy(name: str, destination: Path) -> Path:
    """Copy a recipe to a new file, or into a folder under its own name.

    Returns:
        The file.

    Raises:
        UserError: no such recipe; the file exists, cannot be written, or its name does not end in .toml.
    """
    text = locate(name).read_text(encoding="utf-8")
    path = destination
    if name.endswith(".toml"):
        paths.check_copy(_read_toml(name), name, path if path.is_dir() else path.parent)
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


# Extend and override


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Document:
    """Lay `changes` over `base`, section by section; within a section, new values replace old ones.

    A section whose `kind` changes lists under `INHERITED` the keys it has from the old kind, each with the kinds
    that it has come through, so that validation can drop those which one of them does not have.
    """
    merged = {**base, **changes}
    for key, old in base.items():
        if isinstance(old, dict) and isinstance(merged[key], dict):
            merged[key] = {**old, **merged[key]}
    given = {
        (key, name)
        for key, section in changes.items()
        if isinstance(section, dict)
        for name in section
    }
    return _mark_inherited(base, merged, given)


def override(document: Mapping[str, Any], assignments: Iterable[str]) -> Document:
    """Apply `section.key=value` assignments; a value is TOML, or a plain string.

    A value replaces the old one as a whole: `data.files={ train = "a.txt" }` leaves no other file.

    Raises:
        UserError: an assignment has no `=` or no key.
    """
    changed = dict(document)
    given = set()
    for (*sections, last), text in map(_split_assignment, assignments):
        value = _parse_value(".".join([*sections, last]), text)
        _check_reserved(".".join(sections), {last: value}, "override")
        _check_reserved(last, value, "override")
        table: Any = changed
        for section in sections:
            inner = table.get(section)
            table[section] = dict(inner) if isinstance(inner, dict) else {}
            table = table[section]
        table[last] = value
        given.add((sections[0] if sections else "", last))
    return _mark_inherited(document, changed, given)


def _mark_inherited(
    before: Mapping[str, Any], after: Document, given: set[tuple[str, str]]
) -> Document:
    """List the keys that sections have from another kind, except those given by name."""
    for key, old in before.items():
        new = after[key]
        if isinstance(old, dict) and isinstance(new, dict):
            changed = _kind(before, key) != _kind(after, key)
            inherited: dict[str, list[Any]] | None = old.get(INHERITED)
            if changed:  # every key goes through one more kind
                passed, new_kind = inherited or {}, _kind(after, key)[-1]
                names = old.keys() - {INHERITED}
                inherited = {name: [*passed.get(name, ()), new_kind] for name in names}
            if inherited is not None:
                kept = {
                    name: kinds for name, kinds in inherited.items() if (key, name) not in given
                }
                after[key] = {**new, INHERITED: kept}
    return after


def _kind(document: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """Return the kind of a section; for a decoder that follows the encoder, also the encoder's kind."""
    kind, encoder = document[key].get("kind"), document.get("encoder")
    if key == "decoder" and kind in (None, SAME):
        return SAME, encoder.get("kind") if isinstance(encoder, dict) else None
    return (kind,)


def _split_assignment(assignment: str) -> tuple[list[str], str]:
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise UserError(f"override {abbreviate(assignment)}: write it as section.key=value")
    return keys, text.strip()


def _parse_value(key: str, text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UserError(f"override {shorten(key, 80)} = {abbreviate(text)}: {reason}") from error
    return document["value"] if len(document) == 1 else text  # a string with line ends


def to_assignments(overrides: Mapping[str, object]) -> list[str]:
    """Return Python keyword arguments as assignments for `override`.

    >>> to_assignments({"seed": 14, "training": {"epochs": 3, "betas": (0.9, 0.99)}})
    ['seed=14', 'training.epochs=3', 'training.betas=[0.9, 0.99]']

    Raises:
        UserError: TOML cannot represent a value.
    """
    assignments = []
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            for key, item in value.items():
                assignments.append(to_assignment(f"{name}.{key}", item))
        else:
            assignments.append(to_assignment(name, value))
    return assignments


def to_assignment(key: str, value: object) -> str:
    """Return one assignment for `override`: `data={ source = "memory" }`.

    Raises:
        UserError: TOML cannot represent the value.
    """
    if "=" in key:
        raise UserError(f"override {abbreviate(key)}: is not the name of a key")
    try:
        return f"{key}={_to_toml(key, value)}"
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UserError(f"override {key} = {abbreviate(value)}: {reason}") from error


def _to_toml(key: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(int(value))
        case float():
            return repr(float(value))  # float(): NumPy numbers have their own repr
        case str() | Path():
            # A TOML basic string is a JSON string, except for one control character.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(_to_toml(key, item) for item in value)}]"
        case Mapping():
            items = (
                f"{_to_toml(key, str(name))} = {_to_toml(key, item)}"
                for name, item in value.items()
            )
            return f"{{ {', '.join(items)} }}"
    raise UserError(
        f"override {key} = {abbreviate(value)}: give a number, string, boolean, list or mapping; "
        "leave the key out for its default"
    )
