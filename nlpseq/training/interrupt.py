"""Ctrl-C and SIGTERM: the first signal stops the run after its step, a later one at once."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_REQUEST = 1.0
"""Seconds in which further signals belong to the first: a terminal and a launcher both send one for one Ctrl-C."""


class InterruptHandler:
    """A context in which SIGINT and SIGTERM only set `requested`.

    A signal that comes a second after the first, or later, acts as usual. The previous handlers return at the end.
    Outside the main thread, where Python allows no handlers, nothing changes.
    """

    def __init__(self) -> None:
        self.requested = False
        self._since = 0.0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _request(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; this may interrupt itself, and any other code, between two instructions."""
        if self.requested:
            if time.monotonic() - self._since >= SAME_REQUEST:
                self._restore()
                signal.raise_signal(number)
            return
        self._since = time.monotonic()
        self.requested = True
        # print() would fail if the signal came while something else is being printed.
        with suppress(OSError, ValueError, AttributeError):
            line = "\nstopping after this step; interrupt again to stop at once\n"
            os.write(sys.stderr.fileno(), line.encode())

    def _restore(self) -> None:
        for number in _SIGNALS:
            if number in self._previous:
                handler = self._previous.pop(number)
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
