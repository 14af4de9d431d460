"""Ctrl-C of a command: signals in quick succession are one, since a terminal and a launcher both send one."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME_REQUEST = 1.0
"""Seconds in which further signals belong to the first."""


@contextmanager
def single_interrupts() -> Iterator[None]:
    """Raise `KeyboardInterrupt` once for signals that come together, so that none interrupts the end of the command.

    A handler that the caller has set, or SIGINT ignored, as in the background of a shell, stays.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    last = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SAME_REQUEST:
            last = now
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
