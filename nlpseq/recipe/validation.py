"""Validation: a recipe's document becomes a frozen recipe, or one line that says what is wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from nlpseq.errors import UserError, suggest

from .encoders import family_of, unknown_kind
from .hints import OPTIONS, did_you_mean, near_keys, suggest_key
from .reading import INHERITED, SAME, Document
from .schema import Recipe
from .sections import Schema, kinds_of, kinds_with_key, section_variants

RecipeType = TypeVar("RecipeType", bound=Recipe)


def validate(schema: type[RecipeType], document: Mapping[str, Any], origin: str) -> RecipeType:
    """Validate a document.

    Args:
        schema: the task's own subclass of `Recipe`.
        document: the recipe as read, overrides applied.
        origin: what messages call the document: `recipe NAME`.

    Returns:
        The frozen recipe.

    Raises:
        UserError: unknown key (the message suggests one), wrong type, impossible combination.
    """
    document = _drop_inherited_keys(schema, _with_decoder_kind(schema, document))
    try:
        return schema.model_validate(document)
    except pydantic.ValidationError as error:
        problems = [
            _explain(schema, document, problem) for problem in error.errors(include_url=False)
        ]
        raise UserError(f"{origin}: {'; '.join(problems)}") from error


def _with_decoder_kind(schema: Schema, document: Mapping[str, Any]) -> Document:
    """Give a decoder without a kind the encoder's kind, or `lstm` if there is no such decoder."""
    decoders = section_variants(schema, "decoder")
    encoder, decoder = document.get("encoder", {}), document.get("decoder", {})
    follows = isinstance(decoder, dict) and decoder.get("kind", SAME) == SAME
    if not decoders or not follows or not isinstance(encoder, dict):
        return dict(document)
    kind = encoder.get("kind", "lstm")
    known = _tag_of(kind, decoders) is not None
    return {**document, "decoder": {**decoder, "kind": kind if known else "lstm"}}


def _drop_inherited_keys(schema: Schema, document: Mapping[str, Any]) -> Document:
    """Drop keys that a section inherited from another kind and that its own kind does not have.

    A key that no kind has stays: validation reports it.
    """
    kept = dict(document)
    for name, section in document.items():
        if not isinstance(section, dict) or INHERITED not in section:
            continue
        variants = section_variants(schema, name)
        tag = _tag_of(section.get("kind"), variants)
        own = variants[tag] if tag is not None else next(iter(variants.values()), None)
        known = {key for variant in variants.values() for key in variant.model_fields}
        foreign = known - set(own.model_fields) if own else set()
        outdated = foreign & set(section[INHERITED]) | {INHERITED}
        kept[name] = {key: value for key, value in section.items() if key not in outdated}
    return kept


def _tag_of(kind: Any, variants: Mapping[str, Schema]) -> str | None:
    return next((tag for tag in variants if tag and tag == family_of(kind)), None)


def _explain(schema: Schema, document: Mapping[str, Any], problem: Any) -> str:
    """Return one of pydantic's problems in our words."""
    path = [str(part) for part in problem["loc"]]
    keys = _without_tags(schema, path)
    key = ".".join(keys)
    match problem["type"]:
        case "extra_forbidden":
            own = section_variants(schema, path[0]).get(path[1]) if len(path) > 2 else None
            kind = document.get(path[0], {}).get("kind", "lstm") if own else ""
            return _explain_unknown(schema, keys, problem["input"], own, kind)
        case "missing":
            return f"key {key} is missing"
        case "value_error":
            return f"{key + ': ' if key else ''}{problem['ctx']['error']}"
        case "union_tag_invalid":
            kinds = [kind for tag in section_variants(schema, path[0]) for kind in kinds_of(tag)]
            if not isinstance(problem["input"], dict):
                return f"{key} = {problem['input']!r}: is a section; set {key}.kind"
            given = problem["input"].get("kind")
            return unknown_kind(f"{key}.kind", given, kinds)
    message = problem["msg"]  # a sentence; values that it quotes keep their case
    return f"{key} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"


def _explain_unknown(
    schema: Schema, keys: list[str], value: Any, own: Schema | None, kind: str
) -> str:
    """Return the message about an unknown key; `own` is the class of a section of this kind."""
    *section, name = keys
    if len(section) > 1 or (section and section[0] not in schema.model_fields):
        return f"unknown key {'.'.join(keys)}"
    if not section and isinstance(value, dict):
        near = suggest(name, schema.model_fields).removesuffix(".")
        inside = "" if near else next((suggest_key(schema, "", key) for key in value), "")
        return f"unknown section {name}{near or inside}"
    kinds = kinds_with_key(schema, section[0], name) if section else []
    if kinds:
        verb = "has" if len(kinds) == 1 else "have"
        only = f": {section[0]}.kind = {kind} has no {name}; {', '.join(kinds)} {verb} it"
        own_near = near_keys(section[0], name, own.model_fields if own else ())
        return f"unknown key {'.'.join(keys)}{only}{did_you_mean(own_near)}"
    if name in OPTIONS:
        return (
            f"unknown key {'.'.join(keys)}: it is an option, {OPTIONS[name]} ({name}=... in Python)"
        )
    return f"unknown key {'.'.join(keys)}{suggest_key(schema, ''.join(section), name)}"


def _without_tags(schema: Schema, path: list[str]) -> list[str]:
    """Return pydantic's path to a key without the tag of a union: `encoder.recurrent.x`."""
    tagged = len(path) > 1 and path[1] in section_variants(schema, path[0])
    return [path[0], *path[2:]] if tagged else path
