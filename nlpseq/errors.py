"""Errors that a user can act on, and the nearest known name for their messages."""

import difflib
from collections.abc import Iterable

from nlpseq.safe_text import for_terminal
from nlpseq.wording import shorten

LONGEST = 2000
"""Characters of a message; a longer one quotes a value that is too long to be read."""


class UserError(Exception):
    """Bad input, in one line: what is wrong, where, and what would be valid.

    The command line prints it without a traceback and exits with status 2. What it quotes of files and models is
    text: control characters are shown, and command no terminal; the middle of a long message is left out.
    """

    def __str__(self) -> str:
        return for_terminal(shorten(super().__str__(), LONGEST))


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
        return for_terminal(shorten(f"texts[{self.index}]: {self.reason}", LONGEST))


def suggest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Return the end of an error line: `; did you mean 'x'?` for the most similar known name, else `.`.

    Args:
        name: the unknown name.
        known: the names to choose from.
        cutoff: the least similarity, in [0, 1].
    """
    if len(name) > LONGEST:
        return "."  # like nothing, and slow to compare
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else "."
