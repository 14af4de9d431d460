"""Finished runs of a few seconds, trained once a process for all tests of comparisons."""

import contextlib
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

import nlpseq

SIZES = {"train": 300, "validation": 40, "test": 120}
TRAINING = {"max_steps": 12, "validate_steps": 6, "learning_rate": 0.01, "batch_size": 8}

CONTEST = {
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
    """Classifiers `lstm` and `rnn`, of two seeds and one size, trained to be compared; language models
    `words` and `letters`."""
    world = tmp_path_factory.mktemp("runs")
    with contextlib.redirect_stdout(io.StringIO()):
        nlpseq.compare("sentiment/quickstart", **CONTEST, output=world)
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
def asked() -> dict[str, Any]:
    """What `lstm` and `rnn` were trained by."""
    return dict(CONTEST)


@pytest.fixture
def runs(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them that a test may damage; it is the working folder."""
    folder = tmp_path / "runs"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("checkpoints", "plots"))
    monkeypatch.chdir(folder)
    return folder
