"""Span scores: computed by hand, and compared with seqeval on valid, invalid and real tags."""

import os
import random
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2, IOBES

from nlpseq.data.tag_schemes import convert_tags, tag_vocabulary
from nlpseq.metrics.spans import SpanScores
from nlpseq.readers import read_files

SEQEVAL = {"BIO": IOB2, "BIOES": IOBES}
RATES = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def total(metric, predictions, targets) -> list[float]:
    vectors = map(metric.statistics, predictions, targets)
    return [sum(column) for column in zip(*vectors, strict=True)]


def agree(predictions, targets, types, scheme) -> None:
    """Compare every score and every row of the table with seqeval."""
    metric = SpanScores(types, scheme)
    summed = total(metric, predictions, targets)
    scores = metric.score(summed)
    for name, function in RATES.items():
        strict = function(
            targets, predictions, mode="strict", scheme=SEQEVAL[scheme], zero_division=0
        )
        assert scores[name] == pytest.approx(strict)
        lenient = function(targets, predictions, zero_division=0)
        assert scores[f"conlleval_{name}"] == pytest.approx(lenient)
    assert scores["token_accuracy"] == pytest.approx(accuracy_score(targets, predictions))
    found = {tag[2:] for tags in (*predictions, *targets) for tag in tags if tag != "O"}
    rows = metric.per_type(summed)
    for type in found & {*types}:
        only = [
            [[tag if tag[2:] == type else "O" for tag in tags] for tags in side]
            for side in (targets, predictions)
        ]
        precision, recall, f1, support = precision_recall_fscore_support(
            *only, average="micro", scheme=SEQEVAL[scheme], zero_division=0
        )
        expected = {"precision": precision, "recall": recall, "f1": f1, "support": support}
        assert rows[type] == pytest.approx(expected)


def test_by_hand() -> None:
    metric = SpanScores(["PER", "LOC"])
    vector = metric.statistics(
        "B-PER I-PER O B-LOC I-PER".split(), "B-PER I-PER O B-LOC I-LOC".split()
    )
    # LOC, then PER. Strict sees LOC and PER in the prediction; conlleval one more, opened by I-PER.
    assert vector == (4, 5, 1, 2, 2, 1, 3, 2, 0, 1, 1, 1, 1, 1)
    scores = metric.score(vector)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (0.5, 0.5, 0.5)
    assert scores["conlleval_precision"] == pytest.approx(1 / 3)
    assert scores["token_accuracy"] == 0.8
    assert metric.per_type(vector) == {
        "LOC": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "PER": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    }


def test_types_that_training_never_saw_are_missed() -> None:
    metric = SpanScores(["PER"])
    vector = metric.statistics(["B-PER", "O"], ["B-PER", "B-NEW"])
    assert metric.score(vector)["recall"] == 0.5
    assert [*metric.per_type(vector)] == ["PER"]


@pytest.mark.filterwarnings("error")
def test_nothing_to_find_is_zero_without_a_warning() -> None:
    metric = SpanScores(["PER"])
    assert set(metric.score(metric.statistics([], [])).values()) == {0.0}
    scores = metric.score(metric.statistics(["O"], ["O"]))
    assert scores.pop("token_accuracy") == 1.0
    assert set(scores.values()) == {0.0}


@pytest.mark.parametrize("predicted", [["O"], ["O"] * 3])
def test_a_tag_too_few_or_too_many(predicted) -> None:
    with pytest.raises(ValueError, match="tags predicted for 2 tokens"):
        SpanScores([]).statistics(predicted, ["O", "O"])


@given(st.sampled_from([*SEQEVAL]), st.data())
@settings(deadline=None, max_examples=100)
def test_any_tags_score_as_in_seqeval(scheme, data) -> None:
    tag = st.sampled_from(tag_vocabulary(["X", "a-b"], scheme))
    pairs = data.draw(st.lists(st.lists(st.tuples(tag, tag), min_size=1), min_size=1, max_size=4))
    predictions = [[prediction for prediction, _ in pair] for pair in pairs]
    targets = [convert_tags([target for _, target in pair], scheme) for pair in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, about an empty class in seqeval
        agree(predictions, targets, ["X", "a-b", "never"], scheme)


@pytest.mark.real
@pytest.mark.parametrize("scheme", [*SEQEVAL])
def test_real_tags_with_mistakes_score_as_in_seqeval(scheme) -> None:
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / "ner").is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {root / 'ner'}")
    data = read_files(root / "ner", "eng.testb", "conll").table.column("tags").to_pylist()
    targets = [convert_tags(tags, scheme) for tags in data]
    types = ["LOC", "MISC", "ORG", "PER"]
    vocabulary, chance = tag_vocabulary(types, scheme), random.Random(13)
    predictions = [
        [chance.choice(vocabulary) if chance.random() < 0.03 else tag for tag in tags]
        for tags in targets
    ]
    agree(predictions, targets, types, scheme)
    metric = SpanScores(types, scheme)
    summed = total(metric, predictions, targets)
    assert (len(targets), summed[1], summed[4], summed[7]) == (3453, 46435, 5648, 5648)
    scores = metric.score(summed)
    assert 0.7 < scores["f1"] != scores["conlleval_f1"] < 0.95
    assert sum(row["support"] for row in metric.per_type(summed).values()) == 5648
    assert metric.score(total(metric, targets, targets))["f1"] == 1.0
