"""Data that are cut already, and the notes of a run on their tokens."""

from pathlib import Path
from typing import Any

import pytest
from nlpseq.tasks.base.pipelines import MANY_UNKNOWN
from small import built, records, split_of, train

from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.task_lookup import resolve

RAW = ["Good, really!", "Bad: no.", "so-so?", "well, well."] * 4
LABELS = ["a", "b", "a", "b"] * 4


def make(texts: Any = RAW, name: str = "classification", **sections: Any) -> Any:
    document = {"task": name, "embedding": {"dim": 8}, "encoder": {"hidden_size": 8}, **sections}
    task = resolve(name)(validate(resolve(name).Config, document, "test"))
    columns = {"text": texts} if name == "language_modeling" else {"text": texts, "label": LABELS}
    task.prepare({"train": split_of(columns)})
    return task


def noted(task: Any, *words: str) -> bool:
    return any(all(word in note for word in words) for note in task.notes)


def test_texts_are_raw_and_lists_are_cut() -> None:
    task = make()
    assert noted(task, "data.pretokenized = false", "by rule")
    assert {"Good", ",", "really", "!"} <= set(task.tokenizer.vocabulary)
    lists = make([text.split() for text in RAW])
    assert noted(lists, "data.pretokenized = true", "lists of words")
    assert "Good," in lists.tokenizer.vocabulary
    with pytest.raises(UserError, match="data.pretokenized = false, but the texts are lists"):
        make([text.split() for text in RAW], data={"pretokenized": False})


JAPANESE = [["白い", "鳥", "が", "来る"], ["鳥", "が", "鳴く"], ["来る", "人", "が", "白い"]]
SIZES = {"word": 99, "character": 99, "bpe": 40, "wordpiece": 60, "unigram": 40, "byte_bpe": 280}


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("lists", [True, False])
def test_raw_text_is_joined_to_the_words_of_train(kind: str, lists: bool, tmp_path: Path) -> None:
    rows: list[Any] = [*JAPANESE, ["thủ đô", "北京"]] if lists else [*map(" ".join, JAPANESE)]
    options = {"kind": kind, "vocabulary_size": SIZES[kind]}
    data = {} if lists else {"pretokenized": True}
    task = make((rows * 6)[:16], tokenization=options, data=data)
    assert noted(task, "joined to the longest words")
    assert not noted(task, "with --pretokenized")
    model_directory.save(tmp_path, task, built(task))
    pipeline = model_directory.load_task(tmp_path).pipeline
    assert pipeline.state() == task.pipeline.state()
    raw = ["白い鳥が来る", "鳥が鳴く", "来る人が白い", *(["thủ  đô北京"] * lists)]
    cut = pipeline.read(rows, pretokenized=True)
    assert [list(row.ids) for row in pipeline.read(raw)] == [list(row.ids) for row in cut]
    for text, row in zip(raw, pipeline.read(raw, offsets=True), strict=True):
        assert (
            "".join(text[a:b] for a, b in row.offsets).replace(" ", "")
            in (
                text.replace(" ", ""),
                *([text.replace("  ", "")] * lists),
            )
            or kind == "byte_bpe"
        )


def test_a_model_saved_before_without_its_words_loads() -> None:
    task = make(JAPANESE * 5 + JAPANESE[:1], tokenization={"kind": "bpe", "vocabulary_size": 40})
    state = task.state()
    state["pipeline"] = {**state["pipeline"], "joins_words": False}
    del state["pipeline"]["words"]
    state["pipeline"]["raw"] = {**state["pipeline"]["raw"], "version": 2}
    task.restore(task.tokenizer, state)
    assert not task.pipeline.state()["joins_words"]
    tokens = task.tokenizer.vocabulary
    assert "".join(tokens[id] for id in task.pipeline.read(["白い鳥"])[0].ids) == "白▁い▁鳥"


