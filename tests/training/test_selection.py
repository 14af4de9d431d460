"""The score that chooses the weights: by name, with ties, and where it means nothing."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from accelerate import Accelerator
from tiny import TRAIN, VALIDATION, TinyTask, recipe
from torch import nn

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores
from nlpseq.task import Record, Shard
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.selection import (
    BY_LOSS,
    Criterion,
    meaningless_line,
    meaningless_scores,
    selection_criterion,
    validation_loss,
)
from nlpseq.training.trainer import Trainer


class Scripted:
    """Scores that were written down before, one line for each validation."""

    def __init__(self, lines: Sequence[Scores]) -> None:
        self.lines = lines

    def statistics(self, prediction: Any, target: Any) -> tuple[float, ...]:
        return (float(prediction), 1.0)

    def score(self, total: Sequence[float]) -> Scores:
        return dict(self.lines[round(total[0] / total[1]) - 1])


class ScriptedTask(TinyTask):
    main_metric = "f1"
    higher_is_better = True
    score_directions: ClassVar[dict[str, bool]] = {"ter": False}  # type: ignore[misc]
    lines: ClassVar[Sequence[Scores]] = ()
    perfect: ClassVar[Scores] = {}

    def __init__(self, made: Any) -> None:
        super().__init__(made)
        self.metric = Scripted(self.lines)  # type: ignore[assignment]

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        self.evaluations += 1
        yield Record(0, (float(self.evaluations), 1.0))

    def perfect_scores(self, records: Sequence[Record]) -> Scores:
        return self.perfect


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def scripted(
    folder: Path,
    lines: Sequence[Scores],
    perfect: Scores | None = None,
    done: int = 0,
    **training: Any,
) -> tuple[Trainer, Notes]:
    task_class = type("T", (ScriptedTask,), {"lines": lines, "perfect": perfect or {}})
    task = task_class(recipe({"stream": False}, epochs=float(len(lines)), **training))
    task.evaluations = done
    notes = Notes()
    accelerator = Accelerator(cpu=True)
    made = Trainer(task, task.build(), accelerator=accelerator, folder=folder, reporter=notes)
    return made, notes


def lines(*scores: float, losses: Sequence[float], **more: Sequence[float]) -> list[Scores]:
    columns = {"f1": scores, "nll_per_token": losses, **more}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def best_epoch(made: Trainer, **options: Any) -> tuple[float, str]:
    result = made.fit(TRAIN, VALIDATION, **options)
    epochs = [line["epoch"] for line in made.history.read() if "validation" in line]
    steps = [line["step"] for line in made.history.read() if "validation" in line]
    return epochs[steps.index(result.best_step)], result.stopped


@pytest.mark.parametrize(
    ("select_by", "expected"),
    [(None, 2), ("f1", 2), ("ter", 3), ("loss", 4), ("nll", 4)],
)
def test_the_score_may_be_chosen(tmp_path: Path, select_by: str | None, expected: int) -> None:
    script = lines(1, 3, 2, 2, losses=[4, 3, 3, 2], ter=[9, 8, 7, 8])
    made, _ = scripted(tmp_path, script, select_by=select_by)
    assert best_epoch(made) == (expected, "finished")


def test_equal_scores_are_ranked_by_loss(tmp_path: Path) -> None:
    script = lines(2, 3, 3, 3, losses=[1.0, 2.0, 1.5, 1.8])
    assert best_epoch(scripted(tmp_path, script)[0]) == (3, "finished")


def test_a_score_of_0_does_not_stop_training_while_the_loss_falls(tmp_path: Path) -> None:
    script = lines(*[0] * 7, losses=[6, 5, 4, 3, 3.5, 3.2, 1])
    made, notes = scripted(tmp_path, script, patience=2)
    assert best_epoch(made) == (4, "early")
    assert notes.lines == [
        "validation: F1 is 0; until it moves, the lowest nll per token chooses the weights"
    ]
    assert made.task.notes == [
        "validation: F1 was always 0; the lowest nll per token chose the weights"
    ]


def test_a_score_that_moves_counts_again(tmp_path: Path) -> None:
    script = lines(0, 0, 0.2, 0.1, losses=[4, 3, 5, 1])
    made, _ = scripted(tmp_path, script)
    assert best_epoch(made) == (3, "finished")
    assert made.task.notes == []


def test_a_score_that_a_perfect_model_cannot_raise_does_not_choose(tmp_path: Path) -> None:
    script = lines(0.1, 0, 0, 0, 0, losses=[4, 3, 2, 2.5, 1])
    made, notes = scripted(tmp_path, script, {"f1": 0.0}, patience=1)
    assert best_epoch(made) == (3, "early")
    [note] = notes.lines
    assert note.startswith(
        "validation: F1 says nothing on these data: a perfect model would have 0"
    )
    assert note.endswith("the lowest nll per token chooses the weights")
    assert made.task.notes == [note]
    assert made.fit(TRAIN, VALIDATION, resume=True).selected_by == "loss"


def test_a_score_that_means_something_chooses_although_the_loss_rises(tmp_path: Path) -> None:
    script = lines(0.1, 0.2, 0.3, losses=[1, 2, 3])
    made, notes = scripted(tmp_path, script, {"f1": 1.0})
    assert best_epoch(made) == (3, "finished")
    assert notes.lines == []


@pytest.mark.parametrize("perfect", [{}, {"f1": 0.0}])
def test_a_resumed_run_chooses_as_an_uninterrupted_one(tmp_path: Path, perfect: Scores) -> None:
    script = lines(0.2, 0.2, 0.1, 0.2, losses=[5, 4, 6, 3])
    whole, _ = scripted(tmp_path / "whole", script, perfect)
    expected = whole.fit(TRAIN, VALIDATION)
    steps = whole.task.steps_per_epoch(TRAIN)
    first, _ = scripted(tmp_path / "parts", script, perfect, max_steps=2 * steps)
    first.fit(TRAIN, VALIDATION)
    second, notes = scripted(tmp_path / "parts", script, perfect, done=2)
    result = second.fit(TRAIN, VALIDATION, resume=True)
    assert result.best_step == expected.best_step == 4 * steps
    assert second.task.notes == whole.task.notes
    assert len(second.task.notes) == len(perfect)
    assert notes.lines == []  # said once, before the interruption
    state = json.loads(
        (max((tmp_path / "parts" / "checkpoints").iterdir()) / "state.json").read_text()
    )
    assert state["run"]["by_loss"] == bool(perfect)


def test_the_validation_loss_is_added_where_scores_have_none(tmp_path: Path) -> None:
    made, _ = scripted(tmp_path, [{"f1": 0.5}] * 3, select_by="loss")
    result = made.fit(TRAIN, VALIDATION)
    validations = [line["validation"] for line in made.history.read() if "validation" in line]
    assert all(row.keys() == {"f1", "loss"} for row in validations)
    losses = [row["loss"] for row in validations]
    assert result.best_scores["loss"] == min(losses)
    assert made.mean_loss(VALIDATION) == pytest.approx(min(losses))


def test_a_name_that_is_no_score_is_refused_before_training(tmp_path: Path) -> None:
    made, _ = scripted(tmp_path, lines(0, losses=[1]), select_by="teer")
    with pytest.raises(UserError, match=r"select_by: 'teer'.*did you mean 'ter'.*f1, ter, loss"):
        made.fit(TRAIN, VALIDATION)
    assert not made.history.path.exists()


def test_directions() -> None:
    task = ScriptedTask(recipe(select_by="ter"))
    assert selection_criterion(task) == Criterion("ter", higher_is_better=False)
    assert BY_LOSS.is_better({"loss": 1.0}, {"loss": 2.0})
    assert BY_LOSS.is_better({"nll_per_token": 1.0, "loss": 9.0}, {"nll_per_token": 2.0})
    assert not Criterion("f1", True).is_better({"f1": float("nan")}, None)
    assert not Criterion("f1", True).is_better({"f1": 1.0}, {"f1": 1.0})
    assert validation_loss({"f1": 1.0}) is None


def test_scores_that_cannot_be_anything_but_0_are_named(tmp_path: Path) -> None:
    trainer, _ = scripted(tmp_path, [{"f1": 0.0}], perfect={"f1": 0.0})
    records = [Record(0, (1.0, 1.0))]
    assert meaningless_scores(trainer.task, records) == ["f1"]
    assert meaningless_line("test", "f1") == (
        "test: F1 says nothing on these data: a perfect model would have 0 (they have no entity)"
    )
    trainer, _ = scripted(tmp_path, [{"f1": 0.0}], perfect={"f1": 0.5})
    assert meaningless_scores(trainer.task, records) == []
