"""Classification: labels, class weights, metrics, predictions."""

import math
import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from datasets import ClassLabel, Dataset, Features, Value
from nlpseq.tasks.base.vector_model import compute_outputs
from small import (
    CPU,
    REVIEWS,
    built,
    encoder,
    make,
    records,
    reviews,
    scores,
    split_of,
    train,
)

from nlpseq.data.split import Split
from nlpseq.data.synthetic import toy_corpus
from nlpseq.errors import UserError
from nlpseq.task import Cursor, Progress

NUMBERED = [(text, {"negative": "0", "neutral": "2", "positive": "10"}[k]) for text, k in REVIEWS]


def test_classes_are_those_of_train_numbers_in_their_order() -> None:
    assert make("sentiment").labels == ["negative", "neutral", "positive"]
    assert make("sentiment", {"train": reviews(NUMBERED)}).labels == ["0", "2", "10"]


def test_data_labels_name_and_order_classes_and_several_share_one() -> None:
    names = {"10": "good", "0": "bad", "2": "bad"}
    task = make("sentiment", {"train": reviews(NUMBERED)}, data={"labels": names})
    assert task.labels == ["good", "bad"]
    assert list(task.targets(reviews(NUMBERED)))[:2] == ["good", "bad"]
    with pytest.raises(UserError, match="example 1 of train has the label '10', data.labels has 0"):
        make("sentiment", {"train": reviews(NUMBERED)}, data={"labels": {"0": "bad"}})


def test_a_class_that_data_labels_names_and_train_lacks() -> None:
    names = {"negative": "-", "neutral": "0", "positive": "+", "mixed": "+-"}
    splits = {"train": reviews(), "test": reviews([("a dull and fine film", "mixed")], "test")}
    options = {"data": {"labels": names}, "training": {"class_weights": "balanced"}}
    task = make("sentiment", splits, **options)
    model = built(task)
    train(task, model, reviews())
    assert task.labels == ["-", "0", "+", "+-"]
    assert set(task.predictor(model, CPU).predict(["dull"])[0].probabilities) == {*task.labels}


def class_labels(names: list[str], numbers: list[int]) -> Split:
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    rows = {"text": [f"text {n}" for n in numbers], "label": numbers}
    return Split("train", Dataset.from_dict(rows, features=features), "hub")


def test_class_labels_of_the_hub_count_by_name() -> None:
    split = class_labels(["neg", "pos"], [0, 1, 1, 0])
    assert list(make("sentiment", {"train": split}).targets(split)) == ["neg", "pos", "pos", "neg"]
    shared = {"neg": "negative", "pos": "positive"}
    assert make("sentiment", {"train": split}, data={"labels": shared}).labels == [*shared.values()]
    # The Hub gives -1 to what is not labelled.
    test = class_labels(["neg", "pos"], [1, -1])
    with pytest.raises(UserError, match="row 2 of the train split has no 'label'"):
        make("sentiment", {"train": split, "test": test})


def test_a_label_of_data_labels_that_no_example_has_is_refused() -> None:
    names = {"negative": "-", "neutral": "0", "positve": "+", "positive": "+"}
    with pytest.raises(
        UserError, match=r"no example has the label 'positve'.*did you mean 'positive'"
    ):
        make("sentiment", data={"labels": names})


def test_one_and_one_point_zero_are_one_class() -> None:
    train = split_of({"text": ["dull", "fine", "old"], "label": ["1", "0", "1.0"]})
    test = split_of({"text": ["dull", "fine"], "label": [1.0, 0.0]}, "test")
    task = make(
        "sentiment", {"train": train, "test": test}, data={"labels": {"1.0": "bad", "0": "good"}}
    )
    assert task.targets(train) == ["bad", "good", "bad"]
    assert task.targets(test) == ["bad", "good"]


def test_a_split_of_one_class_is_told_of() -> None:
    test = reviews([("dull", "negative"), ("slow", "negative")], "test")
    task = make("sentiment", {"train": reviews(), "test": test})
    assert any("test: only one class, 'negative'" in note for note in task.notes)


