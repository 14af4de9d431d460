import errno
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from tiny import TRAIN, VALIDATION, TinyTask, recipe, texts, trainer, weights
from torch import Tensor

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.task import Cursor, Progress
from nlpseq.training.optimization import TrainingDivergedError
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer

EXACT = {"stream": False, "dropout": 0.0}


def trained(folder: Path, **training: Any) -> dict[str, Tensor]:
    made = trainer(recipe(EXACT, **training), folder, torch.float64)
    made.fit(TRAIN, None)
    return {name: p.detach() for name, p in made.model.named_parameters()}


def assert_same(one: dict[str, Tensor], two: dict[str, Tensor], tolerance: float) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("size", "accumulation"), [(2, 3), (2, 5), (1, 7)])
def test_accumulated_batches_are_one_big_batch(
    tmp_path: Path, size: int, accumulation: int
) -> None:
    options: dict[str, Any] = {"optimizer": "adam", "epochs": 2.0, "clip_norm": 0.3, "l2": 0.01}
    parts = trained(tmp_path / "a", batch_size=size, accumulation=accumulation, **options)
    whole = trained(tmp_path / "b", batch_size=size * accumulation, **options)
    assert_same(parts, whole, 1e-12)


def test_training_agrees_with_a_plain_loop(tmp_path: Path) -> None:
    made = recipe({"dropout": 0.0}, optimizer="sgd", momentum=0.5, clip_norm=0.5, epochs=2.0)
    ours = trainer(made, tmp_path, torch.float64)
    ours.fit(TRAIN, None)

    task = TinyTask(made)
    model = task.build().double()
    optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.5)
    for epoch in range(2):
        carry: tuple[Tensor, ...] = ()
        for batch in task.batches(TRAIN, training=True, seed=made.seed, start=Cursor(epoch)):
            loss, carry = task.loss(model, batch, carry, Progress())
            carry = tuple(part.detach() for part in carry)
            optimizer.zero_grad()
            (loss.total / loss.count).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5, error_if_nonfinite=True)
            optimizer.step()
    theirs = {name: p.detach() for name, p in model.named_parameters()}
    assert_same({n: p.detach() for n, p in ours.model.named_parameters()}, theirs, 1e-6)


def test_the_history_holds_token_weighted_means(tmp_path: Path) -> None:
    made = trainer(recipe(log_steps=4, epochs=1.5), tmp_path)
    result = made.fit(TRAIN, VALIDATION)
    lines = made.history.read()
    training = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "validation" in line]
    assert [line["step"] for line in validations][-1] == result.step
    assert validations[0]["epoch"] == 1.0
    assert validations[-1]["validation"].keys() == {"loss"}
    assert training[-1]["tokens"] == result.tokens
    assert {"epoch", "learning_rate", "gradient_norm", "tokens_per_second", "seconds"} < set(
        training[0]
    )
    assert {line["step"] for line in training} >= {4, 8, result.step}
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)

    every = trainer(recipe(log_steps=1, epochs=1.5), tmp_path / "every")
    every.fit(TRAIN, VALIDATION)
    single = [line for line in every.history.read() if "loss" in line][:4]
    sizes = [b - a for a, b in pairwise([0, *(x["tokens"] for x in single)])]
    mean = sum(x["loss"] * size for x, size in zip(single, sizes, strict=True)) / sum(sizes)
    assert training[0]["loss"] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("average", ["none", "ema", "last_k"])
def test_it_ends_with_the_best_weights(tmp_path: Path, average: str) -> None:
    made = trainer(recipe(average=average, learning_rate=0.3, epochs=5.0), tmp_path)
    result = made.fit(TRAIN, VALIDATION)
    scores = [line for line in made.history.read() if "validation" in line]
    best = min(scores, key=lambda line: line["validation"]["loss"])
    assert result.best_step == best["step"]
    assert result.best_scores == best["validation"]
    assert made.evaluate(VALIDATION)[0] == result.best_scores
    kept = made.store.names()
    assert len(kept) <= 4
    assert f"step-{result.best_step:08d}" in kept
    assert f"step-{result.step:08d}" in kept


