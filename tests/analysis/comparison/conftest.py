"""Finished runs of a few seconds, trained once in each process for all tests of comparisons."""

import contextlib
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

import nlpseq

SIZES = {"train": 300, "validation": 40, "test": 120}
TRAINING = {"max_steps": 12, "validate_steps": 6, "learning_rate": 0.01, "batch_size": 8}

COMPARISON = {
    "models": ("lstm", "rnn"),
    "seeds": (13, 14),
    "embedding": {"dim": 8},
    "encoder": {"hidden_size": 20},
    "training": TRAINING,
    "data": {"sizes": SIZES},
    "device": "cpu",
    "measure": False,
    "samples": 50,
}


def train(recipe: str, folder: Path, **sections) -> None:
    sections = {"training": TRAINING, "data": {"sizes": SIZES}, "device": "cpu", **sections}
    with contextlib.redirect_stdout(io.StringIO()):
        nlpseq.run(recipe, output=folder, embedding={"dim": 8}, **sections)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train classifiers `lstm` and `rnn` with two seeds each and of one size, and language models
    `words` and `letters`."""
    world = tmp_path_factory.mktemp("runs")
    with contextlib.redirect_stdout(io.StringIO()):
        nlpseq.compare("sentiment/quickstart", **COMPARISON, output=world)
    windows = TRAINING | {"bptt_length": 8}
    for name, kind in (("words", "word"), ("letters", "character")):
        train(
            "language_modeling/quickstart",
            world / name,
            encoder={"hidden_size": 8},
            training=windows,
            tokenization={"kind": kind},
            decoding={"max_new_tokens": 4},
        )
    return world


@pytest.fixture(scope="session")
def compare_options() -> dict[str, Any]:
    """Return the arguments of `compare` that trained `lstm` and `rnn`."""
    return dict(COMPARISON)


@pytest.fixture
def runs(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the runs to a working folder that a test may damage."""
    folder = tmp_path / "runs"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("checkpoints", "plots"))
    monkeypatch.chdir(folder)
    return folder
