"""Plain tags, such as parts of speech: learnt as they are, scored by token, shown beside each word."""

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlpseq.tasks.tagging.examples import FEW_SENTENCES
from small import CPU, built, make, records, scores, split_of, train

from nlpseq import model_directory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.metrics.base import sum_statistics
from nlpseq.predictor import TaggedText, TaggedWords
from tests.data.scripts import SCRIPTS

ROWS = [
    ("the old dog barks", "DET ADJ NOUN VERB"),
    ("dogs bark", "NOUN VERB"),
    ("they bark at the old", "PRON VERB ADP DET NOUN"),
] * 4
WORDS = [words.split() for words, _ in ROWS]
TAGS = [tags.split() for _, tags in ROWS]


def plain(tags: Any = TAGS, words: Any = WORDS, name: str = "train") -> Split:
    return split_of({"tokens": words, "tags": tags}, name)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_tags_without_prefixes_are_learnt_as_they_are(head: str) -> None:
    task = make("ner", {"train": plain()}, head={"kind": head})
    assert task.scheme == "none"
    assert task.tags == ["ADJ", "ADP", "DET", "NOUN", "PRON", "VERB"]
    assert any("6 plain tags (ADJ, ADP, DET" in note for note in task.notes)
    assert list(task.targets(plain())) == TAGS
    assert task.main_metric == "token_accuracy"
    model = built(task)
    train(task, model, plain(), epochs=30)
    assert scores(task, model, plain()) == {"token_accuracy": 1.0}
    assert [record.prediction for record in records(task, model, plain())] == TAGS


