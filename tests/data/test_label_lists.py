"""Lists of labels: as lists, as texts with separators, as texts that spell lists; anything else is refused."""

from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value

from nlpseq.data.label_lists import settle_label_lists
from nlpseq.data.split import Split
from nlpseq.errors import UserError


def split_of(values: list[Any], name: str = "train") -> Split:
    rows = Dataset.from_dict({"text": [f"t{i}" for i in range(len(values))], "labels": values})
    return Split(name, rows, f"{name}.csv", names={"labels": "topics"})


def settled(values: list[Any], **options: Any) -> Split:
    return settle_label_lists({"train": split_of(values)}, "labels", **options)["train"]


def lists(split: Split) -> list[list[str]]:
    return [*split.column("labels")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["b", "a"], [], ["c"]], [["b", "a"], [], ["c"]]),
        ([["a", "a ", "b"]], [["a", "b"]]),
        ([[1, 2], [3]], [["1", "2"], ["3"]]),
        (["sea|war", "", "war"], [["sea", "war"], [], ["war"]]),
        (["sea; war ;", "law"], [["sea", "war"], ["law"]]),
        (["['sea', 'war']", "[]", '["law"]'], [["sea", "war"], [], ["law"]]),
        (["[sea, war]", "[law]"], [["sea", "war"], ["law"]]),
    ],
)
def test_lists(values: list[Any], expected: list[list[str]]) -> None:
    assert lists(settled(values)) == expected


def test_what_was_assumed_is_said() -> None:
    note = settled(["sea|war", "", "war"]).note
    assert "labels in 'topics' are separated by '|' (sea|war; data.label_separator)" in note
    assert "1 of 3 rows without any label" in note


def test_a_separator_that_is_given() -> None:
    assert lists(settled(["sea / war", "law"], separator="/")) == [["sea", "war"], ["law"]]
    assert lists(settled(["sea  war", "law"], separator=" ")) == [["sea", "war"], ["law"]]
    assert lists(settled(["a,b", "c;d"], separator=";")) == [["a,b"], ["c", "d"]]


def test_names_of_classes() -> None:
    kind = Sequence(ClassLabel(names=["sea", "war"]))
    rows = Dataset.from_dict(
        {"text": ["x", "y"], "labels": [[1, 0], []]},
        features=Features({"text": Value("string"), "labels": kind}),
    )
    split = Split("train", rows, "hub")
    found = settle_label_lists({"train": split}, "labels")["train"]
    assert lists(found) == [["war", "sea"], []]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["sea", "war"], 'one label for each text with task = "classification"'),
        (["a,b", "c;d"], "may be separated by ';' or ','; set data.label_separator"),
        ([[0, 1, 1], [1, 0, 0]], "a row of 3 times 0 or 1, which names no label"),
        ([1, 0], r"row 1 of the train split has 1 in column 'topics', which is not a list"),
        ([["a", ""]], "row 1 of the train split has an empty label"),
        ([[["a"]]], "is not a list of labels"),
        ([["a"], None], r"row 2 of the train split has no 'topics' \(null or NaN\)"),
    ],
)
def test_anything_else_is_refused(values: list[Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        settled(values)


def test_rows_without_a_list_are_left_out_if_asked() -> None:
    split = settled([["a"], None, []], skip=True)
    assert lists(split) == [["a"], []]
    assert "1 of 3 rows left out, which have no list of labels" in split.note


def test_a_split_without_any_list_is_not_scored() -> None:
    splits = {"train": split_of([["a"]]), "test": split_of([None, None], "test")}
    assert not settle_label_lists(splits, "labels")["test"].labelled


def test_one_separator_for_all_splits() -> None:
    splits = {"train": split_of(["a|b", "c"]), "test": split_of(["c", "a"], "test")}
    assert lists(settle_label_lists(splits, "labels")["test"]) == [["c"], ["a"]]
