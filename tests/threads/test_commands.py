"""Tests of the threads of whole commands, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nlpseq.threads import choice
from nlpseq.threads.processors import usable_processors

CODE = """
import os, sys
from nlpseq.cli import main as command_line
from nlpseq.threads import choice
variables = dict(os.environ)
{}
print("torch" in sys.modules, dict(os.environ) == variables, choice._choice is None)
"""
RECIPE = ["language_modeling/quickstart", "data.sizes.train=300", "data.sizes.validation=50"]
SHORT = ["encoder.hidden_size=8", "embedding.dim=8", "--no-test", "evaluation.baselines=false"]


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of this process without those about threads, and with others."""
    known = (*choice.NUMBER, *choice.POLICY, *choice.PLACES)
    return {name: value for name, value in os.environ.items() if name not in known} | variables


def run(words: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )


def train(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "nlpseq", "run", *RECIPE, *SHORT, "--output", str(folder), *words]
    return run(command, **variables)


def threads(folder: Path) -> dict[str, object]:
    figures: dict[str, object] = json.loads((folder / "metrics.json").read_text("utf-8"))["threads"]
    return figures


@pytest.mark.parametrize(
    "statement",
    [
        "pass",
        "import nlpseq",
        "try: command_line.main(['--help'])\nexcept SystemExit: pass",
        "try: command_line.main(['run', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_imports_and_help_choose_nothing(statement: str) -> None:
    done = run(["-c", CODE.format(statement)])
    assert done.stdout.splitlines()[-1] == "False True True"


def test_command_says_and_records_its_threads(tmp_path: Path) -> None:
    done = train(tmp_path / "run", "training.max_steps=2")
    assert done.returncode == 0, done.stdout
    number = min(usable_processors().number, choice.LEAST)
    assert f"{number} thread" in done.stdout.splitlines()[0]
    figures = threads(tmp_path / "run")
    assert figures["number"] == number
    if sys.platform == "linux" and number > 1:
        assert figures["waiting"] == "load"
        assert 0 <= float(str(figures["crowded"])) <= 1


@pytest.mark.skipif(usable_processors().number < 2, reason="the number would be the same")
def test_number_of_the_user_is_kept_and_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["training.max_steps=4", "training.validate_steps=2", "training.keep_checkpoints=true"]
    done = train(folder, *words, OMP_NUM_THREADS="1")
    assert done.stdout.startswith("1 thread: by OMP_NUM_THREADS\n")
    assert threads(folder)["by"] == "OMP_NUM_THREADS"
    (folder / "metrics.json").unlink()  # as if it had been killed before
    done = train(folder, *words, "--resume")
    assert done.stdout.startswith("1 thread: as before the interruption\n")
    assert "another number of threads" not in done.stdout
    assert (threads(folder)["number"], threads(folder)["by"]) == (1, "resumed")
