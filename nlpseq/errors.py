"""The exception that a user is meant to read, and the nearest name to offer in it."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: one line that says what was wrong, where, and what would do.

    The command line prints it without a traceback and exits with status 2.
    """


class TextError(UserError):
    """A text that cannot be processed: its `index` among the texts, from 0, and the `reason`."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(index, reason)
        self.index = index
        self.reason = reason

    def __str__(self) -> str:
        return f"texts[{self.index}]: {self.reason}"


def suggest(name: str, known: Iterable[str]) -> str:
    """The tail of an error line: the nearest known name, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "."
