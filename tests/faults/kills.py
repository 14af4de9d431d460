"""Commands in forked processes that are killed before the n-th operation on a folder, and digests of their files."""

import hashlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from commands import CONTEXT
from faults.injection import disk_operations

from nlpseq.experiment.settled_recipe import SETTLED

SECONDS = 240.0
TIMED = {
    "seconds",
    "tokens_per_second",
    "evaluation_seconds",
    "training_seconds",
    "machine",
    "command",
    "overrides",
    "cost",
    "verdict",  # has training times
}
"""Keys of metrics that differ from run to run, or that name the command."""


class Outcome(NamedTuple):
    """The end of a command.

    Attributes:
        status: exit status, minus the number of the signal that ended it.
        operations: on the folder, if it was not killed.
        said: standard output and error.
    """

    status: int
    operations: int
    said: str


def execute(words: Sequence[str], folder: Path, kill_at: int = 0) -> Outcome:
    """Run a command in a forked process.

    Args:
        words: of the command line.
        folder: whose operations are counted.
        kill_at: number of the operation before which the process is killed; 0: it is not.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as said:
        counted = CONTEXT.Value("i", 0)
        arguments = (list(words), str(folder), kill_at, said.name, counted)
        process = CONTEXT.Process(target=_child, args=arguments, daemon=True)
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"still running after {SECONDS} s: {said.read()}")
        return Outcome(process.exitcode, counted.value, said.read())


def _child(words: list[str], folder: str, kill_at: int, said: str, counted: Any) -> None:
    descriptor = os.open(said, os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(descriptor, number)
    import torch

    from nlpseq.cli.main import main

    torch.set_num_threads(1)

    def action(number: int, operation: str, path: Path) -> None:
        counted.value = number
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = ["nlpseq", *words]
    with disk_operations(Path(folder), action):
        status = main(words)
    sys.exit(status)


def result(folder: Path) -> dict[str, Any]:
    """Return what a finished run computed: digests of model and predictions, and metrics without times."""
    names = ("model.safetensors", "tokenizer.json", "recipe.toml")
    files = [folder / name for name in names] + sorted((folder / "predictions").glob("*.jsonl"))
    digests = {path.relative_to(folder).as_posix(): digest(path) for path in files}
    config = json.loads((folder / "config.json").read_bytes())
    for section, key in SETTLED:  # `train --resume` reads them from recipe.toml
        config["recipe"][section].pop(key, None)
    metrics = untimed(json.loads((folder / "metrics.json").read_bytes()))
    return {**digests, "config": config, "metrics": metrics}


def untimed(value: Any) -> Any:
    """Return JSON without the keys of `TIMED`, at any depth."""
    if isinstance(value, dict):
        return {key: untimed(part) for key, part in value.items() if key not in TIMED}
    return [untimed(part) for part in value] if isinstance(value, list) else value


def differing(value: Any, other: Any, where: str = "") -> list[str]:
    """Return the keys in which two JSON values differ."""
    if isinstance(value, dict) and isinstance(other, dict):
        pairs = [(name, value.get(name), other.get(name)) for name in {**value, **other}]
    elif isinstance(value, list | tuple) and isinstance(other, list | tuple):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip_longest(value, other))]
    else:
        return [] if value == other else [f"{where}: {value!r:.80} != {other!r:.80}"]
    return [line for name, *both in pairs for line in differing(*both, f"{where}/{name}")]


def content(folder: Path) -> dict[str, str]:
    """Return digests of all files below a folder, except locks and temporary files."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {
        name: digest(path)
        for path, name in names.items()
        if path.name != ".lock" and ".tmp-" not in name and not name.startswith(".nlpseq-next")
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
