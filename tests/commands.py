"""Commands of nlpseq in processes that can be killed, forked where everything has been imported.

Starting Python with torch and datasets takes seconds, and one test starts eleven commands. The process that
forks has computed nothing. Unlike new processes its children share the seed of hashes, and they end
without Python's own shutdown: reference outputs come from a new process.
"""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "nlpseq.cli.main",
        "nlpseq.experiment.run",
        "nlpseq.tasks.language_modeling.task",
        "nlpseq.tasks.classification.task",
    ]
)
SECONDS = 240.0


def run_in_new_process(words: Sequence[str]) -> None:
    """Run a command in a new Python process to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "nlpseq", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout


def _run(words: Sequence[str], said: str) -> None:
    """Run a command in the child process, with its output in a file."""
    descriptor = os.open(said, os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(descriptor, number)
    import torch

    from nlpseq.cli.main import main

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
        """Send a signal, except to a process that has ended."""
        assert self._process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Wait; return the exit status, or minus the signal that ended the process."""
        self._process.join(SECONDS)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"still running after {SECONDS} s: {self._said.read()}")
        return self._process.exitcode

    def finish(self, status: int = 0) -> str:
        """Wait, check the exit status, and return the output."""
        found, said = self.wait(), self._said.read()
        assert found == status, said
        return said
