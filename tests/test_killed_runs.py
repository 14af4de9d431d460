"""A run that is killed at any moment and resumed ends with the same bytes as an uninterrupted run."""

import random
import signal
import time
from pathlib import Path

import pytest
from commands import Command, run_in_new_process

SETTINGS = [
    "data.sizes={ train = 900, validation = 60, test = 60 }",
    "embedding.embedding_dropout=0.1",
    "embedding.word_dropout=0.05",
    "encoder.num_layers=2",
    "encoder.hidden_size=64",
    "encoder.dropout=0.2",
    "encoder.weight_drop=0.2",
    "training.epochs=4.5",
    "training.batch_size=8",
    "training.bptt_length=12",
    "training.random_windows=true",
    "training.accumulation=2",
    "training.average=ema",
    "training.schedule=plateau",
    "training.validate_steps=29",
    "training.checkpoint_steps=7",
    "training.log_steps=5",
    "decoding.max_new_tokens=5",
]
KILLS = 10


def words(folder: Path, *options: str) -> list[str]:
    command = ["run", "language_modeling/quickstart", *SETTINGS]
    return [*command, "--output", str(folder), "--device", "cpu", *options]


def checkpoints(folder: Path) -> set[str]:
    return {path.name for path in (folder / "checkpoints").glob("step-*")}


def half_written(folder: Path) -> bool:
    return any("tmp" in name for name in checkpoints(folder))


def wait_for_progress(command: Command, folder: Path, before: set[str]) -> None:
    while command.running() and checkpoints(folder) <= before:
        time.sleep(0.001)


def same_files(folder: Path, other: Path) -> None:
    for name in ("model.safetensors", "config.json", "tokenizer.json", "recipe.toml"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    for name in ("predictions/validation.jsonl", "predictions/test.jsonl"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def untimed(folder: Path) -> list[dict[str, object]]:
    from nlpseq.training.history import History

    timed = {"seconds", "tokens_per_second"}
    lines = History(folder / "history.jsonl").read()
    return [{key: value for key, value in line.items() if key not in timed} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an uninterrupted run, in a process of its own."""
    folder = tmp_path_factory.mktemp("resume") / "whole"
    run_in_new_process(words(folder))
    return folder


@pytest.mark.slow
def test_sigkill_at_ten_moments_changes_nothing(whole: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    moments = random.Random(7)
    in_writing, finished_early = 0, 0
    for number in range(KILLS):
        before = checkpoints(killed) if killed.exists() else set()
        command = Command(words(killed, "--resume"))
        wait_for_progress(command, killed, before)
        if number % 3 == 1:
            # Kill while a checkpoint is written: its temporary folder exists.
            while command.running() and not half_written(killed):
                pass
        else:
            time.sleep(moments.uniform(0, 0.15))
        command.signal(signal.SIGKILL)
        finished_early += command.wait() == 0
        in_writing += half_written(killed)
    Command(words(killed, "--resume")).finish()
    assert finished_early == 0, "the run was too short to be killed ten times"
    assert in_writing >= 1
    same_files(whole, killed)
    assert untimed(whole) == untimed(killed)
