"""Labels that are spelled in several ways: what is one class, what is none, and what is said about it."""

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from nlpseq.data.missing_labels import settle_labels
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig


def split(labels: list[Any], name: str = "train") -> Split:
    rows = {"text": [f"text {n}" for n in range(len(labels))], "label": labels}
    return Split(name, Dataset.from_dict(rows), f"{name}.csv")


def settled(*splits: Split, **options: Any) -> dict[str, Split]:
    given = {each.name: each for each in splits}
    return settle_labels(given, "label", skip=options.pop("skip", False), **options)


@pytest.mark.parametrize("name", ["N/A", "NA", "None", "none"])
def test_a_class_that_looks_missing_stays_a_class_and_is_said(name: str) -> None:
    train, test = settled(split([name, "for", "against"]), split([name, "for"], "test")).values()
    assert train.labels("label") == [name, "for", "against"]
    assert test.labels("label") == [name, "for"]
    assert train.note == (
        f"{name!r} is a class of 1 row; if it stands for no label, leave these cells empty"
    )


@pytest.mark.parametrize("name", ["N/A", "NA", "None", "n/a"])
def test_a_spelling_of_no_label_that_train_lacks_is_missing(name: str) -> None:
    train, test = split(["for", "against"]), split(["for", name], "test")
    with pytest.raises(
        UserError, match=f"row 2 of the test split has no 'label' \\('{name}' stands for none\\)"
    ):
        settled(train, test)
    kept = settled(train, test, skip=True)["test"]
    assert kept.labels("label") == ["for"]
    assert not settled(train, split([name, name], "test"))["test"].labelled


@pytest.mark.parametrize("name", ["null", "NULL", "nan", "#N/A"])
def test_an_error_says_how_to_make_it_a_class(name: str) -> None:
    with pytest.raises(UserError, match=f"name it in data.labels: .*'{name}' = '{name}'"):
        settled(split([name, "for"]))
    assert settled(split([name, "for"]), known=(name, "for"))["train"].labels("label", [name]) == [
        name,
        "for",
    ]


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["0", "1"], ["true", "false"], ["1", "0"]),
        ([0, 1], [True, False], ["1", "0"]),
        (["True", "False"], ["1", "0"], ["True", "False"]),
        (["true", "false"], [True, False], ["true", "false"]),
        ([True, False], ["TRUE", "false"], ["True", "False"]),
        ([0.0, 1.0], ["True"], ["1"]),
    ],
)
def test_booleans_of_another_split_are_those_of_train(
    train: list[Any], test: list[Any], expected: list[str]
) -> None:
    other = settled(split(train), split(test, "test"))["test"]
    assert other.labels("label") == expected
    assert other.note.startswith("labels as in train: ")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (["0", "1", "2"], ["true", "false"]),
        (["yes", "no"], ["true", "false"]),
        (["0", "1"], ["true", "maybe"]),
    ],
)
def test_other_labels_are_left_alone(train: list[str], test: list[str]) -> None:
    other = settled(split(train), split(test, "test"))["test"]
    assert other.labels("label") == test
    assert not other.spellings


def test_booleans_in_two_ways_in_one_split_are_said() -> None:
    note = settled(split(["0", "1", "true", "false"]))["train"].note
    assert note == (
        "the labels 0, 1, false, true stay different classes; data.labels can give them one name"
    )


def test_white_space_around_labels_is_counted() -> None:
    train = settled(split([" good", "good", "bad\t", "bad"]))["train"]
    assert train.labels("label") == ["good", "good", "bad", "bad"]
    assert train.note == "2 labels without the white space around them"
    assert settled(split(["good", "bad"]))["train"].note == ""


def test_classes_that_differ_only_in_case_are_said() -> None:
    train, test = settled(split(["Good", "good", "bad"]), split(["BAD"], "test")).values()
    assert train.labels("label") == ["Good", "good", "bad"]
    assert "differ only in upper and lower case ('Good', 'good') stay different" in train.note
    assert "('bad', 'BAD')" in test.note
    assert settled(split(["Stra\u00dfe", "STRASSE"]))["train"].note != ""
    assert settled(split(["good", "bad"]), split(["good"], "test"))["test"].note == ""


def test_the_classes_of_a_trained_model_stand_for_train() -> None:
    hidden = settled(split([-1, -1], "test"), learnt=["0", "1"])["test"]
    assert not hidden.labelled
    assert settled(split([-1, -1], "test"), learnt=["-1", "1"])["test"].labelled
    booleans = settled(split([True], "test"), learnt=["0", "1"])["test"]
    assert booleans.labels("label") == ["1"]


def load(
    folder: Path, fields: list[str], target: str, **splits: list[dict[str, Any]]
) -> dict[str, Split]:
    for name, rows in splits.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = DataConfig(format="jsonl", files={name: name for name in splits})
    label_field = "" if target == "target" else target
    return load_splits(
        config, data_dir=folder, fields=fields, label_field=label_field, target_field=target
    )


