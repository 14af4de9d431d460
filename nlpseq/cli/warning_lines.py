"""Python warnings during a command: one line each, without paths and source lines, and each text once.

In Python nothing is changed: there a warning is that of the library that raised it.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nlpseq.safe_text import show


@contextmanager
def as_single_lines() -> Iterator[None]:
    """Show each warning of a command as one line on standard error, and each text once."""
    shown: set[str] = set()

    def show_once(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text and text not in shown:
            shown.add(text)
            show(f"nlpseq: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show_once
        yield