def test_labels_that_train_lacks_are_reported_and_count_as_wrong() -> None:
    test = reviews([("a fine film", "superb"), ("dull", "negative")], "test")
    task = make("sentiment", {"train": reviews(), "test": test})
    assert any("test: 1 example with a label that train lacks (superb)" in n for n in task.notes)
    model = built(task)
    found = records(task, model, test)
    assert len(found) == 2
    assert found[0].target == "superb"
    assert scores(task, model, test)["accuracy"] <= 0.5
    details = task.details(found)
    assert details["confusion_matrix"]["labels"][-1] == "superb"
    assert sum(details["confusion_matrix"]["matrix"][-1]) == 1
    assert sum(map(sum, details["confusion_matrix"]["matrix"])) == 2


def test_one_class_and_no_label_are_refused() -> None:
    with pytest.raises(UserError, match="all 2 examples of train are of the class 'good'"):
        make("sentiment", {"train": reviews([("a", "good"), ("b", "good")])})
    rows = Dataset.from_dict({"text": ["a", "b"], "label": ["x", None]})
    with pytest.raises(UserError, match="row 2 of the train split has no 'label'"):
        make("sentiment", {"train": Split("train", rows, "test")})


def test_empty_texts_are_counted_read_as_unknown_and_not_dropped() -> None:
    rows = [*REVIEWS, ("", "negative"), (" \t", "positive")]
    for kind in ("word", "character"):
        task = make("sentiment", {"train": reviews(rows)}, tokenization={"kind": kind})
        assert any("train: 2 empty texts" in note for note in task.notes)
        assert len(records(task, built(task), reviews(rows))) == len(rows)
        features = task.features(reviews(rows))
        for blank in features[-2:]:
            assert list(blank.ids) == [task.tokenizer.unk_id]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", ["none", "balanced"])
def test_class_weights_and_smoothing_are_of_training_only(weighted: str, smoothing: float) -> None:
    rows = [*REVIEWS, *[("dull", "negative")] * 6]
    training = {"class_weights": weighted, "label_smoothing": smoothing, "batch_size": 40}
    task = make("sentiment", {"train": reviews(rows)}, training=training)
    model = built(task)
    (batch,) = task.batches(reviews(rows), training=True, seed=1, start=Cursor())
    logits = compute_outputs(model, batch.source).logits
    plain = F.cross_entropy(logits, batch.target)
    counts = batch.target.bincount()  # 12, 6, 6
    weights = len(rows) / 3 / counts if weighted == "balanced" else None
    wanted = F.cross_entropy(logits, batch.target, weights, label_smoothing=smoothing)
    loss, _ = task.loss(model.train(), batch, (), Progress())
    torch.testing.assert_close(loss.total / loss.count, wanted)
    loss, _ = task.loss(model.eval(), batch, (), Progress())
    torch.testing.assert_close(loss.total / loss.count, plain)
    assert loss.count == len(rows)
    if weighted == "balanced":
        mass = torch.zeros(3).index_add(0, batch.target, weights[batch.target])
        torch.testing.assert_close(mass, mass.mean().expand(3))


def test_scores_and_tables_agree_with_the_answers() -> None:
    task = make("sentiment")
    model, split = built(task), reviews()
    train(task, model, split, epochs=2)
    found = records(task, model, split)
    answers = task.predictor(model, CPU).predict([text for text, _ in REVIEWS])
    # Raw text is cut into words by rule, which leaves these as they are.
    assert [answer.label for answer in answers] == [r.prediction["label"] for r in found]
    right = [a.label == label for a, (_, label) in zip(answers, REVIEWS, strict=True)]
    assert scores(task, model, split)["accuracy"] == pytest.approx(sum(right) / len(right))
    again = task.predictor(model, CPU).evaluate(*zip(*REVIEWS, strict=True))
    assert again == pytest.approx(scores(task, model, split))
    error = task.further_scores(found)["calibration_error"]
    assert 0 <= error <= 1
    assert {*task.details(found)["per_class"]} == {*task.labels}