LABELLED = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(4)]
TAGGED = [{"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]}] * 3
PAIRED = [{"source": "one", "target": "two"}] * 3


@pytest.mark.parametrize(
    ("fields", "target", "rows", "bare"),
    [
        (["text", "label"], "label", LABELLED, {"text": "new"}),
        (["tokens", "tags"], "tags", TAGGED, {"tokens": ["new"]}),
        (["source", "target"], "target", PAIRED, {"source": "new"}),
    ],
)
def test_a_test_split_may_lack_the_column_of_answers(
    tmp_path: Path, fields: list[str], target: str, rows: list[dict[str, Any]], bare: dict[str, Any]
) -> None:
    splits = load(tmp_path, fields, target, train=rows, validation=rows, test=[bare] * 2)
    assert splits["train"].labelled
    assert not splits["test"].labelled
    assert splits["test"].note == f"no column {target!r} (it has {fields[0]}), so it is not scored"
    for name in ("train", "validation"):
        given = {"train": rows, "validation": rows} | {name: [bare, bare]}
        with pytest.raises(UserError, match=f"the {name} split has no column '{target}'"):
            load(tmp_path, fields, target, **given)


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_a_test_split_without_any_target_text_is_not_scored(
    tmp_path: Path, empty: str | None
) -> None:
    bare: list[dict[str, Any]] = [{"source": "new", "target": empty}] * 2
    splits = load(tmp_path, ["source", "target"], "target", train=PAIRED, test=bare)
    assert not splits["test"].labelled
    assert splits["test"].note == "every 'target' is empty, so it is not scored"
    some = [*bare, {"source": "new", "target": "neu"}]
    assert load(tmp_path, ["source", "target"], "target", train=PAIRED, test=some)["test"].labelled


def test_tags_that_are_all_minus_one_are_hidden(tmp_path: Path) -> None:
    numbered = [{"tokens": ["Ann", "left"], "tags": [1, 0]}] * 3
    hidden = [{"tokens": ["Ann", "left"], "tags": [-1, -1]}] * 2
    splits = load(tmp_path, ["tokens", "tags"], "tags", train=numbered, test=hidden)
    assert not splits["test"].labelled


@pytest.mark.parametrize("spelling", ["-1", "?", "unknown", "Hidden"])
def test_one_placeholder_for_all_labels_hides_them(spelling: str) -> None:
    train, test = split(["for", "against"]), split([spelling] * 3, "test")
    assert not (hidden := settled(train, test)["test"]).labelled
    assert "in all 3 rows), so it is not scored" in hidden.note
    assert settled(train, split([spelling, "for"], "test"))["test"].labelled
    assert settled(split(["for", spelling]), test)["test"].labelled


@pytest.mark.parametrize("tag", ["_", "-", "?"])
def test_one_placeholder_for_all_tags_hides_them(tmp_path: Path, tag: str) -> None:
    train = [{"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]}] * 3
    test = [{"tokens": ["Ann", "left"], "tags": [tag, tag]}] * 2
    splits = load(tmp_path, ["tokens", "tags"], "tags", train=train, test=test)
    assert not splits["test"].labelled
    assert f"hidden ({tag!r} in all 2 rows)" in splits["test"].note


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", "a|b"],
        ["a;b", "b; c", "c;a"],
        ["late,rude", "rude", "late", "fine"],
        ["a", "a|b", "a|b|c"],
    ],
)
def test_labels_that_are_joined_are_several(labels: list[str]) -> None:
    with pytest.raises(UserError, match=r'several labels a text.* task = "multilabel"'):
        settled(split(labels))
    assert settled(split(labels), known=labels)["train"].labels("label") == labels


@pytest.mark.parametrize(
    "labels",
    [["Korea, North", "Korea, South", "Peru"], ["a|", "a"], ["a|b", "c"], ["yes/no", "yes", "no"]],
)
def test_classes_with_a_separator_in_their_names(labels: list[str]) -> None:
    assert settled(split(labels))["train"].labels("label") == labels


def test_a_column_that_is_named_for_one_split_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "train").write_text('{"text": "a", "label": "x"}\n')
    (tmp_path / "test").write_text('{"text": "a"}\n')
    config = DataConfig(
        format="jsonl",
        files={"train": "train", "test": "test"},
        columns={"test.label": "categry"},
    )
    with pytest.raises(UserError, match="the test split has no column 'categry'"):
        load_splits(config, data_dir=tmp_path, fields=["text", "label"], label_field="label")


@pytest.mark.parametrize(
    ("format", "fields", "full", "bare", "said"),
    [
        ("conll", ["tokens", "tags"], "Ann B-PER\nleft O\n", "Eve\nran\n", "one word alone"),
        ("parallel", ["source", "target"], "one\n", "new\n", "this is the source alone"),
        ("seq_in_out", ["tokens", "tags"], "O\n", "new\n", "these are the tokens alone"),
    ],
)
def test_a_test_file_may_lack_the_answers(
    tmp_path: Path, format: str, fields: list[str], full: str, bare: str, said: str
) -> None:
    (tmp_path / "full").write_text(full)
    (tmp_path / "bare").write_text(bare)
    complete = "full, full" if format != "conll" else "full"

    def loaded(**files: str) -> dict[str, Split]:
        config = DataConfig.model_validate({"files": files, "format": format})
        label = fields[1] if fields[1] == "tags" else ""
        return load_splits(
            config, data_dir=tmp_path, fields=fields, label_field=label, target_field=fields[1]
        )

    splits = loaded(train=complete, test="bare")
    assert splits["train"].labelled
    assert not splits["test"].labelled
    assert f"no column {fields[1]!r}" in splits["test"].note
    for name in ("train", "validation"):
        with pytest.raises(UserError, match=f"{name} split has no column .*{said}"):
            loaded(**{"train": complete, name: "bare"})
