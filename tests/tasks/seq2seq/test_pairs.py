"""Odd pairs of texts, tokens of every kind, and copied words."""

from pathlib import Path
from typing import Any

import pytest
import torch
from nlpseq.tasks.seq2seq.pairs import hide_common
from small import CPU, TOKENIZATIONS, built, records, train
from small_pairs import BOTH, PAIRS, make, pairs

from nlpseq import model_directory
from nlpseq.data.batch import CopySource, Tokens
from nlpseq.errors import UserError
from nlpseq.task import Cursor, Progress


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("copying", [False, True])
def test_pairs_with_an_empty_side_are_counted_and_skipped(kind: str, copying: bool) -> None:
    rows = [("", "Hund"), ("dog", ""), ("\t ", " "), *PAIRS]
    split, test = pairs(rows), pairs([("", "Hund"), (" ", "")], "test")
    task = make(kind, {"train": split, "test": test}, decoder={"copying": copying})
    assert any("train: 2 empty sources and 2 empty targets" in note for note in task.notes)
    assert any("test: 2 empty sources and 1 empty target" in note for note in task.notes)
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
    cut = "train: 1 source of more than 9 tokens, truncated"
    assert [note for note in task.notes if " source of" in note] == [cut]
    model = built(task)
    train(task, model, rows)
    batch = next(task.batches(rows, training=True, seed=1, start=Cursor()))
    for mode, lengths in ((True, batch.target.lengths.clamp(max=2)), (False, batch.target.lengths)):
        loss, _ = task.loss(model.train(mode), batch, (), Progress())
        assert int(loss.count) == int(lengths.sum())  # truncated in training, whole in scoring
    assert any(" of more than 2 tokens, truncated" in note for note in task.notes)
    predictor = task.predictor(model, CPU)
    whole, short = predictor.predict([long, "dog " * 9])
    assert (whole.output, whole.truncated) == (short.output, True)
    assert whole.score == pytest.approx(short.score)
    assert "truncated" not in short.to_json()
    assert predictor.attention([long])[0].source_tokens == ("dog",) * 9
    with pytest.raises(UserError, match=r"test, train: source 13 has more than .* = 9 tokens"):
        make(**given, tokenization={"max_source_length": 9, "too_long": "refuse"})
    refusing = make(tokenization={"max_source_length": 9, "too_long": "refuse"})
    with pytest.raises(UserError, match=r"^texts\[1\]: has more than"):
        refusing.predictor(built(refusing), CPU).predict(["dog", long])


def test_a_target_that_is_longer_than_learned_positions_is_refused() -> None:
    decoder = {"kind": "transformer", "num_heads": 2, "positions": "learned", "max_length": 12}
    good, rows = pairs(), [*PAIRS, ("dog", "Hund " * 12)]
    sizes = {"embedding": {"dim": 8}, "encoder": {"hidden_size": 4, "bidirectional": True}}
    make(splits={"train": good, "validation": good}, decoder=decoder, **sizes)
    with pytest.raises(UserError, match=r"test, validation: target 13 has 13 tokens with its end"):
        make(
            splits={"train": good, "validation": pairs(rows, "validation")},
            decoder=decoder,
            **sizes,
        )
    cut = {"tokenization": {"max_target_length": 12}}
    make(splits={"train": pairs(rows), "validation": good}, decoder=decoder, **sizes, **cut)


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
        [ids], [pair] = task.pairs.encode_targets([text]), task.pairs.make_pairs([""], [text])
        assert task.pairs.decode(ids, pair) == text
    model = built(task)
    train(task, model, pairs())
    model_directory.save(tmp_path, task, model)
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
    assert [row.text for row in found] == odd
    assert model_directory.load(tmp_path, "cpu").predict(odd) == found
    if copying:
        assert all("<unk>" not in row.output for row in found)


MARKED = [
    ("Don't the dogs (old ones) sleep?", "The dogs don't sleep, and Ann's cat isn't here."),
    ("A dog: 5% of it.", 'It\'s a "dog"; a dog (old) it is!'),
] * 6


@pytest.mark.parametrize("name", [name for name in TOKENIZATIONS if name != "wordpiece"])
@pytest.mark.parametrize("split", ["whitespace", "words"])
@pytest.mark.parametrize("copying", [True, False])
def test_outputs_are_spelt_as_raw_text(name: str, split: str, copying: bool) -> None:
    """A model that is always right has 100 BLEU on raw text."""
    task = make(
        splits={"train": pairs(MARKED)},
        tokenization={"kind": name, "split": split, "vocabulary_size": 400},
        decoder={"copying": copying},
    )
    for source, target in MARKED[:2]:
        [pair] = task.pairs.make_pairs([source], [target])
        assert task.pairs.decode(pair.ids, pair) == target
    made = task.details(records(task, built(task), pairs(MARKED)))["signatures"]
    assert ("outputs" in made) == (split == "words")
    assert made.get("outputs", "detokenize:nlpseq-1|").startswith("detokenize:nlpseq-1|")


