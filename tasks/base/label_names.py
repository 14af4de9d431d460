"""Names of classes and tags in config.json."""

from collections.abc import Mapping
from typing import Any

from nlpseq.errors import UserError


def names_by_id(id2label: Any) -> list[str]:
    """Return the names of classes or tags in the order of their ids, from `id2label` of config.json.

    Raises:
        UserError: `id2label` does not map each id from 0 on to a name of its own.
    """
    mapping = id2label if isinstance(id2label, Mapping) else {}
    names = [mapping.get(str(index), mapping.get(index)) for index in range(len(mapping))]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            "config.json: learnt.id2label is damaged: it maps each id from 0 on to a name"
        )
    if len({*names}) < len(names):
        raise UserError("config.json: learnt.id2label is damaged: two ids have the same name")
    return [str(name) for name in names]