def test_raw_text_that_is_cut_finer_than_the_data_is_noted() -> None:
    subwords = {"kind": "unigram", "vocabulary_size": 40, "split": "words"}
    longer, single = [["白い", "鳥", "が", "来る"]] * 16, [["白", "鳥", "来"]] * 16
    assert noted(make(longer, tokenization=subwords), "lists of words", "with --pretokenized")
    joined = [" ".join(words) for words in longer]
    task = make(joined, tokenization=subwords, data={"pretokenized": True})
    assert noted(task, "between white space", "with --pretokenized")
    assert not noted(make(single, tokenization=subwords), "with --pretokenized")
    assert not noted(make(longer), "with --pretokenized")  # joined to the words of the vocabulary


@pytest.mark.parametrize(
    "sections",
    [{"data": {"pretokenized": True}}, {"tokenization": {"split": "whitespace"}}],
    ids=str,
)
def test_raw_text_that_is_read_as_cut_is_noticed(sections: Any) -> None:
    assert noted(make(**sections), "warning", "end in punctuation", "data.pretokenized=false")
    cut = ["it 's fine .", "Mr. Lee of the U.S. left , he said"] * 8
    assert not noted(make(cut, **sections), "end in punctuation")
    unspaced = ["我昨天吃了很好的东西真的很好"] * 16
    assert noted(make(unspaced, **sections), "warning", "as long as sentences")


def test_a_language_model_of_words_reads_texts_unchanged() -> None:
    small = {"batch_size": 1, "bptt_length": 3}
    task = make(RAW, "language_modeling", training=small)
    assert "Good," in task.tokenizer.vocabulary
    assert noted(task, "warning", "end in punctuation", "tokenization.kind = 'bpe'")
    chinese = make(["我有书。", "他有书。"] * 8, "language_modeling", training=small)
    assert chinese.tokenizer.decode(chinese.pipeline.read(["我有书。"])[0].ids) == "我有书。"


def test_unknown_tokens_are_counted_and_many_are_a_warning() -> None:
    task = make(["a b c d e f g h i j"] * 16)
    for text, share in (("a b c d e f g h i j", 0.0), ("a b c d e f g h i x", 0.1)):
        notes = task.inspect(split_of({"text": [text], "label": ["a"]}, "test"))
        assert task.unknown_tokens["test"]["share"] == pytest.approx(share)
        assert f"test: {share:.1%} of 10 tokens are unknown" in notes
    notes = task.inspect(split_of({"text": ["x y a"], "label": ["a"]}, "test"))
    (note,) = [note for note in notes if "unknown" in note]
    assert task.unknown_tokens["test"] == {"unknown": 2, "tokens": 3, "share": 2 / 3}
    assert 2 / 3 > MANY_UNKNOWN
    assert note.startswith("warning: test: 66.7% of 3 tokens are unknown")
    assert "byte_bpe" in note


def test_a_tagger_of_characters_tags_raw_text_by_characters(tmp_path: Any) -> None:
    rows = [
        ("张三住在北京。", "B-P I-P O O B-L I-L O"),
        ("李四去过上海。", "B-P I-P O O B-L I-L O"),
    ]
    task = resolve("tagging")(
        validate(
            resolve("tagging").Config,
            {
                "task": "tagging",
                "embedding": {"dim": 12},
                "encoder": {"hidden_size": 12, "bidirectional": True},
                "training": {"batch_size": 4},
            },
            "test",
        )
    )
    split = split_of(
        {"tokens": [list(text) for text, _ in rows] * 4, "tags": [t.split() for _, t in rows] * 4}
    )
    task.prepare({"train": split})
    model = built(task)
    train(task, model, split, epochs=60)
    model_directory.save(tmp_path, task, model)
    predictor = model_directory.load(tmp_path, "cpu")
    raw = predictor.predict(["张三住在北京。李四去过上海。"])[0]
    assert [entity.text for entity in raw.entities] == ["张三", "北京", "李四", "上海"]
    assert [entity.start for entity in raw.entities] == [0, 4, 7, 11]
    found = records(task, model, split)
    assert found[0].prediction[:2] == ["B-P", "I-P"]
