"""The validation loss of classifiers and taggers, and main scores that mean nothing on some data."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from small import BOTH, CPU, built, make, reviews, sentences, split_for

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.task import Progress, Shard
from nlpseq.training.evaluation import mean_loss
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.selection import Criterion
from nlpseq.training.trainer import Trainer

UNKNOWN = {
    "sentiment": reviews([("a fine film", "positive"), ("we left", "undecided")], "validation"),
    "ner": sentences([("Ann met Bob", "B-PER O B-PER"), ("the Acme", "O B-ORG")], "validation"),
}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("limit", [0, 3])
def test_the_mean_loss_is_that_of_its_batches(kind: str, limit: int) -> None:
    task, split = make(kind), split_for(kind)
    model = built(task)
    part = Split("part", split.rows.select(range(limit or len(split))), "test")
    total = count = 0.0
    with torch.no_grad():
        for batch in task.validation_batches(part):
            loss, _ = task.loss(model.eval(), batch.to(CPU), (), Progress())
            total, count = total + float(loss.total), count + float(loss.count)
    model.train()
    mean = mean_loss(task, model, split, Accelerator(cpu=True), limit)
    assert mean == pytest.approx(total / count, rel=1e-6)
    assert mean == pytest.approx(math.log(len(task.state()["id2label"])), rel=0.5)
    assert model.training


@pytest.mark.parametrize("kind", BOTH)
def test_an_example_that_the_model_cannot_know_has_no_loss(kind: str) -> None:
    task = make(kind)
    [batch] = task.validation_batches(UNKNOWN[kind])
    assert batch.index.tolist() == [0]
    strange = Split("validation", UNKNOWN[kind].rows.select([1]), "test")
    assert mean_loss(task, built(task), strange, Accelerator(cpu=True)) is None
    with pytest.raises(UserError, match="no example of validation has a loss"):
        Criterion("loss", higher_is_better=False).value({"accuracy": 0.0})


@pytest.mark.parametrize("kind", BOTH)
def test_the_history_has_the_loss_of_every_validation(kind: str, tmp_path: Path) -> None:
    task, split = make(kind, training={"epochs": 2.0}), split_for(kind)
    made = Trainer(
        task,
        built(task),
        accelerator=Accelerator(cpu=True),
        folder=tmp_path,
        reporter=SilentReporter(),
    )
    result = made.fit(split, UNKNOWN[kind])
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().split("\n")[:-1]]
    losses = [line["validation"]["loss"] for line in lines if "validation" in line]
    assert len(losses) == 2
    assert all(map(math.isfinite, losses))
    assert result.best_scores["loss"] in losses


def test_perfect_scores() -> None:
    def of(task: Any, split: Split) -> float:
        with torch.no_grad():
            model = built(task).eval()
            records = list(task.evaluate(model, split, device=CPU, shard=Shard()))
        return float(task.perfect_scores(records)[task.main_metric])

    tagger, classifier = make("ner"), make("sentiment")
    assert of(tagger, sentences()) == 1
    assert of(tagger, sentences([("nobody left", "O O")], "validation")) == 0
    assert of(classifier, reviews()) == 1
    assert of(classifier, reviews([("we left", "undecided")], "validation")) == 0


def test_a_validation_without_an_entity_is_said(tmp_path: Path) -> None:
    task = make("ner", training={"epochs": 3.0, "patience": 1})
    made = Trainer(
        task,
        built(task),
        accelerator=Accelerator(cpu=True),
        folder=tmp_path,
        reporter=SilentReporter(),
    )
    result = made.fit(sentences(), sentences([("nobody left .", "O O O")], "validation"))
    assert result.selected_by == "loss"
    assert result.step == result.best_step
    [note] = [note for note in task.notes if note.startswith("validation: F1")]
    assert "a perfect model would have 0 (they have no entity)" in note
