"""Validation: a recipe's document becomes a frozen recipe, or one line that says what is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import pydantic

from nlpseq.errors import UserError, suggest
from nlpseq.files import is_utf8
from nlpseq.safe_text import for_terminal
from nlpseq.wording import abbreviate, format_count, shorten

from .encoders import family_of, unknown_kind
from .hints import OPTIONS, did_you_mean, near_keys, suggest_key
from .reading import INHERITED, SAME, Document
from .schema import Recipe
from .sections import Schema, kinds_of, kinds_with_key, section_variants

RecipeType = TypeVar("RecipeType", bound=Recipe)
_MOST_PROBLEMS = 5  # in one message


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
    for key, text in _strings(document):
        if "\0" in text or not is_utf8(text):
            reason = "holds a NUL character" if "\0" in text else "is not UTF-8"
            raise UserError(f"{origin}: {shorten(key, 80)} = {abbreviate(text)}: {reason}")
    document = _drop_inherited_keys(schema, _with_decoder_kind(schema, document))
    try:
        return schema.model_validate(document)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_explain(schema, document, problem) for problem in found[:_MOST_PROBLEMS]]
        more = len(found) - len(problems)
        problems += [f"and {format_count(more, 'further problem')}"] * (more > 0)
        raise UserError(f"{origin}: {'; '.join(problems)}") from error


def _strings(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every string of a document with its key; a key is a string, too. No depth is too great."""
    rest: list[tuple[str, Any]] = [(str(key), value) for key, value in document.items()]
    while rest:
        key, value = rest.pop()
        yield key, key
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, Mapping):
            rest += [(f"{key[:200]}.{name}", item) for name, item in value.items()]
        elif isinstance(value, list | tuple):
            rest += [(key, item) for item in value]


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
    """Drop keys that a section inherited from another kind and that its own kind, or one in between, does not have.

    A key that no kind has stays: validation reports it.
    """
    kept = dict(document)
    for name, section in document.items():
        if not isinstance(section, dict) or INHERITED not in section:
            continue
        variants = section_variants(schema, name)
        known = {key for variant in variants.values() for key in variant.model_fields}
        outdated = {INHERITED}
        for key, passed in section[INHERITED].items():
            kinds = [*passed, section.get("kind")]
            if key in known and not all(_has_key(kind, key, variants) for kind in kinds):
                outdated.add(key)
        kept[name] = {key: value for key, value in section.items() if key not in outdated}
    return kept


def _has_key(kind: Any, key: str, variants: Mapping[str, Schema]) -> bool:
    """Return whether a kind of a section has a key; of an unknown one, whether the first kind has it."""
    tag = _tag_of(kind, variants)
    own = variants[tag] if tag is not None else next(iter(variants.values()), None)
    return own is None or key in own.model_fields


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
        case "dict_type" | "model_type" | "model_attributes_type":
            shown = abbreviate(problem["input"])
            braces = "; texts inside braces need quotes" if shown.startswith("'{") else ""
            return f"{shorten(key, 80)} = {shown}: is a section; set {shorten(key, 80)}.KEY=VALUE{braces}"
        case "union_tag_invalid":
            kinds = [kind for tag in section_variants(schema, path[0]) for kind in kinds_of(tag)]
            if not isinstance(problem["input"], dict):
                return f"{key} = {abbreviate(problem['input'])}: is a section; set {key}.kind"
            given = problem["input"].get("kind")
            return unknown_kind(f"{key}.kind", given, kinds)
    message = problem["msg"]  # a sentence; values that it quotes keep their case
    value = abbreviate(problem["input"])
    return f"{for_terminal(shorten(key, 80), one_line=True)} = {value}: {message[:1].lower()}{message[1:]}"


def _explain_unknown(
    schema: Schema, keys: list[str], value: Any, own: Schema | None, kind: str
) -> str:
    """Return the message about an unknown key; `own` is the class of a section of this kind."""
    *section, name = (for_terminal(key, one_line=True) for key in keys)
    keys = [*section, name]
    if len(section) > 1 or (section and section[0] not in schema.model_fields):
        return f"unknown key {shorten('.'.join(keys), 80)}"
    if not section and isinstance(value, dict):
        near = suggest(name, schema.model_fields).removesuffix(".")
        inside = "" if near else next((suggest_key(schema, "", key) for key in value), "")
        return f"unknown section {shorten(name, 80)}{near or inside}"
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
    hint = suggest_key(schema, "".join(section), name)
    return f"unknown key {shorten('.'.join(keys), 80)}{hint}"


def _without_tags(schema: Schema, path: list[str]) -> list[str]:
    """Return pydantic's path to a key without the tag of a union: `encoder.recurrent.x`."""
    tagged = len(path) > 1 and path[1] in section_variants(schema, path[0])
    return [path[0], *path[2:]] if tagged else path
