"""`evaluate` on a split and `predict` on its texts agree exactly: all tasks and kinds of tokens, many scripts."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import TOKENIZATIONS, built, records, split_of
from torch import nn
from transformers import AutoTokenizer

from nlpseq import model_directory
from nlpseq.data.tag_schemes import convert_tags
from nlpseq.recipe import names, read_document, validate
from nlpseq.task_lookup import resolve
from tests.data.scripts import BLANK, SCRIPTS, SPECIAL

TRAIN = [
    "Ich habe 3 schöne Bücher; I don't.",
    "他昨天吃了满意 ok",
    "ที่นี่ ดี <eos> и <unk> ΟΔΟΣ",
    "ኣዲስ ኣበባ፡ ናት።",
    "chủ tịch e\u0301te\u0301 한국어 :)",
] * 3
one_text = st.sampled_from([*TRAIN, *BLANK, *SPECIAL]) | st.text(SCRIPTS, max_size=14)
texts = st.lists(one_text, min_size=1, max_size=3)
few = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
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


def read_as_cut(task: Any, cut: bool) -> None:
    given_data = task.recipe.data.model_copy(update={"pretokenized": cut})
    task.recipe = task.recipe.model_copy(update={"data": given_data})
    task._examples.clear()  # of the same texts, cut otherwise


@pytest.fixture(scope="module", params=WAYS, ids=str)
def classifier(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any, Path]:
    split = split_of({"text": TRAIN, "label": ["a", "b", "c", "a", "b"] * 3})
    rich = {"characters": "cnn", "casing_dim": 2} if request.param["kind"] == "word" else {}
    task = make("classification", request.param, split, embedding=rich)
    model, folder = built(task), tmp_path_factory.mktemp("classifier")
    return task, model, reloaded(task, model, folder), folder


@given(texts, st.booleans())
@few
def test_classification(classifier: Any, data: list[str], cut: bool) -> None:
    task, model, predictor, _ = classifier
    read_as_cut(task, cut)
    found = records(task, model, split_of({"text": data, "label": ["a"] * len(data)}, "test"))
    predictions = predictor.predict(data, pretokenized=cut)
    assert [item.prediction["label"] for item in found] == [item.label for item in predictions]
    for item, prediction in zip(found, predictions, strict=True):
        best = max(prediction.probabilities.values())
        assert item.prediction["confidence"] == pytest.approx(best, abs=1e-6)


@given(texts)
@few
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


@given(texts)
@few
def test_auto_tokenizer_of_a_language_model(scorer: Any, data: list[str]) -> None:
    task, _, _, folder = scorer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert not task.tokenizer.differs
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in data]
    assert ids == [list(features.ids) for features in task.pipeline.read(data)]


@given(texts)
@few
def test_auto_tokenizers_of_both_sides_of_a_translation_model(
    generator: Any, data: list[str]
) -> None:
    task, _, _, folder = generator
    sides = [(folder, task.pairs.source)]
    sides += [(folder / "target", task.pairs.target_pipeline)] * (task.target_tokenizer is not None)
    for place, pipeline in sides:
        tokenizer = AutoTokenizer.from_pretrained(place)
        assert not pipeline.tokenizer.differs
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in data]
        assert ids == [list(features.ids) for features in pipeline.read(data)]


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
@few
def test_tagging(tagger: Any, data: list[list[str]]) -> None:
    task, model, predictor = tagger
    split = split_of({"tokens": data, "tags": [["O"] * len(row) for row in data]}, "test")
    found = records(task, model, split)
    predictions = predictor.predict(data, pretokenized=True)
    for item, prediction in zip(found, predictions, strict=True):
        assert len(item.prediction) == len(prediction.tokens)
        begins = [tag != "O" and tag[0] in "BS" for tag in item.prediction]
        assert sum(begins) == len(prediction.entities)


PAIRS = [(kind, copying) for kind in TOKENIZATIONS for copying in (False, True)]


@pytest.fixture(scope="module", params=[*PAIRS, ("summary", False)], ids=str)
def generator(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any, Path]:
    kind, copying = request.param
    name = "translation" if kind != "summary" else "summarization"
    task = make(
        name,
        {"kind": "word" if kind == "summary" else kind, "joint": copying},
        split_of({"source": TRAIN, "target": [text[::-1] for text in TRAIN]}),
        decoder={"copying": copying},
        decoding={"max_new_tokens": 5, "beam_size": 2},
    )
    model = built(task)
    folder = tmp_path_factory.mktemp("generator")
    return task, model, reloaded(task, model, folder), folder


@given(texts, st.booleans())
@few
def test_translation_and_summarization(generator: Any, data: list[str], cut: bool) -> None:
    task, model, predictor, _ = generator
    read_as_cut(task, cut)
    found = records(task, model, split_of({"source": data, "target": data}, "test"))
    predictions = predictor.predict(data, pretokenized=cut)
    assert [item.prediction for item in found] == [item.output for item in predictions]


@given(st.lists(words, min_size=1, max_size=2))
@few
def test_translation_of_lists_of_words(generator: Any, data: list[list[str]]) -> None:
    task, model, predictor, _ = generator
    found = records(task, model, split_of({"source": data, "target": data}, "test"))
    predictions = predictor.predict(data, pretokenized=True)
    assert [item.prediction for item in found] == [item.output for item in predictions]


@pytest.fixture(scope="module", params=TOKENIZATIONS)
def scorer(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any, Path]:
    task = make(
        "language_modeling",
        {"kind": request.param, "add_eos": request.param != "bpe"},
        split_of({"text": TRAIN}),
        training={"batch_size": 1, "bptt_length": 5},
        evaluation={"documents": True},
    )
    model = built(task)
    folder = tmp_path_factory.mktemp("scorer")
    return task, model, reloaded(task, model, folder), folder


@given(texts)
@few
def test_language_modeling(scorer: Any, data: list[str]) -> None:
    task, model, predictor, _ = scorer
    scores: Sequence[Any] = predictor.predict(data)
    data = [*data, TRAIN[0]]  # a split has a token
    found = {item.index: item for item in records(task, model, split_of({"text": data}, "test"))}
    for index, score in enumerate(scores):
        if index not in found:  # the text has no token
            assert (score.nll, score.tokens, score.perplexity) == (0, 0, None)
            continue
        nll, tokens, *_ = found[index].statistics
        assert (score.nll, score.tokens) == (pytest.approx(nll, rel=1e-5), tokens)
        assert math.isfinite(score.nll)


@pytest.fixture(scope="module", params=TOKENIZATIONS)
def recaller(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any]:
    rows = {"text": TRAIN, "answers": [[0, 1]] * len(TRAIN), "distances": [[1, 1]] * len(TRAIN)}
    task = make("recall", {"kind": request.param}, split_of(rows))
    model = built(task)
    return task, model, reloaded(task, model, tmp_path_factory.mktemp("recaller"))


@given(texts)
@few
def test_recall(recaller: Any, data: list[str]) -> None:
    task, model, predictor = recaller
    predictions = [item for item in predictor.predict([*data, TRAIN[0]]) if item.tokens]
    ends = [len(item.tokens) - 1 for item in predictions]
    rows = {
        "text": [item.text for item in predictions],
        "answers": [sorted({0, end}) for end in ends],
        "distances": [[1, 1][: len({0, end})] for end in ends],
    }
    for item, prediction, answers in zip(
        records(task, model, split_of(rows, "test")), predictions, rows["answers"], strict=True
    ):
        assert item.prediction == [prediction.predictions[answer] for answer in answers]
        assert item.target["answers"] == [prediction.tokens[answer] for answer in answers]


# Every shipped recipe, with layers of a few units

SMALL = {"dim": 8, "hidden_size": 8, "num_heads": 2, "feedforward_size": 8, "num_layers": 1}
ENGLISH = ["Ann Lee isn't here .", "The 3 dogs sleep", "a very old film", "He left. She stayed."]


def columns_of(data: list[str]) -> dict[str, list[Any]]:
    """Return a column for each field of any task."""
    words = [text.split() for text in data]
    return {
        "text": data,
        "text2": data[::-1],
        "label": [*"ab" * len(data)][: len(data)],
        "labels": [[*"abc"[: len(text) % 4]] for text in data],
        "number": [len(text) / 3 for text in data],
        "source": data,
        "target": data,
        "tokens": words,
        "tags": [["B-A", *["O"] * len(row)][: len(row)] for row in words],
        "answers": [[0]] * len(data),
        "distances": [[1]] * len(data),
    }


def split_for(task: Any, data: list[str], name: str = "train") -> Any:
    columns = columns_of(data)
    return split_of({field: columns[field] for field in task.fields}, name)


def shrunk(name: str) -> Any:
    """Return the task of a recipe with the same data and tokens, and small layers without vectors."""
    document = read_document(name)
    sections = ("data", "tokenization", "embedding", "encoder", "decoder", "head")
    small: dict[str, Any] = {
        section: {key: SMALL.get(key, value) for key, value in document[section].items()}
        for section in sections
        if section in document
    }
    small["data"] = {k: v for k, v in document["data"].items() if k == "pretokenized"}
    small.get("embedding", {}).pop("pretrained", None)
    small.get("encoder", {}).pop("init_from", None)
    small["training"] = {"batch_size": 2}
    if document["task"] in ("translation", "summarization"):
        small["decoding"] = {"max_new_tokens": 4}
    if document["task"] == "language_modeling":
        small["evaluation"] = {"documents": True}
        small["training"]["bptt_length"] = 3
    task = resolve(document["task"])
    return task(validate(task.Config, {"task": document["task"], **small}, name))


def evaluated(kind: str, record: Any) -> Any:
    """Return what a record says that a prediction says, too."""
    value = record.prediction
    if kind == "classification":
        return value["label"]
    if kind == "multilabel":
        return {*value["labels"]}, pytest.approx(value["probabilities"], abs=1e-6)
    if kind == "regression":
        return pytest.approx(value["number"], rel=1e-5, abs=1e-5)
    if kind == "tagging":
        return convert_tags(value, "BIO")
    if kind == "language_modeling":
        return pytest.approx(record.statistics[0], rel=1e-5), record.statistics[1]
    return value[0] if kind == "recall" else value


def predicted(kind: str, prediction: Any) -> Any:
    if kind == "classification":
        return prediction.label
    if kind == "multilabel":
        return {*prediction.labels}, dict(prediction.probabilities)
    if kind == "regression":
        return prediction.number
    if kind == "tagging":
        return list(prediction.tags)
    if kind == "language_modeling":
        return prediction.nll, prediction.tokens
    return prediction.predictions[0] if kind == "recall" else prediction.output


@pytest.mark.parametrize("name", names())
def test_a_shipped_recipe(name: str, tmp_path: Path) -> None:
    task = shrunk(name)
    kind = task.recipe.task
    task.prepare({"train": split_for(task, [*ENGLISH, *TRAIN] * 6)})
    model = built(task)
    predictor = reloaded(task, model, tmp_path)
    data = [*ENGLISH, *TRAIN[:5], *BLANK, *SPECIAL]
    if kind in ("recall", "language_modeling"):  # texts without a token have no record
        data = [item.text for item in predictor.predict(data) if item.tokens]
    if kind in ("translation", "summarization"):  # equal tokens are copied with equal probability
        ids = [features.ids for features in task.pipeline.read(data)]
        data = [text for text, row in zip(data, ids, strict=True) if len({*row}) == len(row)]
    split = split_for(task, data, "test")
    found = records(task, model, split)
    columns = columns_of(data)
    given_texts: Sequence[Any] = columns["tokens"] if kind == "tagging" else data
    if "text2" in task.fields:
        given_texts = list(zip(data, columns["text2"], strict=True))
    cut = kind == "tagging" or getattr(task, "is_pretokenized", lambda _: False)(split)
    predictions = predictor.predict(given_texts, pretokenized=cut)
    assert len(found) == len(predictions) == len(data) > 10
    for record, prediction in zip(found, predictions, strict=True):
        assert predicted(kind, prediction) == evaluated(kind, record)
