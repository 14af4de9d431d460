"""The one exception that a user is meant to read, and the nearest name to offer in it."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: one line that says what was wrong, where, and what would do.

    The command line prints it without a traceback and exits with status 2.
    """


def suggest(name: str, known: Iterable[str]) -> str:
    """The tail of an error line: the nearest known name, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "."