def test_without_validation_the_last_weights_count_averaged_if_configured(tmp_path: Path) -> None:
    plain = trainer(recipe(epochs=2.0), tmp_path / "plain")
    result = plain.fit(TRAIN, None)
    assert result.best_scores == {}
    assert result.best_step == result.step
    saved = plain.store.open(plain.store.names()[-1]).tensors("model")
    assert saved["embedding.weight"].equal(plain.model.state_dict()["embedding.weight"])
    assert "output.weight" not in saved  # tied

    ema = trainer(recipe(epochs=2.0, average="ema"), tmp_path / "ema")
    ema.fit(TRAIN, None)
    saved = ema.store.open(ema.store.names()[-1]).tensors("average")
    assert saved["average.embedding.weight"].equal(ema.model.state_dict()["embedding.weight"])


def test_patience_ends_training_with_the_first_best(tmp_path: Path) -> None:
    made = trainer(recipe({"rising": True}, patience=2, validate_steps=4, epochs=9.0), tmp_path)
    result = made.fit(TRAIN, VALIDATION)
    assert result.stopped == "early"
    assert result.step == 12
    assert result.best_step == 4


def test_plateau_lowers_the_rate_and_other_schedules_do_not(tmp_path: Path) -> None:
    rates = {}
    for schedule in ("plateau", "constant"):
        options = {"validate_steps": 4, "log_steps": 4, "max_steps": 12, "schedule": schedule}
        made = trainer(recipe({"rising": True}, **options), tmp_path / schedule)
        made.fit(TRAIN, VALIDATION)
        lines = [line for line in made.history.read() if "loss" in line]
        rates[schedule] = [line["learning_rate"] for line in lines]
    assert rates["plateau"] == pytest.approx([0.02, 0.02, 0.005])
    assert rates["constant"] == [0.02] * 3


def test_schedules_reach_the_optimizer(tmp_path: Path) -> None:
    options = {"schedule": "linear", "warmup": 2.0, "max_steps": 6, "log_steps": 1}
    made = trainer(recipe(**options), tmp_path)
    made.fit(TRAIN, None)
    rates = [line["learning_rate"] for line in made.history.read()]
    assert rates == pytest.approx([0.01, 0.02, 0.02, 0.015, 0.01, 0.005])


def test_a_loss_that_is_no_number_stops_with_the_numbers(tmp_path: Path) -> None:
    made = trainer(recipe({"poison": 6}, checkpoint_steps=5), tmp_path)
    message = r"diverged at step 7: loss nan, learning rate 0.02, gradient norm nan"
    with pytest.raises(TrainingDivergedError, match=message) as caught:
        made.fit(TRAIN, VALIDATION)
    assert (caught.value.step, caught.value.learning_rate) == (7, 0.02)
    assert math.isnan(caught.value.gradient_norm)
    assert made.store.names() == ["step-00000005"]
    assert all(p.isfinite().all() for p in made.model.parameters())


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    trainer(recipe(epochs=1.0), tmp_path).fit(TRAIN, None)
    with pytest.raises(UserError, match="already contains step-"):
        trainer(recipe(epochs=1.0), tmp_path).fit(TRAIN, None)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(recipe(checkpoint_steps=3, log_steps=1000, max_steps=8), tmp_path)
    real = os.open

    def full(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if "step-00000006.tmp-" in str(path) and "optimizer" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(UserError, match="no space left"):
        made.fit(TRAIN, None)
    monkeypatch.undo()
    assert [path.name for path in made.store.folder.iterdir()] == ["step-00000003"]
    again = trainer(made.task.recipe, tmp_path)
    assert again.fit(TRAIN, None, resume=True).step == 8


def test_train_without_a_batch(tmp_path: Path) -> None:
    empty = Split("train", [], "nowhere")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no batch"):
        trainer(recipe(EXACT), tmp_path).fit(empty, None)


def test_float16_gradients_that_overflow_skip_their_step_only(tmp_path: Path) -> None:
    """This uses the real scaler, which exists for CPU tensors too, where nothing underflows."""

    def run(name: str, scale: float | None) -> tuple[Trainer, list[dict[str, Any]]]:
        made = trainer(recipe(EXACT, log_steps=1, max_steps=6, l1=0.001), tmp_path / name)
        if scale is not None:
            made.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        made.fit(TRAIN, None)
        return made, made.history.read()

    plain, lines = run("plain", None)
    scaled, same = run("scaled", 2.0**10)
    for one, two in zip(lines, same, strict=True):
        assert one["gradient_norm"] == pytest.approx(two["gradient_norm"], rel=1e-5)
    named = dict(plain.model.named_parameters())
    assert_same({n: p.detach() for n, p in scaled.model.named_parameters()}, named, 1e-5)

    skipping, history = run("skipping", 2.0**127)
    overflowed = [line for line in history if not math.isfinite(line["gradient_norm"])]
    assert 1 <= len(overflowed) < 6
    assert all(p.isfinite().all() for p in skipping.model.parameters())
    checkpoint = skipping.store.open(skipping.store.names()[-1])
    assert checkpoint.document["scaler"]["scale"] == 2.0 ** (127 - len(overflowed))


def test_bfloat16_keeps_float32_weights(tmp_path: Path) -> None:
    made = trainer(recipe(precision="bfloat16", epochs=1.0), tmp_path)
    result = made.fit(TRAIN, VALIDATION)
    assert result.best_scores["loss"] < math.log(11)
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}


