"""Errors that a user can act on, and the nearest known name for their messages."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input, in one line: what is wrong, where, and what would be valid.

    The command line prints it without a traceback and exits with status 2.
    """


class TextError(UserError):
    """A text that cannot be processed.

    Attributes:
        index: its index among the texts, from 0.
        reason: why it cannot be processed.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(index, reason)
        self.index = index
        self.reason = reason

    def __str__(self) -> str:
        return f"texts[{self.index}]: {self.reason}"


def suggest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Return the end of an error line: `; did you mean 'x'?` for the most similar known name, else `.`.

    Args:
        name: the unknown name.
        known: the names to choose from.
        cutoff: the least similarity, in [0, 1].
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else "."
