"""Recipes and model directories of version 0.1 (format 1) still load, predict the same, and compare.

`fixtures/format_1/run` was written by nlpseq 0.1.0 (`nlpseq run ner/quickstart` on 300 sentences of the built-in
corpus); `predictions.json` holds what 0.1.0 predicted with it.
"""

import json
import shutil
from pathlib import Path

import pytest

import nlpseq
from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.task_lookup import read_recipe, resolve, task_name

FIXTURES = Path(__file__).parent / "fixtures" / "format_1"
RUN = FIXTURES / "run"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Copy the run, so that commands may write into it."""
    return Path(shutil.copytree(RUN, tmp_path / "old"))


def close(value: object, expected: object) -> bool:
    if isinstance(expected, float):
        return value == pytest.approx(expected, abs=1e-5)
    if isinstance(expected, dict):
        assert isinstance(value, dict)
        return value.keys() == expected.keys() and all(close(value[k], expected[k]) for k in value)
    if isinstance(expected, list):
        assert isinstance(value, list)
        pairs = zip(value, expected, strict=True)
        return len(value) == len(expected) and all(close(one, other) for one, other in pairs)
    return value == expected


def test_it_predicts_the_same_as_version_0_1() -> None:
    stored = json.loads((FIXTURES / "predictions.json").read_text(encoding="utf-8"))
    predictor = nlpseq.load(RUN, "cpu", task="tagging")
    predictions = [prediction.to_json() for prediction in predictor.predict(stored["texts"])]
    assert close(predictions, stored["predictions"])


def test_it_reads_text_that_is_cut_already() -> None:
    predictor = nlpseq.load(RUN, "cpu", task="tagging")
    raw, cut = "Mr. Denby left Harford.", ["Mr.", "Denby", "left", "Harford", "."]
    (prediction,) = predictor.predict([raw])
    assert list(prediction.tokens) == cut
    for given in (cut, " ".join(cut)):
        (same,) = predictor.predict([given], pretokenized=True)
        assert same.tags == prediction.tags
        assert [entity.type for entity in same.entities] == [e.type for e in prediction.entities]
    (whole,) = predictor.predict(["left Harford."], pretokenized=True)
    assert list(whole.tokens) == ["left", "Harford."]


def test_its_task_has_the_short_name() -> None:
    assert model_directory.load_task(RUN).recipe.task == "tagging"
    assert type(model_directory.load_task(RUN)) is resolve("tagging")
    dotted = "nlpseq.tasks.ner:NamedEntityRecognition"
    assert type(model_directory.load_task(RUN, dotted)) is resolve("tagging")
    assert task_name("nlpseq.tasks.tagging.task:Tagging") == task_name(dotted) == "tagging"
    assert task_name("my_task.py:MyTask") == "my_task.py:MyTask"
    assert type(model_directory.load_task(RUN, resolve("tagging"))) is resolve("tagging")


def test_a_run_of_another_task_is_refused() -> None:
    with pytest.raises(UserError, match="a model of tagging, not of classification"):
        nlpseq.load(RUN, "cpu", task="classification")
    with pytest.raises(UserError, match="no such task"):
        nlpseq.load(RUN, "cpu", task="taging")  # type: ignore[call-overload]


def test_its_scores_are_reproduced(old: Path) -> None:
    from nlpseq.experiment.evaluate import evaluate

    stored = json.loads((RUN / "metrics.json").read_text())
    scores = evaluate(old, split="test", device="cpu")
    assert scores["data"] == stored["data"]["test"]
    assert close(scores["test"], stored["test"])


def test_its_recipe_trains_a_run_that_is_compared_with_it(old: Path, tmp_path: Path) -> None:
    """The recipe of a run in format 1 has the dotted name of its task."""
    recipe = RUN / "recipe.toml"
    assert 'task = "nlpseq.tasks.ner:NamedEntityRecognition"' in recipe.read_text()
    assert read_recipe(str(recipe)).task == "tagging"
    new = nlpseq.run(
        recipe,
        output=tmp_path / "new",
        device="cpu",
        training={"max_steps": 3},
        encoder={"kind": "gru"},
    )
    report = nlpseq.compare(old, new.folder, output=tmp_path / "report", samples=100)
    assert [model.name for model in report.models] == ["old", "new"]
    assert report.models[0].scores["f1"].mean == pytest.approx(
        json.loads((RUN / "metrics.json").read_text())["test"]["f1"]
    )


def test_it_is_resumed_with_its_recipe_and_no_other(old: Path) -> None:
    """Its recipe.toml has the dotted name of the task, and lacks the keys that came later."""
    recipe = RUN / "recipe.toml"
    result = nlpseq.run(recipe, output=old, device="cpu", resume=True)
    assert result.metrics == json.loads((RUN / "metrics.json").read_text())
    assert (old / "recipe.toml").read_bytes() == recipe.read_bytes()
    with pytest.raises(UserError, match="started with another recipe"):
        nlpseq.run(recipe, output=old, device="cpu", resume=True, seed=14)