class ListTracker(GeneralTracker):
    name = "list"
    requires_logging_directory = False

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[tuple[int, set[str]]] = []

    @property
    def tracker(self) -> None:
        return None

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        self.logged.append((step, set(values)))


def test_a_score_without_bound_ends_training(tmp_path: Path) -> None:
    """Diverged weights may still give a finite loss; validation then reports them."""
    made = trainer(recipe({"boundless": True}, epochs=2.0), tmp_path)
    with pytest.raises(
        TrainingDivergedError, match=r"diverged at step \d+: loss \S+, learning rate"
    ):
        made.fit(TRAIN, VALIDATION)


def test_trackers_receive_every_event(tmp_path: Path) -> None:
    tracker = ListTracker()
    accelerator = Accelerator(cpu=True, log_with=tracker)
    accelerator.init_trackers("tiny")
    task = TinyTask(recipe(max_steps=3))
    Trainer(
        task,
        task.build(),
        accelerator=accelerator,
        folder=tmp_path,
        reporter=SilentReporter(),
    ).fit(TRAIN, VALIDATION)
    assert [step for step, _ in tracker.logged] == [3, 3]
    assert "learning_rate" in tracker.logged[0][1]
    assert tracker.logged[1][1] == {"validation/loss"}


def test_evaluation_leaves_the_mode_and_takes_no_gradient(tmp_path: Path) -> None:
    made = trainer(recipe(), tmp_path)
    for training in (True, False):
        made.model.train(training)
        scores, records = made.evaluate(VALIDATION)
        assert made.model.training == training
    assert [record.index for record in records] == list(range(7))
    total = [math.fsum(part) for part in zip(*(r.statistics for r in records), strict=True)]
    assert scores == {"loss": total[0] / total[1]}
    assert len(made.evaluate(VALIDATION, limit=2)[1]) == 2
    assert all(p.grad is None for p in made.model.parameters())


def test_the_seed_decides(tmp_path: Path) -> None:
    def run(name: str, seed: int) -> dict[str, bytes]:
        made = trainer(recipe(seed=seed, epochs=1.0), tmp_path / name)
        torch.manual_seed(torch.seed() % 1000)  # any state of the generator
        made.fit(texts("train", 24, 0), None)
        return weights(made)

    assert run("a", 3) == run("b", 3) != run("c", 4)


def test_stopping_after_some_updates_keeps_the_schedule(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 4.0, "schedule": "linear", "log_steps": 1}
    rates = []
    for folder, stop_after in (("whole", 0), ("stopped", 3)):
        made = trainer(recipe(EXACT, **options, stop_after=stop_after), tmp_path / folder)
        fitted = made.fit(TRAIN, VALIDATION)
        rates.append([line["learning_rate"] for line in made.history.read() if "loss" in line])
    assert (fitted.step, fitted.stopped) == (3, "finished")
    assert rates[1] == rates[0][:3]
    assert "validation" in made.history.read()[-1]


def test_a_time_limit_ends_with_a_validation(tmp_path: Path) -> None:
    made = trainer(recipe(EXACT, epochs=50.0, log_steps=1), tmp_path)
    fitted = made.fit(TRAIN, VALIDATION, seconds=0.0)
    assert (fitted.step, fitted.stopped) == (1, "time")
    assert made.history.read()[-1].keys() >= {"step", "validation"}