def test_scores_and_tables_of_plain_tags() -> None:
    task = make("ner", {"train": plain()})
    test = plain([["NOUN", "X", "VERB"]], [["dog", "barks", "loudly"]], "test")
    task.notes.clear()
    assert task.inspect(test)[-1] == (
        "test: 1 token with a tag that train lacks (X), counted as wrong"
    )
    assert task.unknown_words(test) == [[False, False, True]]
    assert task.unknown_words(plain()) is None
    (record,) = task.tag_records(test, [["NOUN", "NOUN", "VERB"]])
    assert record.statistics == (2, 3, 1, 1)
    assert task.metric.score(record.statistics) == {
        "token_accuracy": pytest.approx(2 / 3),
        "unknown_word_accuracy": 1.0,
    }
    further = task.further_scores([record])
    assert further["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    details = task.details([record])
    assert details["per_tag"]["X"]["recall"] == 0
    matrix = details["confusion_matrix"]
    assert matrix == {"labels": ["NOUN", "VERB", "X"], "matrix": [[1, 0, 0], [0, 1, 0], [1, 0, 0]]}
    assert json.loads(json.dumps(details)) == details


def test_many_tags_have_a_list_of_confusions() -> None:
    tags = [[f"T{number}" for number in range(60)]]
    task = make("ner", {"train": plain(tags, [["w"] * 60])}, head={"kind": "softmax"})
    (record,) = task.tag_records(plain(tags, [["w"] * 60]), [["T0"] * 60])
    details = task.details([record])
    assert "confusion_matrix" not in details
    assert len(details["confusions"]) == 50
    assert details["confusions"][0][1:] == ["T0", 1]


def test_a_crf_over_many_tags_is_said_to_be_slow() -> None:
    tags = [[f"Case={number}" for number in range(101)]]
    task = make("ner", {"train": plain(tags, [["w"] * 101])})
    assert any("head.kind = 'softmax'" in note for note in task.notes)


def test_the_scheme_can_be_set() -> None:
    spans = [["B-A", "I-A"], ["O", "B-A"]]
    words = [["a", "b"], ["c", "d"]]
    task = make("ner", {"train": plain(spans, words)}, head={"scheme": "none"})
    assert task.tags == ["B-A", "I-A", "O"]
    assert make("ner", {"train": plain(spans, words)}).scheme == "BIO"
    with pytest.raises(UserError, match="the tag 'DET' fits no scheme.*head.scheme = 'none'"):
        make("ner", {"train": plain()}, head={"scheme": "BIO"})
    mixed = [["B-A", "PER"], ["O", "B-A"]]
    with pytest.raises(UserError, match="sentence 1, token 2: the tag 'PER' fits no scheme"):
        make("ner", {"train": plain(mixed, words)})


def test_many_sentences_are_learnt_in_a_scheme_of_more_tags() -> None:
    spans, words = [["B-A", "I-A"], ["O", "B-A"]], [["a", "b"], ["c", "d"]]
    many = plain(spans * (FEW_SENTENCES // 2), words * (FEW_SENTENCES // 2))
    task = make("ner", {"train": many})
    assert set(task.tags) == {"O", "B-A", "I-A", "E-A", "S-A"}
    few = make("ner", {"train": plain(spans, words)})
    assert set(few.tags) == {"O", "B-A", "I-A"}
    assert make("ner", {"train": many}, head={"scheme": "BIO"}).tags == few.tags
    assert set(make("ner", {"train": plain(spans, words)}, head={"scheme": "BIOES"}).tags) == {
        *task.tags
    }


def test_one_tag_is_refused() -> None:
    with pytest.raises(UserError, match="every token of train has the tag 'A'"):
        make("ner", {"train": plain([["A", "A"]], [["a", "b"]])})


def test_numbers_need_names() -> None:
    names = ["O", "B-PER", "I-PER"]
    numbers, words = [[0, 1, 2], [1, 0, 0]], [["x", "Ann", "Lee"], ["Bob", "a", "b"]]
    task = make("ner", {"train": plain(numbers, words)}, data={"tag_names": names})
    assert task.scheme == "BIO"
    assert list(task.targets(plain(numbers, words)))[0] == ["O", "B-PER", "I-PER"]
    assert make("ner", {"train": plain(numbers, words)}, head={"scheme": "none"}).tags == [*"012"]
    with pytest.raises(UserError, match="token 3: the tag '2' is no number from 0 to 1"):
        make("ner", {"train": plain(numbers, words)}, data={"tag_names": names[:2]})


def test_names_of_the_hub_may_be_plain() -> None:
    names = ["NOUN", "VERB"]
    features = Features(
        {"tokens": Sequence(Value("string")), "tags": Sequence(ClassLabel(names=names))}
    )
    rows = Dataset.from_dict({"tokens": [["a", "b"]], "tags": [[0, 1]]}, features=features)
    assert make("ner", {"train": Split("train", rows, "hub")}).tags == names


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("o b-PER i-PER", "O B-PER E-PER"),
        ("_ B_PER I_PER", "O B-PER E-PER"),
        ("O B I", "O B E"),
        ("B M E", "B I E"),
        ("- I-PER I-PER", "O B-PER E-PER"),
    ],
)
def test_spans_in_other_spellings(tags: str, expected: str) -> None:
    split = plain([tags.split()] * 2, [["a", "b", "c"]] * 2)
    task = make("ner", {"train": split}, head={"scheme": "BIOES"})
    assert list(task.targets(split)) == [expected.split()] * 2
    model = built(task)
    train(task, model, split, epochs=60)
    assert scores(task, model, split)["f1"] == 1
    assert len(task.details(records(task, model, split))["per_type"]) == 1
    (prediction, _) = task.predictor(model, CPU).predict([["a", "b", "c"]] * 2)
    assert [entity.text for entity in prediction.entities] == [
        " ".join(words) for words in ([["b", "c"]] if tags[0] != "B" else [["a", "b", "c"]])
    ]
    kind = "" if len(tags) == 5 else "PER"
    assert {entity.type for entity in prediction.entities} == {kind}


KINDS = ["word", "bpe", "character"]


@pytest.fixture(scope="module", params=[("crf", "word"), ("softmax", "bpe"), ("crf", "character")])
def tagger(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Any, Any, Any]:
    head, kind = request.param
    task = make(
        "ner",
        {"train": plain()},
        head={"kind": head},
        tokenization={"kind": kind, "vocabulary_size": 100},
    )
    model, folder = built(task), tmp_path_factory.mktemp("plain")
    model_directory.save(folder, task, model)
    return task, model, model_directory.load(folder, "cpu")


words = st.lists(
    st.sampled_from([word for row in WORDS for word in row]) | st.text(SCRIPTS, max_size=5),
    min_size=1,
    max_size=6,
)


@given(st.lists(words, min_size=1, max_size=3))
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
def test_evaluate_and_predict_agree(tagger: Any, data: list[list[str]]) -> None:
    task, model, predictor = tagger
    found = records(task, model, plain([["NOUN"] * len(row) for row in data], data, "test"))
    for texts in (data, [tuple(row) for row in data]):
        predictions = predictor.predict(texts)
        assert [record.prediction for record in found] == [list(p.tags) for p in predictions]
    for words, prediction in zip(data, predictions, strict=True):
        assert isinstance(prediction, TaggedWords)
        assert list(prediction.tokens) == words
        for token, (start, end) in zip(prediction.tokens, prediction.offsets, strict=True):
            assert prediction.text[start:end] == token
        assert all(0 <= confidence <= 1 for confidence in prediction.confidences)


def test_confidences_are_marginals_and_predictions_render(tagger: Any) -> None:
    _, _, predictor = tagger
    assert predictor.prediction_type is TaggedWords
    (prediction, empty) = predictor.predict(["the dogs <b>.", ""])
    assert isinstance(prediction, TaggedText)
    assert "entities" not in prediction.to_json()
    assert len(prediction.to_json()["confidences"]) == len(prediction.tokens)
    assert prediction.to_conll().count("\n") == len(prediction.tokens) + 1
    assert prediction.to_text().startswith(f"[the {prediction.tags[0]} ")
    assert "<b>" not in prediction.to_html()
    assert prediction.summary().startswith(f"the/{prediction.tags[0]} ")
    assert empty.to_json() == {
        "text": "",
        "tokens": [],
        "tags": [],
        "offsets": [],
        "confidences": [],
    }


def test_a_saved_model_scores_alike(tagger: Any, tmp_path: Path) -> None:
    task, model, _ = tagger
    model_directory.save(tmp_path, task, model)
    restored = model_directory.load_task(tmp_path)
    assert (restored.scheme, restored.main_metric, restored.tags) == (
        "none",
        "token_accuracy",
        task.tags,
    )
    test = plain([["NOUN", "VERB"]], [["dogs", "new"]], "test")
    assert restored.unknown_words(test) == [[False, True]]
    assert [r.statistics for r in records(restored, model, test)] == [
        r.statistics for r in records(task, model, test)
    ]


def test_baselines_learn_plain_tags() -> None:
    task = make("ner", {"train": plain()})
    baselines = {one.name: one for one in task.baselines({"train": plain()})}
    assert list(baselines) == ["most_frequent_tag", "crf_features"]
    frequent = list(baselines["most_frequent_tag"].records(plain()))
    assert frequent[0].prediction == ["DET", "ADJ", "NOUN", "VERB"]
    assert frequent[2].prediction[-1] == "ADJ"  # `old` without its context
    crf = baselines["crf_features"].records(plain())
    total = sum_statistics(record.statistics for record in crf)
    assert task.metric.score(total)["token_accuracy"] == 1
