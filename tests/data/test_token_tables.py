"""Tables of tokens: one token in a row, and tags that a text joins by blanks."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value

import nlpseq
from nlpseq.data.split import Split
from nlpseq.data.tag_texts import settle_tag_texts
from nlpseq.data.token_rows import gather_sentences, recognise
from nlpseq.errors import UserError
from nlpseq.experiment.own_data import make_plan, read_own_data

NAMES = ("Ann", "Bob", "Cid", "Dora", "Eve", "Fred", "Gus", "Hal", "Ida", "Jo")
PLACES = ("Paris", "Rome", "Oslo", "Bonn", "Lima", "Kyiv", "Cork", "Nice", "Bern", "Pisa")
SENTENCES = [
    [
        (NAMES[i % 10], "NNP", "B-per"),
        (("visits", "likes", "leaves")[i % 3], "VBZ", "O"),
        (PLACES[(i // 3) % 10], "NNP", "B-geo"),
        (".", ".", "O"),
    ][: 4 - i % 2]
    for i in range(60)
]


def rows_of_tokens(*, sparse: bool) -> list[list[str]]:
    """Return the table that Kaggle's corpus of entities has: the number of a sentence in its first row."""
    return [
        [f"Sentence: {number}" if index == 0 or not sparse else "", *token]
        for number, sentence in enumerate(SENTENCES, 1)
        for index, token in enumerate(sentence)
    ]


HEADER = ["Sentence #", "Word", "POS", "Tag"]


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", newline="", encoding="latin-1") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def split_of(**columns: Any) -> Split:
    return Split("train", Dataset.from_dict(columns), "memory")


@pytest.mark.parametrize("sparse", [True, False])
def test_a_table_of_tokens_needs_no_option(tmp_path: Path, sparse: bool) -> None:
    data = read_own_data(write(tmp_path / "ner.csv", HEADER, rows_of_tokens(sparse=sparse)), {})
    assert data.section["sentence_id"] == "Sentence #"
    assert data.section["columns"] == {"tokens": "Word", "tags": "Tag"}
    rows = data.splits["train"].rows
    assert len(rows) == len(SENTENCES)
    assert rows["tokens"][:] == [[token for token, _, _ in s] for s in SENTENCES]
    assert rows["tags"][:] == [[tag for _, _, tag in s] for s in SENTENCES]
    assert rows["Sentence #"][1] == "Sentence: 2"
    assert any(
        "'Sentence #' numbers the sentences (data.sentence_id)" in line
        for line in data.report.lines
    )
    assert any("--tags POS for others" in line for line in data.report.lines)
    assert make_plan(data).task == "tagging"


def test_the_recipe_reads_the_table_as_the_command_did(tmp_path: Path) -> None:
    file = write(tmp_path / "ner.csv", HEADER, rows_of_tokens(sparse=True))
    settings: dict[str, Any] = {"encoder": {"hidden_size": 8}, "evaluation": {"baselines": False}}
    settings |= {"training": {"max_steps": 2}, "embedding": {"dim": 8, "characters": "none"}}
    first = nlpseq.train(file, output=tmp_path / "run", quiet=True, **settings)
    again = nlpseq.run(first.folder / "recipe.toml", output=tmp_path / "again", data_dir=tmp_path)
    assert again.metrics["test"] == first.metrics["test"]
    assert 'sentence_id = "Sentence #"' in (first.folder / "recipe.toml").read_text()


def test_other_tags_of_the_table(tmp_path: Path) -> None:
    file = write(tmp_path / "ner.csv", HEADER, rows_of_tokens(sparse=True))
    data = read_own_data(file, {"tags": "POS"})
    assert data.splits["train"].rows["tags"][0] == ["NNP", "VBZ", "NNP", "."]
    header = ["sent_id", "form", "upos", "chunk"]
    file = write(tmp_path / "pos.csv", header, rows_of_tokens(sparse=False))
    with pytest.raises(UserError, match="--tags: say which column, one of upos, chunk"):
        read_own_data(file, {})


def test_a_data_frame_whose_numbers_are_missing() -> None:
    frame = pd.DataFrame(rows_of_tokens(sparse=True), columns=HEADER).replace("", None)
    data = read_own_data(frame, {})
    assert len(data.splits["train"]) == len(SENTENCES)
    frame.loc[frame["Word"] == "Ann", "Word"] = None
    with pytest.raises(
        UserError, match=r"token 1 of sentence 1 of train is missing.*keep_default_na"
    ):
        nlpseq.train(frame, quiet=True)


