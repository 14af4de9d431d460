"""`head.calibrate`: the temperature of classifiers and taggers, planted, saved, and used wherever a probability is."""

import re
from typing import Any

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from small import CPU, REVIEWS, SENTENCES, built, make, records, reviews, sentences, train

from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.task import Task

# Some labels are wrong, so no model is right about all of them.
NOISY_REVIEWS = [
    *REVIEWS,
    ("a fine film", "negative"),
    ("slow and dull", "positive"),
    ("an old film", "positive"),
    ("nobody knows Ann", "negative"),
]
NOISY_SENTENCES = [
    *SENTENCES,
    ("Bob left", "B-LOC O"),
    ("nobody met Ann", "B-PER O B-PER"),
    ("Paris met Bob Lee", "O O B-PER O"),
]
WORDS = [(text, tags.replace("B-", "").replace("I-", "")) for text, tags in NOISY_SENTENCES]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "classifier": ("sentiment", {}),
    "crf": ("ner", {"kind": "crf"}),
    "softmax": ("ner", {"kind": "softmax"}),
    "plain": ("ner", {"kind": "crf", "scheme": "none"}),
}


def splits_of(name: str) -> dict[str, Split]:
    if name == "classifier":
        return {"train": reviews(), "validation": reviews(NOISY_REVIEWS, "validation")}
    if name == "plain":
        return {"train": sentences(WORDS), "validation": sentences(WORDS, "validation")}
    return {"train": sentences(), "validation": sentences(NOISY_SENTENCES, "validation")}


def trained(name: str, **head: Any) -> tuple[Task[Any], Any, Split]:
    kind, options = CASES[name]
    splits = splits_of(name)
    task = make(kind, splits, head={**options, "calibrate": True, **head})
    model = built(task)
    train(task, model, splits["train"], epochs=3)
    return task, model.eval(), splits["validation"]


def fit(task: Any, model: Any, split: Split) -> list[str]:
    with torch.no_grad():
        notes: list[str] = task.fit_to_validation(model, split, device=CPU)
    return notes


def scale(model: Any, factor: float) -> None:
    """Multiply all scores of a model."""
    head = model.head
    layers = [head.output if hasattr(head, "output") else head.projection]
    parameters = [p for layer in layers for p in layer.parameters()]
    if hasattr(head, "crf"):
        parameters += head.crf.parameters()
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(factor)


@pytest.mark.parametrize("name", CASES)
def test_a_planted_factor_changes_the_temperature_by_it(name: str) -> None:
    task, model, validation = trained(name)
    fit(task, model, validation)
    before = task.temperature
    assert 0.06 < before < 6
    assert before != 1
    scale(model, 3)
    (note,) = fit(task, model, validation)
    assert task.temperature == pytest.approx(3 * before, rel=1e-3)
    assert note.startswith(f"temperature {task.temperature:.3f} chosen on validation: nll per ")


@pytest.mark.parametrize("name", CASES)
def test_predictions_stay_and_probabilities_agree_everywhere(name: str) -> None:
    task, model, validation = trained(name)
    scale(model, 4)
    plain = records(task, model, validation)
    (note,) = fit(task, model, validation)
    calibrated = records(task, model, validation)
    after = task.further_scores(calibrated)["calibration_error"]
    assert note.endswith(
        f"calibration error {task.further_scores(plain)['calibration_error']:.3f} before, {after:.3f} after"
    )
    assert task.details(calibrated)["reliability"]["calibration_error"] == after
    predictor = task.predictor(model, CPU)
    if name == "classifier":
        labels = [record.prediction["label"] for record in calibrated]
        assert labels == [record.prediction["label"] for record in plain]
        answers = predictor.predict(list(validation.texts("text")), pretokenized=True)
        sure = [record.prediction["confidence"] for record in calibrated]
        assert [answer.confidence for answer in answers] == pytest.approx(sure)
        assert sure != pytest.approx([record.prediction["confidence"] for record in plain])
        return
    assert [r.prediction for r in calibrated] == [r.prediction for r in plain]
    assert [r.statistics for r in calibrated] == [r.statistics for r in plain]
    answers = predictor.tag(task.words(validation))
    assert [answer.tags for answer in answers] == [r.prediction for r in calibrated]
    for answer, record in zip(answers, calibrated, strict=True):
        assert answer.confidences == pytest.approx(record.confidences, abs=1e-6)
    assert [r.confidences for r in calibrated] != [r.confidences for r in plain]


@pytest.mark.parametrize("name", CASES)
def test_the_temperature_is_saved_and_only_of_calibrated_models(name: str) -> None:
    task, model, validation = trained(name)
    fit(task, model, validation)
    again = type(task)(task.recipe)
    again.restore(task.tokenizer, task.state())
    assert again.temperature == task.temperature != 1
    kind, options = CASES[name]
    other = make(kind, splits_of(name), head=options)
    assert fit(other, built(other), validation) == []
    assert "temperature" not in other.state()
    assert other.temperature == 1
    if kind == "ner":
        assert {r.confidences for r in records(other, built(other), validation)} == {None}


@pytest.mark.parametrize("name", CASES)
def test_without_validation_it_is_refused_before_training(name: str) -> None:
    kind, options = CASES[name]
    splits = {"train": splits_of(name)["train"]}
    with pytest.raises(UserError, match=r"no validation split to choose a temperature on"):
        make(kind, splits, head={**options, "calibrate": True})


def test_a_model_that_is_always_right_is_left_alone_and_says_so() -> None:
    splits = {"train": reviews(), "validation": reviews(name="validation")}
    task = make("sentiment", splits, head={"calibrate": True})
    model = built(task)
    train(task, model, reviews(), epochs=60)
    (note,) = fit(task, model.eval(), splits["validation"])
    assert task.temperature == 1
    assert re.search(r"left at 1: .*; calibration error 0\.\d{3}, nll per \w+ \d\.\d{4}$", note)


def test_unknown_classes_have_no_nll_but_count_as_errors() -> None:
    task, model, _ = trained("classifier")
    unknown = reviews([("a fine film", "mixed")] * 3, "validation")
    assert "train has no class of validation" in fit(task, model, unknown)[0]
    assert task.temperature == 1
    mixed = reviews([*NOISY_REVIEWS, ("a fine film", "mixed")], "validation")
    (note,) = fit(task, model, mixed)
    error = task.further_scores(records(task, model, mixed))["calibration_error"]
    assert note.endswith(f"{error:.3f} after")


def test_two_classes_have_a_ranking_and_three_have_none() -> None:
    two = [(text, label) for text, label in NOISY_REVIEWS if label != "neutral"]
    task = make("sentiment", {"train": reviews(two)})
    model = built(task)
    scored = records(task, model, reviews(two, "test"))
    found = task.further_scores(scored)
    probabilities = [record.prediction["probabilities"]["positive"] for record in scored]
    gold = [record.target == "positive" for record in scored]
    assert found["auroc"] == pytest.approx(roc_auc_score(gold, probabilities))
    assert found["average_precision"] == pytest.approx(average_precision_score(gold, probabilities))
    assert [*task.details(scored)["curves"]] == ["positive"]
    assert task.score_directions["auroc"] is True
    lacking = records(task, model, reviews([*two, ("a fine film", "mixed")], "test"))
    assert not {"auroc", "average_precision"} & {*task.further_scores(lacking)}
    three = make("sentiment")
    scored = records(three, built(three), reviews())
    assert "auroc" not in {*three.further_scores(scored), *three.score_directions}
    assert [*three.details(scored)["curves"]] == three.labels
