"""Tagging: schemes, columns, paths that are always legal, scores of spans."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from small import CPU, SENTENCES, built, make, records, scores, sentences, split_of, train

from nlpseq.data import tag_schemes
from nlpseq.data.split import Split
from nlpseq.data.synthetic import toy_corpus
from nlpseq.errors import UserError
from nlpseq.task import Cursor, Progress

WORDS = [row[0].split() for row in SENTENCES]
BIO = [row[1].split() for row in SENTENCES]


def in_scheme(scheme: Any) -> Split:
    return split_of(
        {"tokens": WORDS, "tags": [tag_schemes.convert_tags(one, scheme) for one in BIO]}
    )


@pytest.mark.parametrize("learnt", ["BIO", "BIOES"])
def test_files_in_any_scheme_give_the_same_spans_and_scores(learnt: str) -> None:
    found = []
    for scheme in ("BIO", "IOB1", "BIOES"):
        split = in_scheme(scheme)
        task = make("ner", {"train": split}, head={"scheme": learnt})
        model = built(task)
        train(task, model, split, epochs=3)
        assert [tag_schemes.tags_to_spans(one) for one in task.targets(split)] == [
            tag_schemes.tags_to_spans(one) for one in BIO
        ]
        found.append((task.tags, scores(task, model, split)))
    assert found[0] == found[1] == found[2]
    assert set(found[0][0]) == set(tag_schemes.tag_vocabulary({"PER", "LOC"}, learnt))


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_an_untrained_tagger_is_always_legal(head: str, scheme: Any) -> None:
    for seed in range(4):
        task = make("ner", head={"kind": head, "scheme": scheme})
        model = built(task, seed)
        model.head.projection.weight.data *= 30  # large weights: random tags with high confidence
        found = [record.prediction for record in records(task, model, sentences())]
        found += [one.tags for one in task.predictor(model, CPU).tag(WORDS)]
        assert any(tag != "O" for path in found for tag in path)
        for path in found:
            assert tag_schemes.convert_tags(path, scheme) == path
            for before, after in pairwise(["O", *path]):
                assert after[0] != "I" or before[1:] == after[1:], path


def test_class_labels_of_the_hub_count_by_name() -> None:
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    features = Features(
        {"tokens": Sequence(Value("string")), "tags": Sequence(ClassLabel(names=names))}
    )
    rows = {"tokens": WORDS, "tags": [[names.index(tag) for tag in one] for one in BIO]}
    split = Split("train", Dataset.from_dict(rows, features=features), "hub")
    task = make("ner", {"train": split}, head={"scheme": "BIO"})
    assert list(task.targets(split)) == BIO
    assert records(task, built(task), split)[0].target == BIO[0]
    unlabelled = Dataset.from_dict({"tokens": [["a"]], "tags": [[-1]]}, features=features)
    with pytest.raises(UserError, match="row 1 of the test split has no 'tags'"):
        task.targets(Split("test", unlabelled, "hub"))


def test_a_model_with_an_invalid_tag_is_refused() -> None:
    task = make("ner")
    for tag in ("", "PER"):
        learnt = {**task.state(), "id2label": {"0": "O", "1": tag}}
        with pytest.raises(UserError, match="id2label, sentence 1, token 2: the tag"):
            task.restore(task.tokenizer, learnt)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"tokens": [["a", "b"]], "tags": [["O"]]}, "sentence 1 of train: 2 tokens and 1 tags"),
        ({"tokens": [["a"]], "tags": [["B-X", "O"]]}, "sentence 1 of train: 1 tokens and 2 tags"),
        ({"tokens": [["a"]], "tags": [["X-PER"]]}, "sentence 1, token 1: the tag 'X-PER' fits no"),
        ({"tokens": [["a"]], "tags": [[None]]}, "row 1 of the train split has no 'tags'"),
        ({"tokens": [["a"]], "tags": [[3]]}, "numbers .3.: name them .* data.tag_names"),
        (
            {"tokens": [["a"], ["b"]], "tags": [["B-X"], None]},
            "row 2 of the train split has no 'tags'",
        ),
        ({"tokens": [None, ["b"]], "tags": [["B-X"], ["O"]]}, "tokens of sentence 1 .* None"),
        ({"tokens": ["a b"], "tags": ["O O"]}, "tags of train: row 1 holds 'O O', not a list"),
        ({"tokens": [[1, 2]], "tags": [["O", "B-X"]]}, r"tokens of sentence 1 .* \[1, 2\], not"),
        ({"tokens": [["a"]], "tags": [["O"]]}, "train has no entity"),
        ({"tokens": [[]], "tags": [[]]}, "train has no entity"),
        ({"words": [["a"]], "tags": [["O"]]}, "no column 'tokens', it has words, tags"),
    ],
)
def test_bad_columns_are_reported(rows: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make("ner", {"train": split_of(rows)})


@pytest.mark.parametrize("tokenization", ["word", "bpe"])
def test_sentences_without_a_token_are_counted_and_not_dropped(tokenization: str) -> None:
    split = split_of({"tokens": [*WORDS, [], []], "tags": [*BIO, [], []]})
    task = make("ner", {"train": split}, tokenization={"kind": tokenization, "vocabulary_size": 90})
    assert any("train: 2 sentences without a token" in note for note in task.notes)
    model = built(task)
    train(task, model, split)
    found = records(task, model, split)
    assert [record.index for record in found] == list(range(len(split)))
    assert found[-1].prediction == found[-1].target == []
    assert sum(len(r.prediction) for r in found) == sum(map(len, WORDS))
    assert task.predictor(model, CPU).tag([[], ["Ann"], []])[0].tags == []


def test_a_split_without_an_entity_is_said() -> None:
    test = sentences([("Ann visited Acme", "O O O")], "test")
    notes = make("ner", {"train": sentences(), "test": test}).notes
    assert "test: no entity in it, so F1 says nothing about the model" in notes
    assert not any("no entity" in note for note in make("ner", {"train": sentences()}).notes)


def test_types_that_train_lacks_are_reported_and_count_as_missed() -> None:
    test = sentences([("Ann visited Acme and Ubu", "B-PER O B-ORG O B-ORG")], "test")
    task = make("ner", {"train": sentences(), "test": test})
    assert any("test: 2 entities of a type that train lacks (ORG)" in n for n in task.notes)
    model = built(task)
    train(task, model, sentences(), epochs=20)
    (record,) = records(task, model, test)
    assert record.statistics[4] == 3  # gold spans, all of them
    assert scores(task, model, test)["recall"] <= 1 / 3
    assert {*task.details([record])["per_type"]} == {"LOC", "PER"}


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_label_smoothing_is_of_training_and_of_the_softmax(smoothing: float) -> None:
    task = make("ner", head={"kind": "softmax"}, training={"label_smoothing": smoothing})
    model = built(task)
    batch = next(task.batches(sentences(), training=True, seed=1, start=Cursor()))
    learnt, plain = (
        task.loss(model.train(mode), batch, (), Progress())[0].total.item()
        for mode in (True, False)
    )
    assert (learnt == pytest.approx(plain)) == (smoothing == 0)
    if smoothing:
        with pytest.raises(UserError, match=r"label_smoothing .* head\.kind = 'softmax'"):
            make("ner", training={"label_smoothing": smoothing})


def test_the_loss_counts_words_not_pieces_of_words() -> None:
    for tokenization in ({}, {"kind": "character"}, {"kind": "byte_bpe", "vocabulary_size": 290}):
        task = make("ner", tokenization=tokenization)
        model, words = built(task).eval(), 0
        for batch in task.batches(sentences(), training=True, seed=1, start=Cursor()):
            loss, _ = task.loss(model, batch, (), Progress())
            assert torch.isfinite(loss.total)
            assert loss.total > 0
            words += int(loss.count)
        assert words == sum(map(len, WORDS))


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_learns_from_the_context_of_unseen_names(head: str) -> None:
    """`met` precedes a person, `in` a place; two words of a name are one entity."""

    def rows(names: str) -> list[tuple[str, str]]:
        pairs = [(first, last) for first in names for last in names]
        people = [(f"she met {a}{a} {b}{b} now", "O O B-PER I-PER O") for a, b in pairs]
        return people + [(f"she is in {a}{a} {b}{b}", "O O O B-LOC I-LOC") for a, b in pairs]

    task = make(
        "ner",
        {"train": sentences(rows("abcdefgh"))},
        embedding={"word_dropout": 0.2},
        head={"kind": head},
    )
    model, test = built(task), sentences(rows("xyz"), "test")
    assert scores(task, model, test)["f1"] < 0.3
    train(task, model, sentences(rows("abcdefgh")), epochs=4)
    found = scores(task, model, test)
    assert found["f1"] > 0.95
    assert found["conlleval_f1"] == found["f1"]  # all tags are legal


def test_learns_the_built_in_corpus_for_real() -> None:
    """Half of the names of validation are unknown words."""
    drawn = toy_corpus.draw_splits("entities", {"train": 700, "validation": 200}, 0)
    splits = {n: Split(n, Dataset.from_list(rows), "built-in corpus") for n, rows in drawn.items()}
    task = make(
        "ner",
        splits,
        embedding={"dim": 24, "word_dropout": 0.1},
        encoder={"hidden_size": 24},
        training={"batch_size": 16},
    )
    model = built(task)
    assert scores(task, model, splits["validation"])["f1"] < 0.1
    train(task, model, splits["train"], epochs=3, rate=0.01)
    assert scores(task, model, splits["validation"])["f1"] > 0.4
