"""Predictions, the protocols of predictors, and the check of texts."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import FrozenInstanceError
from typing import Any, ClassVar

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest

from nlpseq.errors import TextError, UserError
from nlpseq.predictor import (
    FORMATS,
    AttendedText,
    Classification,
    Entity,
    GeneratedText,
    Generator,
    Hypothesis,
    Prediction,
    Predictor,
    TaggedText,
    TaggedWords,
    TextGenerator,
    TextScore,
    TokenPredictions,
    as_texts,
)
from nlpseq.predictor.texts import as_cut_texts

# Texts

TEXTS = ["good film", "", "Übel\u2028"]


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        tuple(TEXTS),
        (text for text in TEXTS),
        dict.fromkeys(TEXTS).keys(),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS, index=[5, 3, 4]),
        pd.Series(TEXTS, dtype="string"),
        pd.Index(TEXTS),
        datasets.Dataset.from_dict({"text": TEXTS})["text"],
        pyarrow.array(TEXTS),
        pyarrow.chunked_array([TEXTS]),
        pyarrow.array(TEXTS).dictionary_encode(),
        pd.Series(TEXTS, dtype="category"),
        pl.Series(TEXTS),
        pl.Series(TEXTS, dtype=pl.Categorical),
        pl.DataFrame({"text": TEXTS})["text"],
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_texts_come_from_any_sequence_of_strings(texts: object) -> None:
    checked = as_texts(texts)
    assert checked == TEXTS
    assert {type(text) for text in checked} == {str}


@pytest.mark.parametrize(
    "texts",
    [
        [["a", "b"], ["c"]],
        pd.Series([np.array(["a", "b"]), np.array(["c"])]),
        pl.Series([["a", "b"], ["c"]]),
        pyarrow.array([["a", "b"], ["c"]]),
        datasets.Dataset.from_dict({"tokens": [["a", "b"], ["c"]]})["tokens"],
        (np.array(words) for words in (["a", "b"], ["c"])),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_cut_texts_come_from_any_sequence_of_words(texts: object) -> None:
    assert as_cut_texts(texts) == [["a", "b"], ["c"]]


def test_no_texts_are_texts() -> None:
    assert as_texts([]) == as_texts(np.array([])) == as_texts(iter(())) == []


TABLE = {"text": TEXTS}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a b", r"not one text; write \['a b'\]$"),
        (b"a b", "not bytes; decode it, and give a list"),
        (bytearray(b"a"), "not bytearray"),
        ({"text": "a"}, "not a dict; give one of its columns"),
        (pd.DataFrame(TABLE), "not a DataFrame; give one of its columns"),
        (
            pd.DataFrame({"text": ["a"], "n": [1]}),
            "not a DataFrame; give one of its columns: 'text', 'n'",
        ),
        (pl.DataFrame({"text": ["a"]}), "not a DataFrame; give one of its columns: 'text'"),
        (
            pl.DataFrame({"text": ["a"]}).lazy(),
            "not a LazyFrame; give one of its columns, collected",
        ),
        (pyarrow.table({"text": ["a"]}), "not a Table; give one of its columns: 'text'"),
        (datasets.Dataset.from_dict(TABLE), "not a Dataset; give one of its columns"),
        ({"a", "b"}, "not a set, which has no order"),
        (frozenset("a"), "not a frozenset"),
        (None, "not None$"),
        (7, "not 7$"),
        (np.array("a"), "not array"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_in_one_line(texts: object, message: str) -> None:
    with pytest.raises(UserError, match=f"predict takes a list of texts, {message}") as error:
        as_texts(texts)
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, TextError)


@pytest.mark.parametrize(
    ("texts", "index", "reason"),
    [
        (["a", None], 1, "None is not a string; drop or fill missing texts first"),
        (["a", "b", float("nan")], 2, "nan is not a string; drop or fill"),
        (["a", np.float32("nan")], 1, "drop or fill"),
        (pd.Series(["a", None, "b"]), 1, "nan is not a string; drop or fill"),
        (pd.Series(["a", None], dtype="string"), 1, "<NA> is not a string; drop or fill"),
        (datasets.Dataset.from_dict({"text": ["a", None]})["text"], 1, "None is not a string"),
        ([3, "a"], 0, "3 is not a string$"),
        ([["a", "b"]], 0, r"\['a', 'b'\] is not a string; texts .* need pretokenized=True$"),
        ([b"a"], 0, "b'a' is not a string$"),
        (np.array([["a"]]), 0, "is not a string$"),
        (["a", "\ud800"], 1, "is not valid Unicode"),
    ],
)
def test_an_item_that_is_no_text_is_named_by_its_index(
    texts: object, index: int, reason: str
) -> None:
    with pytest.raises(TextError, match=rf"^texts\[{index}\]: .*{reason}") as error:
        as_texts(texts)
    assert error.value.index == index


# Predictions

EVERY_KIND: list[Prediction] = [
    Classification("a", "good", {"good": 0.984, "bad": 0.016}),
    TaggedText(
        "Ada Lovelace in Paris",
        (Entity("Ada Lovelace", "PER", 0, 12, 0.9), Entity("Paris", "LOC", 16, 21, 0.8)),
        ("Ada", "Lovelace", "in", "Paris"),
        ("B-PER", "I-PER", "O", "B-LOC"),
    ),
    GeneratedText("a", "two\nlines\x1b", -0.5),
    TextScore("a", 3.0, 1, 20.0855),
    TokenPredictions("a b", ("a", "b"), ("b", "c"), (0.5, 0.25)),
    AttendedText("a", "b", ("a",), ("b",), ((1.0,),)),
]


def test_json_has_the_names_of_the_attributes() -> None:
    for prediction in EVERY_KIND:
        for name, value in json.loads(json.dumps(prediction.to_json())).items():
            given = getattr(prediction, name)
            if name == "entities":
                given = tuple(vars_of(entity) for entity in given)
            assert json.loads(json.dumps(given)) == value
    assert EVERY_KIND[1].to_json()["entities"][1] == {
        "text": "Paris",
        "type": "LOC",
        "start": 16,
        "end": 21,
        "confidence": 0.8,
    }


def vars_of(entity: Entity) -> dict[str, object]:
    return {name: getattr(entity, name) for name in ("text", "type", "start", "end", "confidence")}


def test_optional_attributes_are_in_json_only_where_they_are_set() -> None:
    assert list(EVERY_KIND[0].to_json()) == ["text", "label", "probabilities"]
    attended = Classification("a", "good", {"good": 1.0}, tokens=("a",), weights=(1.0,))
    assert list(attended.to_json()) == ["text", "label", "probabilities", "tokens", "weights"]
    assert list(EVERY_KIND[2].to_json()) == ["text", "output", "score"]
    best = GeneratedText("a", "b", -1.0, truncated=True, hypotheses=(Hypothesis("b", -1.0, -2.0),))
    assert list(best.to_json()) == ["text", "output", "score", "truncated", "hypotheses"]
    assert best.to_json()["hypotheses"] == [{"output": "b", "score": -1.0, "log_prob": -2.0}]
    assert TextScore("", 0.0, 0, None).to_json()["perplexity"] is None


def test_a_generated_text_is_one_line_and_keeps_other_white_space() -> None:
    output = "a\u2028b\x85c\x0bd\x0ce\u00a0f\u3000g\r\nh\ni\rj"
    line = GeneratedText("", output, -1.0).to_text()
    assert line == "a\u2028b\x85c\x0bd\x0ce\u00a0f\u3000g h i j"


def test_a_prediction_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EVERY_KIND[0].label = "bad"  # type: ignore[attr-defined]


def test_summaries_are_one_line() -> None:
    assert [prediction.summary() for prediction in EVERY_KIND] == [
        "good (0.98)",
        "Ada Lovelace PER, Paris LOC",
        "two lines\u241b",
        "perplexity 20.09",
        "b c",
        '{"text": "...", "output": "b", "source_tokens": ["a"], "output_tokens": ["b"], '
        '"weights": [[1.0]]}',
    ]
    assert TaggedText("", (), (), ()).summary() == "none"
    assert TextScore("", 0.0, 0, None).summary() == "none"


def test_every_kind_has_the_formats_whose_methods_it_has() -> None:
    assert {type(prediction).__name__: prediction.formats() for prediction in EVERY_KIND} == {
        "Classification": ["json", "text", "html"],
        "TaggedText": ["json", "text", "conll", "html", "spans"],
        "GeneratedText": ["json", "text", "html"],
        "TextScore": ["json", "text", "html"],
        "TokenPredictions": ["json", "text"],
        "AttendedText": ["json", "html"],
    }
    assert TaggedWords.formats() == ["json", "text", "conll", "html"]
    for prediction in EVERY_KIND:
        assert prediction.default_format in prediction.formats()
        assert prediction.terminal_format in prediction.formats()
    assert len({format.suffix for format in FORMATS.values()}) == len(FORMATS)


def test_the_score_of_a_text_as_text() -> None:
    assert TextScore("a b", 3.0, 2, 4.4817).to_text() == "perplexity 4.48  a b"
    assert TextScore("", 0.0, 0, None).to_text() == "no token"


# Protocols


class Classifier:
    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification

    def predict(self, texts: Iterable[str], /) -> list[Classification]:
        return [Classification(text, None, {}) for text in as_texts(texts)]


class LanguageModel:
    name: ClassVar[str] = "language model"
    prediction_type: ClassVar[type[TextScore]] = TextScore

    def predict(self, texts: Iterable[str], /) -> list[TextScore]:
        return [TextScore(text, 0.0, 0, None) for text in as_texts(texts)]

    def decoding_config(self, options: Mapping[str, Any], /) -> object:
        return options

    def generate(
        self, prompt: str = "", *, num_samples: int = 1, seed: int | None = None, **options: Any
    ) -> list[str]:
        return [prompt] * num_samples

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        yield prompt


def test_a_predictor_is_known_by_its_methods() -> None:
    classifier: Predictor[Classification] = Classifier()
    model: Generator = LanguageModel()
    assert isinstance(classifier, Predictor)
    assert not isinstance(classifier, Generator)
    assert not isinstance(classifier, TextGenerator)
    assert isinstance(model, Predictor)
    assert isinstance(model, Generator)
    assert not isinstance(model, TextGenerator)
    assert not isinstance(object(), Predictor)


def test_predictions_need_neither_torch_nor_rich() -> None:
    code = (
        "import sys; from nlpseq.predictor import *; "
        "TextScore('a', 1.0, 1, 2.7).to_text(); TextScore('a', 1.0, 1, 2.7).to_html(); "
        "print([name for name in ('torch', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
