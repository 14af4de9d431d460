import hashlib
import json
import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import TRAIN, VALIDATION, TinyRecipe, recipe, trainer, weights

from nlpseq.errors import UserError
from nlpseq.training.progress import FitResult
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer

CLOCKS = {"seconds", "tokens_per_second"}

RECIPES = {
    "windows, Adam, EMA, cosine": recipe(
        optimizer="adamw", average="ema", schedule="cosine", warmup=0.1, validate_steps=5
    ),
    "texts, SGD, last k, accumulation, plateau": recipe(
        {"stream": False},
        optimizer="sgd",
        momentum=0.9,
        learning_rate=2.0,
        validate_steps=3,
        average="last_k",
        average_last=2,
        accumulation=2,
        batch_size=2,
        schedule="plateau",
        l1=0.001,
        epochs=3.5,
    ),
    "windows, RMSprop, patience": recipe(
        optimizer="rmsprop", momentum=0.5, learning_rate=0.1, patience=2, validate_steps=3
    ),
}


class KilledError(Exception):
    """Simulates a kill: nothing more is written."""


class StopAt(SilentReporter):
    """Ends a run after a step, by a kill or by a signal."""

    def __init__(self, step: int, *, kill: bool) -> None:
        self.step, self.kill = step, kill
        self.notes: list[str] = []

    def advance(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if step == self.step:
            if self.kill:
                raise KilledError
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(
    made: TinyRecipe, folder: Path, reporter: StopAt | None = None
) -> tuple[Trainer, FitResult]:
    own = trainer(made, folder)
    own.reporter = reporter or own.reporter
    torch.manual_seed(random.SystemRandom().getrandbits(30))
    random.seed()
    return own, own.fit(TRAIN, VALIDATION, resume=True)


def logged(made: Trainer) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if key not in CLOCKS}
        for line in made.history.read()
    ]


def assert_same_run(one: Trainer, two: Trainer, results: tuple[FitResult, FitResult]) -> None:
    assert weights(one) == weights(two)
    assert logged(one) == logged(two)
    first, second = ({**vars(result), "seconds": 0} for result in results)
    assert first == second
    final = [made.store.open(made.store.names()[-1]) for made in (one, two)]
    for file in ("model", "optimizer", "average", "rank-0", "evaluated"):
        own, other = (checkpoint.tensors(file) for checkpoint in final)
        assert own.keys() == other.keys()
        assert all(tensor.equal(other[name]) for name, tensor in own.items())


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "interrupted"])
@pytest.mark.parametrize("name", list(RECIPES))
def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path: Path, name: str, kill: bool) -> None:
    made = RECIPES[name]
    made = made.model_copy(
        update={"training": made.training.model_copy(update={"checkpoint_steps": 4})}
    )
    straight, expected = run(made, tmp_path / "straight")
    assert expected.step > 10
    rates = {line["learning_rate"] for line in logged(straight) if "loss" in line}
    assert len(rates) > 1 or made.training.schedule == "constant"
    for step in range(1, expected.step, 5):
        folder = tmp_path / f"stopped-{step}"
        if kill:
            with pytest.raises(KilledError):
                run(made, folder, StopAt(step, kill=True))
        else:
            stopped = run(made, folder, StopAt(step, kill=False))[1]
            assert stopped.step == step + 1
            assert stopped.stopped in ("interrupted", expected.stopped)
        resumed, result = run(made, folder)
        assert_same_run(straight, resumed, (expected, result))


def test_a_run_that_is_stopped_again_and_again(tmp_path: Path) -> None:
    made = RECIPES["windows, Adam, EMA, cosine"]
    straight, expected = run(made, tmp_path / "straight")
    for step in (2, 3, 9, 10, 11, 20):
        run(made, tmp_path / "stopped", StopAt(step, kill=False))
    resumed, result = run(made, tmp_path / "stopped")
    assert_same_run(straight, resumed, (expected, result))