def test_phrases_of_sentences_are_no_tokens() -> None:
    """Several phrases of a sentence with a class each, as in Kaggle's sentiment task."""
    phrases = [" ".join(t for t, _, _ in SENTENCES[i // 3])[: 9 + i % 3] for i in range(150)]
    split = split_of(SentenceId=[i // 3 for i in range(150)], Phrase=phrases, Sentiment=[0, 1] * 75)
    assert recognise(split) is None


def test_sentences_of_typed_columns() -> None:
    features = Features(
        {"s": Value("float64"), "w": Value("string"), "t": ClassLabel(names=["O", "X"])}
    )
    rows = Dataset.from_dict(
        {"s": [1, 1, None, 2, 1], "w": list("abcde"), "t": [0, 1, 0, 0, 1]}, features=features
    )
    split = gather_sentences({"train": Split("train", rows, "memory")}, "s")["train"]
    assert split.rows["w"][:] == [["a", "b", "c"], ["d"], ["e"]]
    assert split.rows.features["t"].feature.names == ["O", "X"]
    assert "5 rows are 3 sentences" in split.note
    assert "1 number of sentences come again later" in split.note


def test_empty_rows_are_left_out_and_counted() -> None:
    split = split_of(s=["1", "", "", "2"], w=["a", "b", "", "c"], t=["O", "O", "", "O"])
    split = gather_sentences({"train": split}, "s")["train"]
    assert split.rows["w"][:] == [["a", "b"], ["c"]]
    assert "1 empty row left out" in split.note


@pytest.mark.parametrize(
    ("columns", "sentence", "message"),
    [
        ({"s": ["1"], "w": ["a"]}, "S", "no such column, it has s, w"),
        ({"s": ["1"], "w": [["a"]]}, "s", "column 'w' of the train split holds lists already"),
        ({"s": [["1"]], "w": [["a"]]}, "s", "the column holds lists"),
    ],
)
def test_no_table_of_tokens(columns: dict[str, Any], sentence: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        gather_sentences({"train": split_of(**columns)}, sentence)


# Tags in a text


def joined(index: int) -> list[str]:
    return [" ".join(token[index] for token in sentence) for sentence in SENTENCES]


@pytest.mark.parametrize("columns", [{}, {"tags": "pos"}, {"text": "body", "tags": "pos"}])
def test_tags_with_blanks_between_them(tmp_path: Path, columns: dict[str, str]) -> None:
    rows = list(zip(map(str, range(60)), joined(0), joined(1), strict=True))
    data = read_own_data(write(tmp_path / "pos.csv", ["id", "body", "pos"], rows), columns)
    assert data.splits["train"].rows["tags"][0] == ["NNP", "VBZ", "NNP", "."]
    assert data.splits["train"].rows["tokens"][0] == ["Ann", "visits", "Paris", "."]
    assert "a text in 'pos' has a tag for each word of that in 'body'" in data.report.lines


def test_tags_in_spelled_lists(tmp_path: Path) -> None:
    lists = [[str([t[i] for t in s]) for i in (1, 2)] for s in SENTENCES]
    rows = [[text, *tags] for text, tags in zip(joined(0), lists, strict=True)]
    data = read_own_data(write(tmp_path / "a.csv", ["Sentence", "POS", "Tag"], rows), {})
    assert data.splits["train"].rows["tags"][0] == ["B-per", "O", "B-geo", "O"]
    assert any("--tags POS for others" in line for line in data.report.lines)


def test_a_recipe_reads_tags_with_blanks(tmp_path: Path) -> None:
    data = {"text": joined(0), "tags": joined(1)}
    settings: dict[str, Any] = {"encoder": {"hidden_size": 8}, "evaluation": {"baselines": False}}
    result = nlpseq.run(
        "tagging/base",
        data=data,
        columns={"tokens": "text"},
        output=tmp_path / "run",
        training={"max_steps": 2, "epochs": 1},
        **settings,
    )
    assert 0 <= result.metrics["validation"]["token_accuracy"] <= 1


def test_a_text_with_more_words_than_tags_is_named() -> None:
    split = split_of(tokens=["a b", "a b c"], tags=["X Y", "X Y"])
    with pytest.raises(
        UserError, match="row 2 .* has 3 words between blanks in 'tokens' and 2 tags"
    ):
        settle_tag_texts({"train": split})


def test_texts_with_a_class_of_one_word_are_no_tags(tmp_path: Path) -> None:
    rows = list(zip(joined(0), ["a", "b", "c"] * 20, strict=True))
    file = write(tmp_path / "a.csv", ["text", "tag"], rows)
    with pytest.raises(UserError, match="--tags tag: the column holds single values"):
        read_own_data(file, {"text": "text", "tags": "tag"})


def test_two_columns_of_lists_are_named() -> None:
    rows = {
        "words": [["the", "cat", f"n{n % 7}"] for n in range(40)],
        "topics": [["a", "b"] if n % 2 else ["c"] for n in range(40)],
    }
    with pytest.raises(UserError, match="`--text words --labels topics` for several labels a text"):
        read_own_data(rows, {})
    data = read_own_data(rows, {"text": "words", "labels": "topics"})
    assert make_plan(data).task == "multilabel"
