"""Every key of a schema with its type, default, choices and description.

From here come `nlpseq recipes keys`, the page of keys in the documentation, and shell completion.
"""

import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nlpseq.errors import UserError, suggest

from .base import Choices
from .sections import Schema, kinds_of, section_names, section_variants

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "none"}


class Key(NamedTuple):
    """A key of a recipe.

    Attributes:
        section: its section; '' at the top level.
        name: the key itself.
        type: `integer`, `number`, `boolean`, `string`, `list of ...` or `table of ...`.
        default: the default as TOML writes it; '' for none, `required` for no default.
        choices: the valid values, where there are few.
        description: what the key sets.
        kinds: the kinds of encoder or decoder that have the key; () for all.
        range: the smallest and the largest number, such as `0 to 1000`; '' for a key without numbers.
    """

    section: str
    name: str
    type: str
    default: str
    choices: tuple[str, ...]
    description: str
    kinds: tuple[str, ...] = ()
    range: str = ""

    @property
    def full_name(self) -> str:
        """The name in an override: `training.epochs`."""
        return f"{self.section}.{self.name}" if self.section else self.name


def describe(schema: Schema) -> list[Key]:
    """Describe every key of a schema.

    Args:
        schema: a subclass of `Recipe`, such as `nlpseq.task_lookup.resolve("tagging").Config`.

    Returns:
        The keys in the order of the schema. A section with several kinds has the keys of each kind in turn.
    """
    sections = section_names(schema)
    keys = [
        _describe_key("", name, field)
        for name, field in schema.model_fields.items()
        if name not in sections
    ]
    for section in sections:
        for tag, variant in section_variants(schema, section).items():
            for name, field in variant.model_fields.items():
                keys.append(_describe_key(section, name, field, kinds_of(tag)))
    return keys


def select_section(keys: Sequence[Key], section: str) -> list[Key]:
    """Return the keys of one section.

    Raises:
        UserError: there is no such section.
    """
    names = list(dict.fromkeys(key.section for key in keys if key.section))
    if section not in names:
        raise UserError(
            f"unknown section {section!r}{suggest(section, names)} Available: {', '.join(names)}"
        )
    return [key for key in keys if key.section == section]


def _describe_key(section: str, name: str, field: FieldInfo, kinds: tuple[str, ...] = ()) -> Key:
    choices = _choices(field.annotation, field.metadata)
    return Key(
        section,
        name,
        _type_name(field.annotation),
        _default(field),
        choices,
        field.description or "",
        kinds,
        _range(field.annotation, field.metadata),
    )


def _range(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return the bounds of the numbers that a type admits; '' if there is no number, or it has no bounds."""
    limits = {name: value for mark in metadata for name, value in _limits(mark)}
    if annotation in (int, float) and limits:
        low = f"{limits['ge']:,g}" if "ge" in limits else f"above {limits['gt']:,g}"
        high = f"{limits['le']:,.10g}" if "le" in limits else f"below {limits['lt']:,g}"
        return f"{low} to {high}"
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _range(options[0], options[1:])
    inner = [
        _range(option) for option in options if option is not Ellipsis and origin is not Literal
    ]
    return next((text for text in inner if text), "")


def _limits(mark: Any) -> list[tuple[str, float]]:
    """Return the bounds in a mark of pydantic: a bound itself, or a field with several."""
    marks = mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return [
        (name, getattr(single, name))
        for single in marks
        for name in ("ge", "gt", "le", "lt")
        if hasattr(single, name)
    ]


def _choices(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[str, ...]:
    """Return the values that a type admits, of `Literal` or of a table; () if there are many."""
    for mark in metadata:
        if isinstance(mark, Choices):
            return tuple(mark.table)
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return tuple(str(choice) for choice in options)
    if annotation is bool:
        return ("true", "false")
    if origin is Annotated:
        return _choices(options[0], options[1:])
    if origin in (Union, types.UnionType):
        return tuple(choice for option in options for choice in _choices(option))
    return _choices(options[1]) if origin is dict else ()


def _type_name(annotation: Any) -> str:
    """Return the type of an annotation in the words of TOML."""
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(options[0])
    if origin is Literal:
        return " or ".join(dict.fromkeys(_type_name(type(option)) for option in options))
    if origin in (Union, types.UnionType):
        names = [_type_name(option) for option in options if option is not type(None)]
        return " or ".join(dict.fromkeys(names))
    if origin in (tuple, list):
        return f"list of {_type_name(options[0])}s"
    if origin is dict:  # TOML's keys are strings
        values = _type_name(options[1]).split(" or ")
        return f"table of {' or '.join(map(_plural, values))}"
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _plural(name: str) -> str:
    return name.replace("list of", "lists of") if name.startswith("list of") else f"{name}s"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _to_text(field.get_default(call_default_factory=True))


def _to_text(value: Any) -> str:
    """Return a default as TOML writes it; None is ''."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_to_text, value))}]"
    if isinstance(value, dict):
        return "{}" if not value else str(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
