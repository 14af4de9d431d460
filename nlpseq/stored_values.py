"""Values that a model's config.json holds: each is of its type and within its bounds, or one line says which is not."""

import math
import sys
from collections.abc import Collection, Mapping
from typing import Any

from nlpseq.errors import UserError
from nlpseq.wording import abbreviate


class StoredValues:
    """A JSON object of a model, of which keys are read with their types.

    Args:
        values: the object as it was read.
        where: its name in messages.

    Raises:
        UserError: it is no object; every method: the key is missing, or its value is not what the method returns.
    """

    def __init__(self, values: Any, where: str = "config.json: learnt") -> None:
        self.where = where
        if not isinstance(values, Mapping):
            raise UserError(f"{where} is damaged: not a JSON object")
        self._values = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def integer(self, key: str, low: int, high: int) -> int:
        """Return an integer from `low` to `high`."""
        value = self._get(key)
        if type(value) is not int or not low <= value <= high:
            raise self._error(key, f"an integer from {low:,} to {high:,}")
        return value

    def number(self, key: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a number above `low` and below `high`."""
        value = _finite(self._get(key))
        if value is None or not low < value < high:
            bounds = f" between {low:g} and {high:g}" if math.isfinite(low) else ""
            raise self._error(key, f"a finite number{bounds}")
        return value

    def interval(self, key: str) -> tuple[float, float]:
        """Return two finite numbers, the second of which is not smaller."""
        value = self._get(key)
        ends = [_finite(end) for end in value] if isinstance(value, list | tuple) else []
        if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] > ends[1]:
            raise self._error(key, "a list of two numbers, the smaller one first")
        return ends[0], ends[1]

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._get(key)
        if type(value) is not bool:
            raise self._error(key, "true or false")
        return value

    def text(self, key: str, choices: Collection[str] = ()) -> str:
        """Return a text, one of `choices` if there are some."""
        value = self._get(key)
        if not isinstance(value, str) or (choices and value not in choices):
            raise self._error(key, f"one of {', '.join(choices)}" if choices else "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a text, or None."""
        return None if self._get(key) is None else self.text(key)

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        value = self._get(key)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self._error(key, "a list of texts")
        return list(value)

    def part(self, key: str) -> "StoredValues | None":
        """Return an object inside, or None."""
        value = self._get(key)
        return None if value is None else StoredValues(value, f"{self.where}.{key}")

    def parts(self, key: str, most: int) -> list["StoredValues"]:
        """Return a list of objects."""
        value = self._get(key)
        if not isinstance(value, list | tuple) or len(value) > most:
            raise self._error(key, f"a list of at most {most} objects")
        return [StoredValues(item, f"{self.where}.{key}") for item in value]

    def _get(self, key: str) -> Any:
        if key not in self._values:
            raise UserError(f"{self.where}.{key} is missing")
        return self._values[key]

    def _error(self, key: str, wanted: str) -> UserError:
        return UserError(
            f"{self.where}.{key} = {abbreviate(self._values[key])} is damaged: it should be {wanted}"
        )


def _finite(value: Any) -> float | None:
    """Return a finite number as a float, None for anything else."""
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        return None
    return float(value)
