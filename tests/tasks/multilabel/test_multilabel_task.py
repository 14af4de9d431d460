"""Several labels for a text: what is learnt, saved, evaluated, predicted and explained, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from nlpseq.tasks.multilabel.task import Multilabel
from nlpseq.tasks.multilabel.thresholds import Thresholds
from small import CPU, ENCODERS, built, encoder, records, scores, train

from nlpseq import model_directory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.predictor import Explainer, LabelledText
from nlpseq.recipe import validate

Row = tuple[str, list[str]]
ROWS: list[Row] = [
    ("the soup was cold", ["food"]),
    ("the porter was rude", ["staff"]),
    ("soup and porter", ["food", "staff"]),
    ("we stayed twice", []),
    ("cold soup , and the roof leaks", ["building", "food"]),
    ("the roof leaks", ["building"]),
] * 3


def split_of(rows: Any = ROWS, name: str = "train") -> Split:
    columns = {"text": [row[0] for row in rows], "labels": [row[1] for row in rows]}
    return Split(name, Dataset.from_dict(columns), "test")


def make(rows: Any = ROWS, splits: Any = None, **sections: Any) -> Any:
    document: dict[str, Any] = {
        "task": "multilabel",
        "embedding": {"dim": 8},
        "encoder": {"hidden_size": 8},
        "training": {"batch_size": 4},
        **sections,
    }
    task = Multilabel(validate(Multilabel.Config, document, "test"))
    task.prepare(splits or {"train": split_of(rows)})
    return task


def fitted(task: Any, model: Any, rows: Any = ROWS) -> list[str]:
    with torch.no_grad():
        notes: list[str] = task.fit_to_validation(
            model.eval(), split_of(rows, "validation"), device=CPU
        )
    return notes


@pytest.mark.parametrize("kind", ENCODERS)
def test_evaluate_is_predict(kind: str, tmp_path: Path) -> None:
    task = make(encoder=encoder(kind), head={"thresholds": "per_label"})
    model = built(task)
    fitted(task, model)
    found = records(task, model, split_of())
    model_directory.save(tmp_path, task, model)
    predictor = model_directory.load(tmp_path, "cpu")
    predictions = predictor.predict([text for text, _ in ROWS])
    assert [type(prediction) for prediction in predictions] == [LabelledText] * len(ROWS)
    for record, prediction in zip(found, predictions, strict=True):
        assert list(prediction.labels) == record.prediction["labels"]
        assert prediction.probabilities == pytest.approx(
            record.prediction["probabilities"], abs=1e-5
        )
    same = predictor.evaluate([text for text, _ in ROWS], [labels for _, labels in ROWS])
    assert same == pytest.approx(scores(task, model, split_of()), abs=1e-6)


def test_labels_are_learnt_and_an_empty_list_is_one_of_the_answers() -> None:
    task = make()
    model = built(task)
    train(task, model, split_of(), epochs=60)
    assert scores(task, model, split_of())["subset_accuracy"] == 1.0
    both, none = task.predictor(model, CPU).predict(["soup and porter", "we stayed twice"])
    assert {*both.labels} == {"food", "staff"}
    assert none.labels == ()


def test_the_loss_is_the_binary_cross_entropy() -> None:
    task = make()
    logits = torch.tensor([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]])
    target = task.collate_targets([["food"], ["building", "staff"]], None)
    assert target.tolist() == [[0, 1, 0], [1, 0, 1]]
    found = task.output_loss(logits, target, training=False)
    expected = F.binary_cross_entropy_with_logits(logits, target)
    assert float(found.total / found.count) == pytest.approx(float(expected))


def test_rare_labels_weigh_more_if_balanced() -> None:
    rows = [*ROWS, ("rare", ["odd"])]
    task = make(rows, training={"label_weights": "balanced"})
    positives = [task.collate_targets([[label]], None) for label in ("odd", "food")]
    zero = torch.zeros(1, len(task.labels))
    rare, usual = (float(task.output_loss(zero, t, training=True).total) for t in positives)
    assert rare > 1.5 * usual
    plain = [float(task.output_loss(zero, t, training=False).total) for t in positives]
    assert plain[0] == pytest.approx(plain[1])


def test_thresholds_are_chosen_on_validation_and_restored() -> None:
    task = make(head={"thresholds": "global"})
    assert task.thresholds.values == (0.5, 0.5, 0.5)
    model = built(task)
    with torch.no_grad():
        model.head.output.bias.copy_(torch.tensor([-3.0, -3.0, -3.0]))  # nothing reaches 0.5
    assert scores(task, model, split_of())["micro_f1"] == 0.0
    (note,) = fitted(task, model)
    assert note.startswith("thresholds chosen on validation: 0.0")
    assert scores(task, model, split_of())["micro_f1"] > 0.4
    other = task.with_recipe(task.recipe)
    assert other.thresholds == task.thresholds


def test_a_number_is_the_threshold_of_all_labels() -> None:
    task = make(head={"thresholds": 0.3})
    model = built(task)
    assert fitted(task, model) == []
    assert task.thresholds.values == (0.3, 0.3, 0.3)
    with pytest.raises(UserError, match="head.thresholds"):
        make(head={"thresholds": 1.5})


def test_without_validation_the_threshold_is_said() -> None:
    assert any("no validation split to choose thresholds on" in note for note in make().notes)
    splits = {"train": split_of(), "validation": split_of(name="validation")}
    assert not any("no validation split" in note for note in make(splits=splits).notes)


def test_damaged_thresholds() -> None:
    state = {"id2label": {"0": "a", "1": "b"}, "thresholds": {"a": 0.5}}
    with pytest.raises(UserError, match="learnt.thresholds is damaged"):
        Thresholds.from_json(state)


def test_labels_that_train_lacks_are_wrong_and_said() -> None:
    task = make()
    split = split_of([("the soup was cold", ["food", "price"]), ("x", ["price"])], "test")
    assert "test: 2 texts with labels that train lacks (price), counted as wrong" in task.inspect(
        split
    )
    model = built(task)
    train(task, model, split_of(), epochs=60)
    found = scores_of_split(task, model, split)
    assert found["subset_accuracy"] == 0.0
    assert found["micro_recall"] <= 1 / 3
    table = task.details(records(task, model, split))["per_label"]
    assert table["price"]["support"] == 2
    assert table["price"]["threshold"] is None
    assert table["food"]["threshold"] == 0.5
    perfect = task.perfect_scores(records(task, model, split))
    assert perfect["micro_f1"] == pytest.approx(2 * 1 / (1 + 3))


def scores_of_split(task: Any, model: Any, split: Split) -> dict[str, float]:
    found = records(task, model, split)
    metric = task.metric.with_targets(record.target for record in found)
    total = [sum(column) for column in zip(*(r.statistics for r in found), strict=True)]
    known: dict[str, float] = metric.score(total)
    # the metric of the task, which knows no new labels, scores the same
    assert task.metric.score(total) == known
    return known


def test_attributions_of_a_label() -> None:
    task = make()
    model = built(task)
    train(task, model, split_of(), epochs=40)
    predictor = task.predictor(model, CPU)
    assert isinstance(predictor, Explainer)
    text = "soup and porter"
    food = predictor.explain([text], label="food")[0].attributions
    staff = predictor.explain([text], label="staff")[0].attributions
    assert food[0] == max(food)
    assert staff[2] == max(staff)
    both = predictor.explain([text])[0].attributions
    mean = [(a + b) / 2 for a, b in zip(food, staff, strict=True)]
    assert list(both) == pytest.approx(mean, abs=1e-4)
    with pytest.raises(UserError, match="label 'fod': .*food"):
        predictor.explain([text], label="fod")


def test_a_prediction_shows_itself() -> None:
    prediction = LabelledText("the text", ("a", "b"), {"a": 0.9, "b": 0.6, "c": 0.1})
    assert prediction.to_text() == "a 0.90  b 0.60  the text"
    assert prediction.summary() == "a (0.90), b (0.60)"
    assert prediction.to_json()["labels"] == ["a", "b"]
    none = LabelledText("the text", (), {"a": 0.1})
    assert none.to_text() == "no label  the text"
    assert none.summary() == "none"
    assert "<b>no label</b>" in none.to_html()


def test_train_without_any_label_is_refused() -> None:
    rows = {"text": ["a", "b"], "labels": [["x"], []]}
    features = Dataset.from_dict(rows).features
    empty = Dataset.from_dict({"text": ["a"], "labels": [[]]}, features=features)
    task = Multilabel(validate(Multilabel.Config, {"task": "multilabel"}, "test"))
    with pytest.raises(UserError, match="no row of train has a label in 'labels'"):
        task.prepare({"train": Split("train", empty, "test")})


def test_baselines() -> None:
    task = make()
    splits = {"train": split_of(), "validation": split_of(ROWS[:6], "validation")}
    right = {}
    for baseline in task.baselines(splits):
        rows = list(baseline.records(splits["validation"]))
        assert [row.target for row in rows] == [labels for _, labels in ROWS[:6]]
        right[baseline.name] = sum(row.statistics[0] for row in rows)
    assert [*right] == ["most_frequent_labels", "tfidf"]
    assert right["most_frequent_labels"] == 1
    assert right["tfidf"] == 6
