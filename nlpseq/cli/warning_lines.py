"""Python warnings during a command: one clear line each, without paths and source lines, and once only.

In Python use nothing is changed: warnings are those of the libraries.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HARMLESS = {
    "enable_nested_tensor": "torch's fast path is not used, the numbers are the same",
    "lr_scheduler.step()": "the loop calls both in the order that its checkpoints need",
    "given NumPy array is not writable": "arrays of mapped files are only read",
    "os.fork() was called": "tokenizers are not used in forked processes",
}
"""Parts of warnings that say nothing to users of a command, with the reason."""


@contextmanager
def as_single_lines() -> Iterator[None]:
    """Show each warning of a command as one line on standard error, and each text once."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text and text not in shown and not any(part in text for part in HARMLESS):
            shown.add(text)
            print(f"nlpseq: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
