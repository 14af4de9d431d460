"""`evaluate` on a split and `predict` on its texts agree exactly: all tasks and kinds of tokens, many scripts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import TOKENIZATIONS, built, records, split_of
from torch import nn
from transformers import AutoTokenizer

from nlpseq import model_directory
from nlpseq.recipe import validate
from nlpseq.task import resolve
from tests.data.scripts import SCRIPTS

TRAIN = [
    "Ich habe 3 schöne Bücher; I don't.",
    "他昨天吃了满意 ok",
    "ที่นี่ ดี <eos> и <unk> ΟΔΟΣ",
    "ኣዲስ ኣበባ፡ ናት።",
    "chủ tịch e\u0301te\u0301 한국어 :)",
] * 3
texts = st.lists(
    (st.sampled_from(TRAIN) | st.text(SCRIPTS, min_size=1, max_size=14)).filter(
        lambda text: bool(text.strip())
    ),
    min_size=1,
    max_size=3,
)
WAYS: list[dict[str, Any]] = [
    *({"kind": kind} for kind in TOKENIZATIONS),
    {"kind": "word", "lowercase": True, "language": "tr", "digits_as_zero": True},
    {"kind": "word", "split": "whitespace"},
    {"kind": "word", "language": "fr"},
    {"kind": "bpe", "split": "words", "lowercase": True},
]


def make(task: str, tokenization: dict[str, Any], split: Any, **sections: Any) -> Any:
    size = {"byte_bpe": 300, "bpe": 150, "wordpiece": 250, "unigram": 150}
    tokenization = {"vocabulary_size": size.get(tokenization["kind"], 5000), **tokenization}
    embedding = {"dim": 4, **sections.pop("embedding", {})}
    document = {
        "task": task,
        "tokenization": tokenization,
        "embedding": embedding,
        "encoder": {"hidden_size": 4},
        **sections,
    }
    config = resolve(task).Config
    made = resolve(task)(validate(config, document, "test"))
    made.prepare({"train": split})
    return made


def reloaded(task: Any, model: nn.Module, folder: Path) -> Any:
    model_directory.save(folder, task, model)
    return model_directory.load(folder, "cpu")


@pytest.fixture(scope="module", params=WAYS, ids=str)
def classifier(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any, Path]:
    split = split_of({"text": TRAIN, "label": ["a", "b", "c", "a", "b"] * 3})
    rich = {"characters": "cnn", "casing_dim": 2} if request.param["kind"] == "word" else {}
    task = make("classification", request.param, split, embedding=rich)
    model, folder = built(task), tmp_path_factory.mktemp("classifier")
    return task, model, reloaded(task, model, folder), folder


@given(texts, st.booleans())
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
def test_classification(classifier: Any, data: list[str], cut: bool) -> None:
    task, model, predictor, _ = classifier
    given_data = task.recipe.data.model_copy(update={"pretokenized": cut})
    task.recipe = task.recipe.model_copy(update={"data": given_data})
    task._examples.clear()  # of the same texts, cut otherwise
    found = records(task, model, split_of({"text": data, "label": ["a"] * len(data)}, "test"))
    predictions = predictor.predict(data, pretokenized=cut)
    assert [item.prediction["label"] for item in found] == [item.label for item in predictions]
    for item, prediction in zip(found, predictions, strict=True):
        best = max(prediction.probabilities.values())
        assert item.prediction["confidence"] == pytest.approx(best, abs=1e-6)


@given(texts)
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
def test_auto_tokenizer_gives_the_same_ids_or_the_folder_says_why_not(
    classifier: Any, data: list[str]
) -> None:
    task, _, _, folder = classifier
    tokenizer = AutoTokenizer.from_pretrained(folder)
    why = tokenizer.init_kwargs.get("nlpseq_differs", "")
    assert why == task.tokenizer.differs
    if not why:
        read = task.pipeline.read(data)
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in data]
        assert ids == [list(features.ids) for features in read]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_auto_tokenizer_cannot_do(way: dict[str, Any]) -> None:
    split = split_of({"text": TRAIN, "label": ["a", "b", "c", "a", "b"] * 3})
    differs = make("classification", way, split).tokenizer.differs
    expected = way.get("language") or way["kind"] == "bpe" and "split" in way
    assert bool(differs) == bool(expected), differs


CUT = [["chủ tịch", "Văn Nam", "đi", "."], ["他们", "去", "北京"], ["<eos>", "a b", "ΟΔΟΣ"]] * 4
words = st.lists(
    st.sampled_from([word for row in CUT for word in row]) | st.text(SCRIPTS, max_size=5),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module", params=TOKENIZATIONS)
def tagger(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any]:
    tags = [["B-A", "B-B", "O", "O"], ["O", "O", "B-B"], ["O", "B-A", "O"]] * 4
    task = make("tagging", {"kind": request.param}, split_of({"tokens": CUT, "tags": tags}))
    model = built(task)
    return task, model, reloaded(task, model, tmp_path_factory.mktemp("tagger"))


@given(st.lists(words, min_size=1, max_size=3))
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
def test_tagging(tagger: Any, data: list[list[str]]) -> None:
    task, model, predictor = tagger
    split = split_of({"tokens": data, "tags": [["O"] * len(row) for row in data]}, "test")
    found = records(task, model, split)
    predictions = predictor.predict(data, pretokenized=True)
    for item, prediction in zip(found, predictions, strict=True):
        assert len(item.prediction) == len(prediction.tokens)
        begins = [tag != "O" and tag[0] in "BS" for tag in item.prediction]
        assert sum(begins) == len(prediction.entities)


@pytest.mark.parametrize("kind", TOKENIZATIONS)
@pytest.mark.parametrize("copying", [False, True])
def test_translation(kind: str, copying: bool, tmp_path: Path) -> None:
    rows = {"source": TRAIN, "target": [text[::-1] for text in TRAIN]}
    task = make(
        "translation",
        {"kind": kind, "joint": copying},
        split_of(rows),
        decoder={"copying": copying},
        decoding={"max_new_tokens": 6, "beam_size": 2},
    )
    model = built(task)
    predictor = reloaded(task, model, tmp_path)
    odd = [*TRAIN[:5], "Ω e\u0301 <pad>", "xyz中文"]
    found = records(task, model, split_of({"source": odd, "target": odd}, "test"))
    outputs = [item.output for item in predictor.predict(odd)]
    assert [item.prediction for item in found] == outputs


@pytest.mark.parametrize("kind", TOKENIZATIONS)
def test_language_modeling(kind: str, tmp_path: Path) -> None:
    task = make(
        "language_modeling",
        {"kind": kind},
        split_of({"text": TRAIN}),
        training={"batch_size": 1, "bptt_length": 5},
        evaluation={"documents": True},
    )
    model = built(task)
    predictor = reloaded(task, model, tmp_path)
    odd = [*TRAIN[:5], "Ω e\u0301 <pad>", "xyz中文"]
    found = records(task, model, split_of({"text": odd}, "test"))
    scores: Sequence[Any] = predictor.predict(odd)
    assert [item.statistics[0] for item in found] == pytest.approx(
        [s.nll for s in scores], rel=1e-5
    )
    assert [item.statistics[1] for item in found] == [score.tokens for score in scores]
    assert torch.isfinite(torch.tensor([score.nll for score in scores])).all()
