"""Commands of nlpseq in processes that can be killed, forked where everything has been imported.

Starting Python with torch and datasets takes seconds, and some tests start it twenty times. The process
that forks has computed nothing, so a forked one differs from a new one only in what it need not import.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["nlpseq.experiment", "nlpseq.tasks.language_modeling", "nlpseq.tasks.sentiment"]
)
SECONDS = 240.0


def _run(words: Sequence[str], said: str) -> None:
    """In the new process: what it says goes to a file."""
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), number)
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))
    import torch

    from nlpseq.cli import main

    torch.set_num_threads(1)
    sys.exit(main(list(words)))


class Command:
    """A running command."""

    def __init__(self, words: Sequence[str]) -> None:
        self._said = tempfile.NamedTemporaryFile("r", encoding="utf-8")
        self._process = CONTEXT.Process(target=_run, args=(words, self._said.name), daemon=True)
        self._process.start()

    def running(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Its exit status, or minus the signal that ended it."""
        self._process.join(SECONDS)
        assert self._process.exitcode is not None, f"still running after {SECONDS} s"
        return self._process.exitcode

    def finish(self, status: int = 0) -> str:
        """What it said, when it has ended with that status."""
        found, said = self.wait(), self._said.read()
        assert found == status, said
        return said
