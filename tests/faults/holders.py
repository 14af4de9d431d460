"""A process that owns a folder until it is killed."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from commands import CONTEXT

from nlpseq.owner import owned


def hold(folder: str, ready: Any, with_child: bool) -> None:
    """Own a folder until this process is killed."""
    with owned(Path(folder)):
        if with_child and os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        ready.set()
        time.sleep(60)


class Holder:
    """A process that owns a folder."""

    def __init__(self, folder: Path, *, with_child: bool = False) -> None:
        ready = CONTEXT.Event()
        arguments = (str(folder), ready, with_child)
        self.process = CONTEXT.Process(target=hold, args=arguments, daemon=not with_child)
        self.process.start()
        assert ready.wait(60)

    def kill(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
