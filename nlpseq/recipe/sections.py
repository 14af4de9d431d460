"""The schema as data: which classes may hold a section, and which kinds of encoder they are for."""

from typing import Annotated, get_args, get_origin

from pydantic import BaseModel, Tag

from .encoders import FAMILIES

Schema = type[BaseModel]


def section_variants(schema: Schema, name: str) -> dict[str, Schema]:
    """Return the classes that may hold a section by their union tags; a plain section has the tag ''."""
    field = schema.model_fields.get(name)
    variants: dict[str, Schema] = {}
    for option in [] if field is None else [field.annotation, *get_args(field.annotation)]:
        tag = ""
        if get_origin(option) is Annotated:
            option, *marks = get_args(option)
            tag = next((mark.tag for mark in marks if isinstance(mark, Tag)), "")
        if isinstance(option, type) and issubclass(option, BaseModel):
            variants[tag] = option
    return variants


def section_names(schema: Schema) -> list[str]:
    """Return the names of the schema's sections; all other fields are top-level keys."""
    return [name for name in schema.model_fields if section_variants(schema, name)]


def section_keys(schema: Schema, name: str) -> list[str]:
    """Return the keys of a section, whatever its kind."""
    members = section_variants(schema, name).values()
    return list(dict.fromkeys(key for member in members for key in member.model_fields))


def kinds_of(tag: str) -> tuple[str, ...]:
    """Return the values of `kind` that select the class with a union tag."""
    return FAMILIES.get(tag, (tag,) if tag else ())


def kinds_with_key(schema: Schema, section: str, key: str) -> list[str]:
    """Return the kinds of a section that have a key."""
    members = section_variants(schema, section)
    tags = [tag for tag, member in members.items() if tag and key in member.model_fields]
    return [kind for tag in tags for kind in kinds_of(tag)]
