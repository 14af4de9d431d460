"""Odd pairs of texts, tokens of every kind, and what is copied."""

from pathlib import Path
from typing import Any

import pytest
from small import CPU, TOKENIZATIONS, built, records, train
from small_pairs import BOTH, PAIRS, make, pairs

from nlpseq import hub
from nlpseq.errors import UserError
from nlpseq.task import Cursor


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("copying", [False, True])
def test_pairs_with_an_empty_side_are_counted_and_not_learnt(kind: str, copying: bool) -> None:
    rows = [("", "Hund"), ("dog", ""), ("\t ", " "), *PAIRS]
    split, test = pairs(rows), pairs([("", "Hund"), (" ", "")], "test")
    task = make(kind, {"train": split, "test": test}, decoder={"copying": copying})
    assert any("train: 2 sources and 2 targets are empty" in note for note in task.notes)
    assert any("test: 2 sources and 1 targets are empty" in note for note in task.notes)
    model = built(task)
    seen = [
        place
        for batch in task.batches(split, training=True, seed=1, start=Cursor())
        for place in batch.index.tolist()
    ]
    assert sorted(seen) == list(range(3, len(rows)))
    found = records(task, model, split)
    assert [record.index for record in found] == list(range(len(rows)))
    assert [found[0].prediction, found[2].prediction] == ["", ""]
    for some in (found, records(task, model, test), found[:3]):
        vectors = [record.statistics for record in some]
        scores = task.metric.score([sum(part) for part in zip(*vectors, strict=True)])
        assert {task.main_metric, "perplexity", "nll_per_token"} <= scores.keys()
        intervals = task.details(some)["confidence_intervals"]
        assert intervals.keys() == scores.keys()


@pytest.mark.parametrize("copying", [False, True])
def test_long_sources_are_cut_or_refused(copying: bool) -> None:
    long = "dog " * 2000
    rows = pairs([*PAIRS, (long, "Hund")])
    given: dict[str, Any] = {
        "splits": {"train": rows, "validation": pairs([("dog " * 9, "Hund")], "validation")},
        "decoder": {"copying": copying},
        "encoder": {"kind": "lstm", "hidden_size": 4},
    }
    task = make(**given, tokenization={"max_source_length": 9, "max_target_length": 2})
    cut = "train: of 1 long sources only the first 9 tokens are read"
    assert [note for note in task.notes if "long sources" in note] == [cut]
    model = built(task)
    train(task, model, rows)
    assert all(len(pair.ids) <= 3 for _, pair in task.examples(rows))
    predictor = task.predictor(model, CPU)
    whole, short = predictor.predict([long, "dog " * 9])
    assert (whole["output"], whole["truncated"]) == (short["output"], True)
    assert whole["score"] == pytest.approx(short["score"])
    assert "truncated" not in short
    assert predictor.attention([long])[0]["source_tokens"] == ["dog"] * 9
    with pytest.raises(UserError, match=r"test, train: source 13 has more than .* = 9 tokens"):
        make(**given, tokenization={"max_source_length": 9, "too_long": "refuse"})
    refusing = make(tokenization={"max_source_length": 9, "too_long": "refuse"})
    with pytest.raises(UserError, match="the given texts: source 2 has more than"):
        refusing.predictor(built(refusing), CPU).predict(["dog", long])


@pytest.mark.parametrize("name", TOKENIZATIONS)
@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("copying", [True, False])
def test_any_tokenizer(name: str, joint: bool, copying: bool, tmp_path: Path) -> None:
    size = 300 if name == "byte_bpe" else 60
    task = make(
        tokenization={"kind": name, "joint": joint, "vocabulary_size": size},
        decoder={"copying": copying},
        decoding={"max_new_tokens": 30},
    )
    for text in (two for _, two in PAIRS):
        assert (
            task.pairs.spell(task.pairs.encode([text])[0], task.pairs.pairs([""], [text])[0])
            == text
        )
    model = built(task)
    train(task, model, pairs())
    hub.save(tmp_path, task, model)
    odd = [
        "",
        "🙂",
        "\x07",
        "\u200b",
        "\ufeff x",
        "日本 語",
        "e\u0301" * 60,
        "Zyx dog\nЖ",
        "<eos> <pad>",
    ]
    found = task.predictor(model, CPU).predict(odd)
    assert [row["text"] for row in found] == odd
    assert hub.load(tmp_path, "cpu").predict(odd) == found
    if copying:
        assert all("<unk>" not in row["output"] for row in found)


@pytest.mark.parametrize("name", TOKENIZATIONS)
@pytest.mark.parametrize("joint", [True, False])
def test_what_is_copied_is_spelt_as_in_the_source(name: str, joint: bool) -> None:
    """A target that is its source comes back from its ids, whatever the target's tokens know of it."""
    size = 300 if name == "byte_bpe" else 60
    task = make(
        tokenization={"kind": name, "joint": joint, "vocabulary_size": size},
        decoder={"copying": True},
    )
    for text in ("the Жük sees λ", "a cat", "Ж"):
        [pair] = task.pairs.pairs([text], [text])
        assert task.pairs.spell(pair.ids, pair) == text
        features, _ = task.read([text], "here")
        assert len(pair.copies) == len(features[0])
        if name == "byte_bpe":
            continue  # a byte alone is no text
        spelt = "".join(task.pairs.spell([id], pair) for id in pair.copies)
        assert spelt.replace("##", "").replace(" ", "") == text.replace(" ", "")


def test_words_of_vectors_are_read_and_copied_but_never_written(tmp_path: Path) -> None:
    """Of the extension behind the table; `Hunde` and `dog` are in it, as the vocabulary is cut."""
    vectors = tmp_path / "vectors.txt"
    words = ["dog", "Hunde", "unheard", "cat", "schlafen"]
    vectors.write_text("".join(f"{word} {n} 1 1 1 0 0\n" for n, word in enumerate(words)))
    rows = pairs([*PAIRS, ("unheard dog", "Hunde unheard")] * 2)
    for copying, shared in ((False, True), (True, True), (True, False)):
        task = make(
            splits={"train": rows},
            tokenization={"vocabulary_size": 12},
            embedding={"dim": 6, "pretrained": str(vectors)},
            decoder={"copying": copying},
            head={"shared": shared},
        )
        assert task.extension > 0
        size = task.target_size
        assert len(task.target) == size + task.extension
        model = built(task)
        train(task, model, rows)
        records(task, model, rows)
        [pair] = task.pairs.pairs(["the unheard dog"], ["unheard unseen"])
        unk = task.target.unk_id
        assert list(pair.ids[:2]) == ([size, unk] if copying else [unk, unk])
        answer = task.predictor(model, CPU).predict(["the unheard dog"], prefix="unheard")[0]
        assert answer["score"] is not None
