"""Commands in forked processes with other standard streams or another environment."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from commands import CONTEXT

from nlpseq.cli.main import main

SECONDS = 240


class Ended(NamedTuple):
    """The exit status of a command, and what it has printed."""

    status: int
    output: str
    error: str


def ended(words: Sequence[str], prepare: Callable[[], object]) -> Ended:
    """Run a command in a forked process after `prepare` has changed its standard descriptors."""
    paths = [Path(f"said.{number}") for number in (1, 2)]
    for path in paths:
        path.write_bytes(b"")
    process = CONTEXT.Process(
        target=_child, args=(list(words), os.getcwd(), [str(p) for p in paths], prepare)
    )
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"{words}: still running")
    return Ended(process.exitcode, *(path.read_text("utf-8", "replace") for path in paths))


def _child(words: list[str], folder: str, paths: list[str], prepare: Callable[[], object]) -> None:
    os.chdir(folder)
    for number, path in enumerate(paths, 1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8")  # type: ignore[misc]
    prepare()
    import torch

    torch.set_num_threads(1)
    sys.exit(main(words))


def redirected(path: str) -> None:
    """Let standard output and error of this process go to a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(descriptor, number)
    import torch

    torch.set_num_threads(1)


def full() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def both_full() -> None:
    for number in (1, 2):
        os.dup2(os.open("/dev/full", os.O_WRONLY), number)


def closed() -> None:
    os.close(1)
    sys.stdout = sys.__stdout__ = None  # type: ignore[assignment, misc]


def both_closed() -> None:
    closed()
    os.close(2)
    sys.stderr = sys.__stderr__ = None  # type: ignore[assignment, misc]


def cut_off() -> None:
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(reading)


def narrow() -> None:
    os.environ["COLUMNS"] = "1"


def zero() -> None:
    os.environ["COLUMNS"] = "0"


def dumb() -> None:
    os.environ |= {"TERM": "dumb", "LANG": "C"}


def ascii_only() -> None:
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "ascii")  # type: ignore[misc]


def no_home() -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        os.environ.pop(name, None)


def unwritable_home() -> None:
    os.environ["HOME"] = "/proc/none"


def closed_error() -> None:
    os.close(2)
    sys.stderr = sys.__stderr__ = None  # type: ignore[assignment, misc]
