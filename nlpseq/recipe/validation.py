"""A recipe's document becomes frozen objects, or one line that says what is wrong with it."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

import pydantic
from pydantic import BaseModel, Tag

from nlpseq.errors import UserError, suggest

from .encoders import FAMILIES
from .reading import INHERITED, SAME, Document
from .schema import Recipe

RecipeType = TypeVar("RecipeType", bound=Recipe)
Schema = type[BaseModel]


def validate(schema: type[RecipeType], document: Mapping[str, Any], origin: str) -> RecipeType:
    """Make the frozen recipe, or say in one line what is wrong with it.

    Args:
        schema: the task's own subclass of `Recipe`.
        document: what was read, overrides applied.
        origin: what the document is, for the message: `recipe NAME`.

    Raises:
        UserError: unknown key (with the nearest name), wrong type, impossible combination.
    """
    try:
        return schema.model_validate(_without_other_kinds(schema, _with_kind(schema, document)))
    except pydantic.ValidationError as error:
        problems = [_explain(schema, problem) for problem in error.errors(include_url=False)]
        raise UserError(f"{origin}: {'; '.join(problems)}") from error


def _with_kind(schema: Schema, document: Mapping[str, Any]) -> Document:
    """A decoder that follows the encoder is of its kind where there is such a decoder, else an LSTM."""
    decoders = _members(schema, "decoder")
    encoder, decoder = document.get("encoder", {}), document.get("decoder", {})
    follows = isinstance(decoder, dict) and decoder.get("kind", SAME) == SAME
    if not decoders or not follows or not isinstance(encoder, dict):
        return dict(document)
    kind = encoder.get("kind", "lstm")
    known = _family(kind) in decoders
    return {**document, "decoder": {**decoder, "kind": kind if known else "lstm"}}


def _without_other_kinds(schema: Schema, document: Mapping[str, Any]) -> Document:
    """Leave out keys that a section has from a kind it is no longer of.

    A key that no kind has stays in: it is a mistake, and to be told of.
    """
    kept = dict(document)
    for name, section in document.items():
        if not isinstance(section, dict) or INHERITED not in section:
            continue
        members = _members(schema, name)
        mine = members.get(_family(section.get("kind")), next(iter(members.values()), None))
        theirs = {key for member in members.values() for key in member.model_fields}
        others = theirs - set(mine.model_fields) if mine else set()
        outdated = others & set(section[INHERITED]) | {INHERITED}
        kept[name] = {key: value for key, value in section.items() if key not in outdated}
    return kept


def _family(kind: Any) -> str:
    return next((family for family, kinds in FAMILIES.items() if kind in kinds), "")


def _members(schema: Schema, name: str) -> dict[str, Schema]:
    """The sections that may stand under a name, by their tags; a plain one has the tag ''."""
    field = schema.model_fields.get(name)
    found: dict[str, Schema] = {}
    for option in [] if field is None else [field.annotation, *get_args(field.annotation)]:
        tag = ""
        if get_origin(option) is Annotated:
            option, *marks = get_args(option)
            tag = next((mark.tag for mark in marks if isinstance(mark, Tag)), "")
        if isinstance(option, type) and issubclass(option, BaseModel):
            found[tag] = option
    return found


def _explain(schema: Schema, problem: Any) -> str:
    path = [str(part) for part in problem["loc"]]
    section, keys = _section(schema, path)
    key = ".".join(keys)
    match problem["type"]:
        case "extra_forbidden":
            known = [] if section is None else list(section.model_fields)
            others = _kinds_with(schema, *keys) if len(keys) == 2 else []
            elsewhere = f": only {keys[0]}.kind = {', '.join(others)} has it" if others else ""
            return f"unknown key {key}{elsewhere}{suggest(path[-1], known)}"
        case "missing":
            return f"key {key} is missing"
        case "value_error":
            return f"{key + ': ' if key else ''}{problem['ctx']['error']}"
        case "union_tag_invalid":
            tags = _members(schema, path[0])
            kinds = [kind for tag in tags for kind in FAMILIES.get(tag, (tag,))]
            if not isinstance(problem["input"], dict):
                return f"{key} = {problem['input']!r}: a section; to choose, set {key}.kind"
            given = problem["input"].get("kind")
            return f"{key}.kind = {given!r}: choose {', '.join(kinds)}{suggest(str(given), kinds)}"
    message = problem["msg"]  # a sentence; what it quotes keeps its letters
    return f"{key} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"


def _kinds_with(schema: Schema, section: str, key: str) -> list[str]:
    """The kinds of a section that have a key."""
    members = _members(schema, section)
    tags = [tag for tag, member in members.items() if tag and key in member.model_fields]
    return [kind for tag in tags for kind in FAMILIES[tag]]


def _section(schema: Schema, path: list[str]) -> tuple[Schema | None, list[str]]:
    """The section that holds the key at the end of `path`, and the path without tags of unions."""
    section: Schema | None = schema
    members: dict[str, Schema] = {}
    keys = []
    for place, part in enumerate(path):
        if part in members:
            section, members = members[part], {}
            continue
        keys.append(part)
        if place == len(path) - 1:
            break
        members = {} if section is None else _members(section, part)
        section = members.get("")
    return section, keys
