"""Labels of people's files: missing, hidden, in lists, and one class in two spellings."""

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from nlpseq.data.labels import label_text
from nlpseq.data.missing_labels import settle_labels
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig

NAMES = Features({"text": Value("string"), "label": ClassLabel(names=["off", "on"])})


def split(labels: list[Any], name: str = "train", features: Features | None = None) -> Split:
    rows = {"text": [f"text {n}" for n in range(len(labels))], "label": labels}
    return Split(name, Dataset.from_dict(rows, features=features), f"{name}.csv")


def settled(*splits: Split, skip: bool = False, known: tuple[str, ...] = ()) -> dict[str, Split]:
    given = {each.name: each for each in splits}
    return settle_labels(given, "label", skip=skip, known=known)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        ("1.00", "1"),
        ("-2.0", "-2"),
        (0.5, "0.5"),
        ("1.05", "1.05"),
        (" late ", "late"),
        ("cafe\u0301", "caf\u00e9"),
        (True, "True"),
        ("v1.0", "v1.0"),
    ],
)
def test_one_spelling_for_each_class(value: Any, expected: str) -> None:
    assert label_text(value) == expected


@pytest.mark.parametrize("missing", ["", "  ", "NaN", "nan", "null", None])
def test_a_missing_label_names_its_row(missing: str | None) -> None:
    given = split(["a", "b", missing, "a"])
    with pytest.raises(
        UserError, match=r"train\.csv: row 3 of the train split has no 'label'.*skip"
    ):
        settled(given)
    kept = settled(given, skip=True)["train"]
    assert kept.labels("label") == ["a", "b", "a"]
    assert kept.note == "1 of 4 rows left out, which have no label"


def test_a_nan_among_numbers_is_missing() -> None:
    with pytest.raises(UserError, match="row 2 of the train split"):
        settled(split([1.0, float("nan"), 2.0]))
    assert settled(split([1.0, None, 2.0]), skip=True)["train"].labels("label") == ["1", "2"]


def test_a_label_that_is_called_null_can_be_named() -> None:
    given = split(["null", "other"])
    assert settled(given, known=("null", "other"))["train"].labels("label", ["null"]) == [
        "null",
        "other",
    ]


def test_hidden_labels_of_a_test_split() -> None:
    train = split([0, 1, 1], features=NAMES)
    hidden = settled(train, split([-1, -1], "test", NAMES))["test"]
    assert not hidden.labelled
    assert hidden.note == "its labels are hidden (-1 or missing in all 2 rows), so it is not scored"
    assert not settled(train, split(["", ""], "test"))["test"].labelled
    assert not settled(split([0, 1]), split([-1, -1], "test"))["test"].labelled
    signed = settled(split([-1, 0, 1]), split([-1, -1], "test"))["test"]
    assert signed.labelled  # -1 is a class of train
    with pytest.raises(UserError, match="row 2 of the test split has no 'label'"):
        settled(train, split([0, -1], "test", NAMES))
    with pytest.raises(UserError, match="row 1 of the train split"):
        settled(split([-1, -1], features=NAMES))
    with pytest.raises(
        UserError, match="the validation split has no 'label', every one is missing"
    ):
        settled(train, split([-1], "validation", NAMES))


@pytest.mark.parametrize(
    "labels", [[["a"], ["b", "c"]], [{"main": "a"}, {"main": "b"}], ["['a', 'b']", "['c']"]]
)
def test_a_list_is_no_label(labels: list[Any]) -> None:
    with pytest.raises(UserError, match=r"column 'label' of the train split holds .* one label"):
        settled(split(labels))


def tagged(
    folder: Path, *rows: Any, features: Features | None = None, **options: Any
) -> dict[str, Split]:
    if features is None:
        lines = [json.dumps({"tokens": words, "tags": tags}) for words, tags in rows]
        (folder / "t.jsonl").write_text("\n".join(lines))
    else:
        columns = {"tokens": [row[0] for row in rows], "tags": [row[1] for row in rows]}
        Dataset.from_dict(columns, features=features).to_parquet(folder / "t.jsonl")
    config = DataConfig(
        files={"test": "t.jsonl"}, format="parquet" if features else "jsonl", **options
    )
    return load_splits(config, data_dir=folder, fields=["tokens", "tags"], label_field="tags")


def test_missing_tags(tmp_path: Path) -> None:
    good, bad = (["Ann", "left"], ["B-PER", "O"]), (["Ann", "left"], ["B-PER", None])
    with pytest.raises(UserError, match="row 2 of the test split has no 'tags'"):
        tagged(tmp_path, good, bad)
    kept = tagged(tmp_path, good, bad, missing_labels="skip")["test"]
    assert len(kept) == 1
    assert not tagged(tmp_path, (["Ann"], []), (["Bob"], []))["test"].labelled
    with pytest.raises(UserError, match="not a list with one tag for each token"):
        tagged(tmp_path, (["Ann"], [["B-PER"]]), (["Bob"], [["O"]]))
    names = ClassLabel(names=["O", "B-PER"])
    features = Features({"tokens": List(Value("string")), "tags": List(names)})
    hidden = tagged(tmp_path, (["Ann", "left"], [-1, -1]), features=features)["test"]
    assert not hidden.labelled


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"lable": "stars"},
            r"data.columns.lable: the task has no field 'lable'.*did you mean 'label'",
        ),
        ({"label": "starz"}, r"train split has no column 'starz', it has text, label, stars"),
        ({"tset.label": "stars"}, r"data.columns.tset.label: the data have no split 'tset'"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    (tmp_path / "t.csv").write_text("text,label,stars\na,x,1\nb,y,2\n")
    files = {"train": "t.csv", "test": "t.csv"}

    def load(columns: dict[str, str]) -> dict[str, Split]:
        config = DataConfig(format="csv", files=files, columns=columns)
        return load_splits(config, data_dir=tmp_path, fields=["text", "label"], label_field="label")

    with pytest.raises(UserError, match=message):
        load(columns)
    splits = load({"test.label": "stars"})  # of one split only
    assert [splits[name].labels("label") for name in splits] == [["x", "y"], ["1", "2"]]


def test_files_of_columns_without_names_take_no_other_column(tmp_path: Path) -> None:
    (tmp_path / "t.conll").write_text("Ann NNP B-PER\nleft VBD O\n")
    config = DataConfig(format="conll", files={"train": "t.conll"}, columns={"tags": "pos"})
    with pytest.raises(UserError, match="no column 'pos', it has tokens, line"):
        load_splits(config, data_dir=tmp_path, fields=["tokens", "tags"], label_field="tags")


def test_a_recipe_that_names_files_never_reads_the_built_in_corpus() -> None:
    config = DataConfig(files={"train": "mine.csv"}, view="sentiment")
    with pytest.raises(UserError, match=r"names local files \(mine.csv\): give their folder"):
        load_splits(config, data_dir=None, fields=["text", "label"])


def test_a_format_of_an_unknown_split(tmp_path: Path) -> None:
    config = DataConfig(files={"train": "t.csv"}, formats={"tset": "csv"})
    with pytest.raises(UserError, match=r"data.formats.tset: data.files names train"):
        load_splits(config, data_dir=tmp_path, fields=["text"])


def test_missing_labels_of_a_task_without_labels(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a\n")
    config = DataConfig(files={"train": "t.txt"}, missing_labels="skip")
    with pytest.raises(UserError, match="data.missing_labels: this task has no labels"):
        load_splits(config, data_dir=tmp_path, fields=["text"])
