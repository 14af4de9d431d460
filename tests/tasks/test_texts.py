"""Predictors of all tasks take the same kinds of texts, and return typed predictions."""

from collections.abc import Callable
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest
import small
import small_pairs
from datasets import Dataset
from nlpseq.tasks import TASKS
from nlpseq.tasks.language_modeling.recipe import LanguageModelingRecipe
from nlpseq.tasks.language_modeling.task import LanguageModeling
from nlpseq.tasks.recall.recipe import RecallRecipe
from nlpseq.tasks.recall.task import Recall
from small import CPU, built, split_of

from nlpseq.errors import UserError
from nlpseq.predictor import Generator, Prediction, Predictor, TextGenerator
from nlpseq.recipe import validate
from nlpseq.task_lookup import resolve

TEXTS = ["a cat sees the dog", "", "dogs"]
SIZES = {"embedding": {"dim": 6}, "encoder": {"hidden_size": 4}}
ANSWERS = {"text": ["a cat a", "dogs dogs"], "answers": [[2], [1]], "distances": [[2], [1]]}
NAMES = {
    "language_modeling": "language model",
    "recall": "recall model",
    "classification": "text classifier",
    "multilabel": "text labeller",
    "regression": "text regression",
    "tagging": "sequence tagger",
    "translation": "translation model",
    "summarization": "summarization model",
}


def language_model(rows: dict[str, Any], kind: str) -> Any:
    schema = {"language_modeling": LanguageModelingRecipe, "recall": RecallRecipe}[kind]
    recipe = validate(schema, {"task": kind, **SIZES}, "test")
    task: Any = {"language_modeling": LanguageModeling, "recall": Recall}[kind](recipe)
    task.prepare({"train": split_of(rows)})
    return task


def vector_task(kind: str, field: str, targets: list[Any]) -> Any:
    task_class = resolve(kind)
    task = task_class(validate(task_class.Config, {"task": kind, **SIZES}, "test"))
    task.prepare({"train": split_of({"text": TEXTS * 10, field: targets * 10})})
    return task


MAKERS: dict[str, Callable[[], Any]] = {
    "language_modeling": lambda: language_model({"text": TEXTS * 30}, "language_modeling"),
    "recall": lambda: language_model(ANSWERS, "recall"),
    "classification": lambda: small.make("sentiment"),
    "multilabel": lambda: vector_task("multilabel", "labels", [["cat", "dog"], [], ["dog"]]),
    "regression": lambda: vector_task("regression", "number", [2.0, 0.0, 1.0]),
    "tagging": lambda: small.make("ner"),
    "translation": lambda: small_pairs.make("translation"),
    "summarization": lambda: small_pairs.make("summarization"),
}


@pytest.fixture(scope="module", params=list(TASKS))
def predictor(request: pytest.FixtureRequest) -> Any:
    task = MAKERS[request.param]()
    found = task.predictor(built(task), CPU)
    assert found.name == NAMES[request.param]
    assert repr(found) == f"<{found.name} on cpu>"
    return found


def test_any_iterable_of_strings_has_the_same_predictions(predictor: Any) -> None:
    expected = predictor.predict(TEXTS)
    assert type(expected) is list
    assert [prediction.text for prediction in expected] == TEXTS
    for texts in (
        tuple(TEXTS),
        (text for text in TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS, index=[7, 3, 5]),
        Dataset.from_dict({"text": TEXTS})["text"],
    ):
        assert predictor.predict(texts) == expected
    assert predictor.predict([]) == []


@pytest.mark.parametrize("text", ["a cat", np.str_("a cat"), b"a cat"])
def test_a_single_text_is_refused_with_what_to_write(predictor: Any, text: Any) -> None:
    with pytest.raises(UserError, match="list of texts"):
        predictor.predict(text)


@pytest.mark.parametrize(
    ("texts", "index"),
    [
        (["a", None, "b"], 1),
        (pd.Series(["a", "b", float("nan")]), 2),
        (pd.Series(["a", pd.NA], dtype="string"), 1),
        (np.array(["a", 5], dtype=object), 1),
        (["caf\udce9"], 0),
        (["a", ["b", 5]], 1),
    ],
)
def test_an_item_that_is_no_text_is_named_by_its_index(
    predictor: Any, texts: Any, index: int
) -> None:
    with pytest.raises(UserError, match=rf"texts\[{index}\]"):
        predictor.predict(texts)


@pytest.mark.parametrize(
    "texts",
    [{"a": 1}, {"a"}, 5, None, pd.DataFrame({"text": TEXTS}), Dataset.from_dict({"a": TEXTS})],
)
def test_unordered_collections_of_texts_are_refused(predictor: Any, texts: Any) -> None:
    with pytest.raises(UserError, match="list of texts"):
        predictor.predict(texts)


def test_predictors_follow_the_protocols_and_predictions_are_frozen(predictor: Any) -> None:
    assert isinstance(predictor, Predictor)
    assert isinstance(predictor, Generator) == (predictor.name == "language model")
    generates = predictor.name in ("translation model", "summarization model")
    assert isinstance(predictor, TextGenerator) == generates
    for prediction in predictor.predict(TEXTS):
        assert type(prediction) is predictor.prediction_type
        assert isinstance(prediction, Prediction)
        assert prediction.to_json()["text"] == prediction.text
        assert not any(
            isinstance(getattr(prediction, name), list) for name in get_type_hints(type(prediction))
        )
        with pytest.raises(AttributeError):
            prediction.text = "other"
