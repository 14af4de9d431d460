"""The keys in which two recipes differ, for messages."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = 3


def differing_keys(stored: str, given: str) -> str:
    """Return ` (training.epochs = 3, now 5)` for two recipes as TOML; '' if one of them cannot be read."""
    try:
        before, now = (dict(_flat(tomllib.loads(text))) for text in (stored, given))
    except ValueError:
        return ""
    if not before:
        return ""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    parts = [f"{name} = {_shown(before, name)}, now {_shown(now, name)}" for name in names[:_SHOWN]]
    rest = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return f" ({'; '.join([*parts, *rest])})" if names else ""


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(table: Mapping[str, Any], name: str) -> str:
    return f"{table[name]!r:.40}" if name in table else "not set"
