"""Keyword arguments of Python as the `section.key=value` assignments of the command line.

A recipe is changed in one way only, whoever asks: by assignments that `nlpseq.recipe.override` reads.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from nlpseq.errors import UserError


def assignments(overrides: Mapping[str, object]) -> list[str]:
    """Write overrides down as a recipe's assignments.

    >>> assignments({"seed": 14, "training": {"epochs": 3, "betas": (0.9, 0.99)}})
    ['seed=14', 'training.epochs=3', 'training.betas=[0.9, 0.99]']

    Raises:
        UserError: a value that TOML has no word for.
    """
    found = []
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            found += [f"{name}.{key}={_toml(f'{name}.{key}', item)}" for key, item in value.items()]
        else:
            found.append(f"{name}={_toml(name, value)}")
    return found


def _toml(key: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(int(value))
        case float():
            return repr(float(value))  # float(): a NumPy number has a repr of its own
        case str() | Path():
            # A basic string of TOML is a JSON string, but for one control character.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(_toml(key, item) for item in value)}]"
        case Mapping():
            items = (
                f"{_toml(key, str(name))} = {_toml(key, item)}" for name, item in value.items()
            )
            return f"{{ {', '.join(items)} }}"
    raise UserError(
        f"override {key} = {value!r}: give a number, text, truth value, list or mapping; "
        "leave the key out for its default"
    )
