"""Phrases as training examples: some are added, others are left out and counted."""

from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from nlpseq.data.sentiment_phrases import add_phrases
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig

TREES = {
    "train": "(3 (2 It) (4 (4 works) (2 .)))\n(1 (2 It) (1 fails))\n",
    "validation": "(4 (2 it) (3 WORKS))\n",
    "test": "(2 (2 .))\n",
}


def split(name: str, rows: list[tuple[Any, Any]]) -> Split:
    columns = {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
    return Split(name, Dataset.from_dict(columns), f"{name}.txt")


def pairs(found: Split) -> list[tuple[str, str]]:
    return list(zip(found.column("text"), found.column("label"), strict=True))


def test_nodes_of_trees(tmp_path: Path) -> None:
    for name, text in TREES.items():
        (tmp_path / f"{name}.txt").write_text(text)
    config = DataConfig(format="trees", files={name: f"{name}.txt" for name in TREES}, phrases=True)
    splits = load_splits(config, data_dir=tmp_path, fields=("text", "label"))
    assert [*splits] == [*TREES]
    assert pairs(splits["train"]) == [
        ("It works .", "3"),  # sentences of train stay, even if another split has them
        ("It fails", "1"),
        ("It", "2"),
        ("works .", "4"),
        ("works", "4"),
        ("fails", "1"),
    ]
    # "." is the test sentence, the node "It works ." equals the validation sentence; "It" occurs twice.
    assert (
        "4 phrases added to the sentences (2 equal to a sentence of another split and 2 repeated ones left out)"
        in splits["train"].note
    )
    assert len(splits["validation"]) == len(splits["test"]) == 1


def test_a_split_of_phrases_in_any_spelling() -> None:
    splits = {
        "train": split("train", [("a fine film", "1"), ("dull", "0")]),
        "test": split("test", [("It 's the Film !", "1"), ("...", "0")]),
        "phrases": split(
            "phrases",
            [
                ("it's the film", "1"),  # the test sentence in another spelling
                ("ITS  THE FILM", "0"),  # the same with another label
                (". . .", "1"),  # without letters, spaces do not count
                ("!", "1"),
                ("dull", "0"),  # train has it
                ("dull", "1"),  # not with this label
                ("the film", "1"),
                ("the film", "1"),
            ],
        ),
    }
    found = add_phrases(splits)
    assert [*found] == ["train", "test"]
    assert pairs(found["train"])[2:] == [("!", "1"), ("dull", "1"), ("the film", "1")]
    assert "3 phrases added to the sentences (3 equal to" in found["train"].note
    assert "and 2 repeated ones" in found["train"].note
    assert pairs(splits["train"]) == [("a fine film", "1"), ("dull", "0")]


def test_labels_of_the_hub_are_added_by_name() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    rows = {"text": ["a", "b"], "label": [0, 1]}
    train = Split("train", Dataset.from_dict(rows, features=features), "hub")
    found = add_phrases({"train": train, "phrases": split("phrases", [("c", "pos")])})
    assert pairs(found["train"]) == [("a", "neg"), ("b", "pos"), ("c", "pos")]


def test_other_files_for_a_trained_model_need_no_train(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("1 a film\n")
    config = DataConfig(format="label_text", files={"test": "new.txt"}, phrases=True)
    found = load_splits(config, data_dir=tmp_path, fields=("text", "label"))
    assert {name: pairs(one) for name, one in found.items()} == {"test": [("a film", "1")]}


def test_without_phrases() -> None:
    with pytest.raises(
        UserError, match=r"data\.phrases = true: train\.txt has none; .*data\.files"
    ):
        add_phrases({"train": split("train", [("a", "1")])})
