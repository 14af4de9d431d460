"""Regression: what is learnt, saved, evaluated, predicted and explained, and what is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from nlpseq.tasks.regression.task import Regression
from small import CPU, ENCODERS, built, encoder, records, scores, train

from nlpseq import model_directory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.predictor import Explainer
from nlpseq.predictor import Regression as Number
from nlpseq.recipe import validate
from nlpseq.task import LossSum
from nlpseq.training.selection import Criterion

ROWS = [
    ("a very fine film", 9.5),
    ("a fine film", 8.0),
    ("a dull film", 3.0),
    ("a very dull film . we left", 1.5),
    ("nobody knows", 5.0),
    ("fine", 7.5),
] * 3


def split_of(rows: Any = ROWS, name: str = "train") -> Split:
    columns = {"text": [row[0] for row in rows], "number": [row[1] for row in rows]}
    return Split(name, Dataset.from_dict(columns), "test")


def make(rows: Any = ROWS, **sections: Any) -> Any:
    document: dict[str, Any] = {
        "task": "regression",
        "embedding": {"dim": 8},
        "encoder": {"hidden_size": 8},
        "training": {"batch_size": 4},
        **sections,
    }
    task = Regression(validate(Regression.Config, document, "test"))
    task.prepare({"train": split_of(rows)})
    return task


@pytest.mark.parametrize("kind", ENCODERS)
def test_evaluate_is_predict(kind: str, tmp_path: Path) -> None:
    task = make(encoder=encoder(kind))
    model = built(task)
    found = records(task, model, split_of())
    model_directory.save(tmp_path, task, model)
    predictor = model_directory.load(tmp_path, "cpu")
    predictions = predictor.predict([text for text, _ in ROWS])
    assert [type(prediction) for prediction in predictions] == [Number] * len(ROWS)
    numbers = [record.prediction["number"] for record in found]
    assert [prediction.number for prediction in predictions] == pytest.approx(numbers, abs=1e-4)
    assert [record.target for record in found] == [number for _, number in ROWS]


def test_numbers_are_learnt_in_their_own_unit() -> None:
    """A mean far from 0 and a scale far from 1 are no obstacle."""
    rows = [(text, 1e6 + 1e3 * number) for text, number in ROWS]
    task = make(rows)
    model = built(task)
    train(task, model, split_of(rows), epochs=60)
    found = scores(task, model, split_of(rows))
    assert found["rmse"] < 500
    assert found["pearson"] > 0.97
    prediction = task.predictor(model, CPU).predict(["a very fine film"])[0]
    assert prediction.number == pytest.approx(1e6 + 9.5e3, abs=1000)


def test_the_scale_is_that_of_train_and_is_restored() -> None:
    task = make()
    numbers = torch.tensor([number for _, number in ROWS], dtype=torch.float64)
    assert task.mean == pytest.approx(float(numbers.mean()))
    assert task.deviation == pytest.approx(float(numbers.std(correction=0)))
    other = task.with_recipe(task.recipe)
    assert (other.mean, other.deviation, other.state()) == (
        task.mean,
        task.deviation,
        task.state(),
    )
    damaged = {**task.state(), "numbers": {"mean": 1}}
    with pytest.raises(UserError, match="learnt.numbers.standard_deviation is missing"):
        Regression(task.recipe).restore(task.tokenizer, damaged)


@pytest.mark.parametrize(("loss", "expected"), [("mse", 0.25 + 9.0), ("huber", 0.125 + 2.5)])
def test_the_loss_of_training(loss: str, expected: float) -> None:
    task = make(training={"loss": loss})
    logits, target = torch.tensor([[0.5], [3.0]]), torch.tensor([0.0, 0.0])
    found: LossSum = task.output_loss(logits, target, training=True)
    assert float(found.total) == pytest.approx(expected)
    assert float(found.count) == 2
    plain = task.output_loss(logits, target, training=False)
    assert float(plain.total) == pytest.approx(9.25)


def test_attributions_add_up_to_a_difference_of_numbers() -> None:
    task = make()
    model = built(task)
    train(task, model, split_of(), epochs=30)
    predictor = task.predictor(model, CPU)
    assert isinstance(predictor, Explainer)
    dull, fine = predictor.explain(["a dull film", "a fine film"])
    assert dull.attributions[1] < min(dull.attributions[0], dull.attributions[2], 0.0)
    assert fine.attributions[1] > max(fine.attributions[0], fine.attributions[2], 0.0)
    assert fine.attributions[1] < 9  # in the unit of the numbers


@pytest.mark.parametrize(
    ("number", "shown"), [(3.14159, "3.142"), (-0.00123, "-0.00123"), (123456.7, "123457")]
)
def test_a_prediction_shows_itself(number: float, shown: str) -> None:
    prediction = Number("the text", number)
    assert prediction.summary() == shown
    assert prediction.to_text() == f"{shown}  the text"
    assert prediction.to_json() == {"text": "the text", "number": number}
    assert f"<b>{shown}</b>" in prediction.to_html()


def test_equal_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="'number' of train holds 4 in every row"):
        make([("a", 4.0), ("b", 4.0)])


def test_smoothing_is_refused() -> None:
    with pytest.raises(UserError, match="training.label_smoothing = 0.1: a number has no wrong"):
        make(training={"label_smoothing": 0.1})


def test_notes_on_the_numbers() -> None:
    task = make()
    assert any("'number' from 1.5 to 9.5, mean 5.75" in note for note in task.notes)
    beyond = split_of([("a", 20.0), ("b", 2.0)], "test")
    assert "test: 1 number below or above those of train (1.5 to 9.5)" in task.inspect(beyond)
    two = make([("a", 0.0), ("b", 1.0)])
    assert any("two different numbers only; for classes" in note for note in two.notes)


def test_a_constant_prediction_has_no_correlation_and_says_so() -> None:
    task = make()
    model = built(task)
    with torch.no_grad():
        model.head.output.weight.zero_()
    found = records(task, model, split_of())
    assert "pearson" not in scores(task, model, split_of())
    assert task.further_scores(found) == {}
    (note,) = task.score_notes("test", found)
    assert note.startswith("test: all predictions are ")
    assert note.endswith("so Pearson's and Spearman's correlation are not defined")


def test_a_score_that_is_not_defined_chooses_no_weights() -> None:
    criterion = Criterion("pearson", higher_is_better=True)
    assert criterion.value({"rmse": 1.0}) == -math.inf
    assert criterion.is_better({"rmse": 1.0, "pearson": -0.5}, {"rmse": 1.0})
    assert not criterion.is_better({"rmse": 0.1}, {"rmse": 1.0, "pearson": -0.5})


def test_baselines_learn_the_mean_and_the_words() -> None:
    task = make()
    splits = {"train": split_of(), "validation": split_of(ROWS[:6], "validation")}
    errors = {}
    for baseline in task.baselines(splits):
        rows = list(baseline.records(splits["validation"]))
        assert [row.target for row in rows] == [number for _, number in ROWS[:6]]
        errors[baseline.name] = sum(row.statistics[-1] for row in rows)
    assert [*errors] == ["mean", "tfidf"]
    assert errors["tfidf"] < 0.1 * errors["mean"]


def test_pairs_of_texts() -> None:
    document = {"task": "regression", "head": {"pair": "features"}, "encoder": {"hidden_size": 4}}
    task = Regression(validate(Regression.Config, document, "test"))
    rows = {"text": ["a b", "c", "a"], "text2": ["b", "d e", "a"], "number": [2.0, 0.5, 5.0]}
    split = Split("train", Dataset.from_dict(rows), "test")
    task.prepare({"train": split})
    model = built(task)
    found = [record.prediction["number"] for record in records(task, model, split)]
    pairs = list(zip(rows["text"], rows["text2"], strict=True))
    predictions = task.predictor(model, CPU).predict(pairs)
    assert [prediction.number for prediction in predictions] == pytest.approx(found, abs=1e-5)
    assert [baseline.name for baseline in task.baselines({"train": split})] == ["mean", "tfidf"]
