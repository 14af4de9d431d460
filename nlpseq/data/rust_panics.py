"""Panics of `tokenizers`: errors in a tokenizer.json that its Rust code does not expect become one line.

A panic is a `BaseException` of Python, and prints lines of its own on standard error.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nlpseq.errors import UserError

_STDERR = 2


def is_panic(error: BaseException) -> bool:
    """Return whether an error is a panic of Rust code."""
    return type(error).__name__ == "PanicException"


@contextmanager
def no_panic(where: str) -> Iterator[None]:
    """Turn a panic into one line, which begins with `where`.

    Raises:
        UserError: there was one.
    """
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{where}: damaged, `tokenizers` cannot use it: {reason}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what is written to standard error, and write it at the end, unless an error is raised."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
        written.seek(0)
        with suppress(OSError):
            os.write(_STDERR, written.read())