def test_a_finished_run_is_only_read(tmp_path: Path) -> None:
    made = RECIPES["windows, RMSprop, patience"]
    first, expected = run(made, tmp_path)
    again, result = run(made, tmp_path)
    assert_same_run(first, again, (expected, result))


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path: Path) -> None:
    made = recipe(checkpoint_steps=3, average="ema")
    straight, expected = run(made, tmp_path / "straight")
    stopped, _ = run(made, tmp_path / "stopped", StopAt(16, kill=False))
    newest, before = stopped.store.names()[-1], stopped.store.names()[-2]
    assert newest == "step-00000017"
    file = stopped.store.folder / newest / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    (stopped.store.folder / "step-00000018.tmp-1").mkdir()
    reporter = StopAt(-1, kill=True)
    resumed, result = run(made, tmp_path / "stopped", reporter)
    assert before == "step-00000015"
    assert len(reporter.notes) == 1
    assert newest in reporter.notes[0]
    assert_same_run(straight, resumed, (expected, result))
    assert (resumed.store.folder / f"{newest}.damaged").is_dir()
    assert not list(resumed.store.folder.glob("*.tmp-*"))


def test_when_all_checkpoints_are_damaged_nothing_is_lost(tmp_path: Path) -> None:
    made = recipe(checkpoint_steps=3)
    stopped, _ = run(made, tmp_path, StopAt(4, kill=False))
    for name in stopped.store.names():
        (stopped.store.folder / name / "state.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="every checkpoint"):
        run(made, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_best_checkpoint_is_reported(tmp_path: Path) -> None:
    made = recipe({"rising": True}, epochs=4.0)
    first, expected = run(made, tmp_path)
    best = first.store.folder / f"step-{expected.best_step:08d}"
    assert expected.best_step < expected.step
    (best / "model.safetensors").unlink()
    reporter = StopAt(-1, kill=True)
    run(made, tmp_path, reporter)
    assert len(reporter.notes) == 1
    assert best.name in reporter.notes[0]


@pytest.mark.parametrize("value", [None, "x", [], -1, 10**30, "missing"], ids=str)
def test_values_of_a_checkpoint_with_the_right_digests_are_one_line(
    tmp_path: Path, value: Any
) -> None:
    stopped, _ = run(recipe(checkpoint_steps=3), tmp_path, StopAt(4, kill=False))
    folder = stopped.store.folder / stopped.store.names()[-1]
    whole = json.loads((folder / "state.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    for key in ("format", "ranks", "optimizer", "plateau", "run"):
        document = {**whole, key: value}
        if value == "missing":
            del document[key]
        content = json.dumps(document).encode()
        (folder / "state.json").write_bytes(content)
        own = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps({**manifest, "state.json": own}))
        with pytest.raises(UserError, match=folder.name):
            run(recipe(checkpoint_steps=3), tmp_path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run(recipe(epochs=1.0), tmp_path)
    other = trainer(recipe(epochs=1.0), tmp_path)
    other.model.add_module("more", torch.nn.Linear(2, 2))
    with pytest.raises(UserError, match="another model: more.bias, more.weight"):
        other.fit(TRAIN, VALIDATION, resume=True)


def test_other_versions_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(recipe(epochs=1.0), tmp_path)
    monkeypatch.setattr("platform.python_version", lambda: "2.7")
    reporter = StopAt(-1, kill=True)
    run(recipe(epochs=1.0), tmp_path, reporter)
    assert "other versions (python" in reporter.notes[0]


class Signals(SilentReporter):
    """Sends signals to this process after its second step."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def advance(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if step == 2:
            for number in self.numbers:
                os.kill(os.getpid(), number)


HANDLED = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("numbers", [HANDLED, HANDLED[::-1], 3 * HANDLED])
def test_signals_at_once_are_one_request(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    before = [signal.getsignal(number) for number in HANDLED]
    made = trainer(recipe(), tmp_path)
    made.reporter = Signals(*numbers)
    assert made.fit(TRAIN, VALIDATION).stopped == "interrupted"
    assert [signal.getsignal(number) for number in HANDLED] == before
    assert made.store.latest(print) is not None


def test_handlers_are_restored_and_a_later_signal_aborts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlpseq.training.interrupt.SAME_REQUEST", 0.0)
    before = [signal.getsignal(number) for number in HANDLED]
    made = trainer(recipe(), tmp_path)
    made.reporter = Signals(signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        made.fit(TRAIN, VALIDATION)
    assert [signal.getsignal(number) for number in HANDLED] == before