@pytest.mark.parametrize("kind", ["lstm", "hierarchical"])
@pytest.mark.parametrize("tokenization", ["word", "bpe"])
def test_predictions_show_attention_weights(kind: str, tokenization: str) -> None:
    task = make(
        "sentiment",
        encoder=encoder(kind),
        head={"pooling": "attention"},
        tokenization={"kind": tokenization, "vocabulary_size": 90},
    )
    texts = ["Dull. Nobody laughed! We left", "", "fine", "🙂 It isn't bad."]
    answers = task.predictor(built(task), CPU).predict(texts)
    assert [answer.text for answer in answers] == texts
    assert (answers[1].tokens, answers[1].weights) == (("",), (1.0,))
    for answer in answers:
        assert math.fsum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert answer.label == max(answer.probabilities, key=answer.probabilities.get)
        assert len(answer.tokens) == len(answer.weights)
        assert math.fsum(answer.sentence_weights or answer.weights) == pytest.approx(1, abs=1e-5)
        if kind == "hierarchical":
            assert math.fsum(answer.weights) == pytest.approx(len(answer.sentences), abs=1e-4)
    if kind == "hierarchical" and tokenization == "word":
        assert len(answers[0].sentences) == 3
        assert list(answers[0].tokens) == "Dull . Nobody laughed ! We left".split()


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_raw_words_of_train_are_cut_where_the_recipe_says_so(kind: str) -> None:
    rows = [("Dull. Isn't it?", "negative"), ("Fine!", "positive")] * 2
    task = make(
        "sentiment", {"train": reviews(rows)}, tokenization={"kind": kind, "split": "words"}
    )
    if kind == "word":
        assert {"Dull", ".", "Is", "n't", "it", "?", "Fine", "!"} <= {*task.tokenizer.vocabulary}
    model = built(task)
    found = [r.prediction for r in records(task, model, reviews(rows))]
    answers = task.predictor(model, CPU).predict([text for text, _ in rows])
    assert [a.probabilities[a.label] for a in answers] == pytest.approx(
        [one["confidence"] for one in found], abs=1e-5
    )


def corpus_split(view: str, rows: list[dict[str, Any]], name: str) -> Split:
    return Split(name, Dataset.from_list(rows), f"built-in corpus, {view}")


def test_learns_the_built_in_corpus_for_real() -> None:
    drawn = toy_corpus.draw_splits("sentiment", {"train": 3000, "validation": 200}, 0)
    splits = {name: corpus_split("sentiment", rows, name) for name, rows in drawn.items()}
    task = make(
        "sentiment",
        splits,
        embedding={"dim": 32},
        encoder={"hidden_size": 32},
        head={"pooling": "last"},
        training={"batch_size": 16},
    )
    model = built(task)
    before = scores(task, model, splits["validation"])["accuracy"]
    train(task, model, splits["train"], epochs=3, rate=0.01)
    after = scores(task, model, splits["validation"])["accuracy"]
    assert after > 0.85 > 0.7 > before


def test_order_matters_to_an_lstm_and_not_to_an_averaging_network() -> None:
    """The label depends on the order of two words, which a bag of words does not see."""
    generator = random.Random(0)
    rows = []
    for _ in range(120):
        pair = generator.sample(["good", "bad"], 2)
        rows.append((f"{'so ' * generator.randrange(3)}{pair[0]} then {pair[1]}", pair[0]))
    found = {}
    for kind in ("lstm", "feedforward"):
        task = make(
            "sentiment", {"train": reviews(rows)}, encoder={**encoder(kind), "hidden_size": 12}
        )
        model = built(task)
        train(task, model, reviews(rows), epochs=6)
        found[kind] = scores(task, model, reviews(rows))["accuracy"]
    assert found["lstm"] > 0.98
    assert found["feedforward"] < 0.7