def test_marks_are_not_left_alone_by_wordpiece() -> None:
    """WordPiece splits every mark off, so some texts change."""
    text = "The dog sleeps, and sees the old cat; here it is."
    split = pairs([("dog", text)] * 12)
    task = make(splits={"train": split}, tokenization={"kind": "wordpiece", "vocabulary_size": 200})
    [pair] = task.pairs.make_pairs(["dog"], [text])
    assert task.pairs.decode(pair.ids, pair) == text


@pytest.mark.parametrize("name", TOKENIZATIONS)
@pytest.mark.parametrize("joint", [True, False])
def test_copied_words_are_spelt_as_in_the_source(name: str, joint: bool) -> None:
    """A target equal to its source is restored from its ids, even with words unknown to the target's tokens."""
    size = 300 if name == "byte_bpe" else 60
    task = make(
        tokenization={"kind": name, "joint": joint, "vocabulary_size": size},
        decoder={"copying": True},
    )
    for text in ("the Жük sees λ", "a cat", "Ж"):
        [pair] = task.pairs.make_pairs([text], [text])
        assert task.pairs.decode(pair.ids, pair) == text
        features, _ = task.pairs.encode_sources([text])
        assert len(pair.copies) == len(features[0])
        if name == "byte_bpe":
            continue  # a single byte is no text
        spelt = "".join(task.pairs.decode([id], pair) for id in pair.copies)
        assert spelt.replace("##", "").replace(" ", "") == text.replace(" ", "")


def test_words_of_vectors_are_read_and_copied_but_never_written(tmp_path: Path) -> None:
    """`Hunde` and `dog` are in the extension after the table, because the vocabulary is limited."""
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
        [pair] = task.pairs.make_pairs(["the unheard dog"], ["unheard unseen"])
        unk = task.target.unk_id
        assert list(pair.ids[:2]) == ([size, unk] if copying else [unk, unk])
        with pytest.raises(UserError, match="prefix 'unheard': has a part that the model's"):
            task.predictor(model, CPU).predict(["the unheard dog"], prefix="unheard")


def test_words_that_both_sides_share_are_hidden() -> None:
    source = Tokens(
        torch.tensor([[4, 5, 4, 6], [7, 8, 0, 0]]),
        torch.tensor([4, 2]),
        copies=CopySource(
            torch.tensor([[4, 5, 4, 12], [12, 8, 0, 0]]), torch.zeros(2, 1, dtype=torch.bool)
        ),
    )
    target = Tokens(torch.tensor([[4, 9, 5, 12, 4, 3], [8, 3, 0, 0, 0, 0]]), torch.tensor([6, 2]))
    first, second = hide_common(source, target, 1.0, vocab_size=12, unk_id=1)
    assert first.ids.tolist() == [[1, 1, 1, 6], [7, 1, 0, 0]]
    assert first.copies is not None
    assert first.copies.ids.tolist() == [[13, 14, 13, 12], [12, 14, 0, 0]]
    assert first.copies.extras.shape == (2, 5)
    assert second.ids.tolist() == [[13, 9, 14, 12, 13, 3], [14, 3, 0, 0, 0, 0]]
    same = hide_common(source, target, 0.0, vocab_size=12, unk_id=1)
    assert torch.equal(same[0].ids, source.ids)
    assert torch.equal(same[1].ids, target.ids)
    torch.manual_seed(0)
    shares = []
    for _ in range(400):
        some, other = hide_common(source, target, 0.25, vocab_size=12, unk_id=1)
        assert some.ids[0, 0] == some.ids[0, 2]  # a word is hidden everywhere or nowhere
        assert (some.ids[0, 0] == 1) == (other.ids[0, 0] == 13) == (other.ids[0, 4] == 13)
        shares += (some.ids == 1)[[0, 0, 1], [0, 1, 1]].tolist()
    assert sum(shares) / len(shares) == pytest.approx(0.25, abs=0.05)


def test_copying_is_learnt_from_hidden_words() -> None:
    names = [f"n{number}" for number in range(6)]
    rows = pairs([(f"see {one} run", f"{one} sieht") for one in names] * 20)
    task = make(
        splits={"train": rows},
        decoder={"copying": True, "attention": "general", "copy_dropout": 0.3},
        embedding={"dim": 12},
        encoder={"hidden_size": 12, "bidirectional": True},
    )
    model = built(task)
    train(task, model, rows, epochs=4, rate=0.02)
    answers = task.predictor(model, CPU).predict(["see Zyx run", "see n3 run"])
    assert [row.output for row in answers] == ["Zyx sieht", "n3 sieht"]
    with pytest.raises(UserError, match=r"decoder\.copy_dropout: set decoder\.copying = true"):
        make(decoder={"copy_dropout": 0.3})
