"""Columns that become fields: swapped, joined, numbered, and columns of yes and no that become lists of labels."""

from pathlib import Path

import pytest

from nlpseq.data.sources import load_splits, read_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig


def load(folder: Path, content: str, fields: list[str], **options) -> Split:
    (folder / "t.csv").write_text(content, encoding="utf-8")
    values = {"format": "csv", "files": {"train": "t.csv"}, "hold_out": {"validation": 0}}
    config = DataConfig.model_validate(values | options)
    return load_splits(config, data_dir=folder, fields=fields)["train"]


def test_joined_columns(tmp_path) -> None:
    content = "title,body,label\nElm,an old tree,a\n,no title,b\nIris,,a\n"
    columns = {"text": ["title", "body"]}
    split = load(tmp_path, content, ["text", "label"], columns=columns)
    assert list(split.texts("text")) == ["Elm an old tree", "no title", "Iris"]
    assert split.name_of("text") == "title + body"
    with pytest.raises(UserError, match="no column 'head'"):
        load(tmp_path, content, ["text"], columns={"text": ["head", "body"]})


def test_a_joined_field_may_have_the_name_of_its_part(tmp_path) -> None:
    content = "title,text,label\nElm,an old tree,1\n"
    columns = {"text": ["title", "text"], "label": "label"}
    split = load(tmp_path, content, ["text", "label"], columns=columns)
    assert list(split.texts("text")) == ["Elm an old tree"]
    assert split.rows.column_names.count("text") == 1


def test_fields_that_swap_their_columns(tmp_path) -> None:
    columns = {"source": "target", "target": "source"}
    split = load(tmp_path, "source,target\nelm,ulm\n", ["source", "target"], columns=columns)
    assert list(split.texts("source")) == ["ulm"]
    assert list(split.texts("target")) == ["elm"]


def test_one_column_for_two_fields_is_refused(tmp_path) -> None:
    columns = {"source": "a", "target": "a"}
    with pytest.raises(UserError, match="target and source are both the column 'a'"):
        load(tmp_path, "a,b\nelm,ulm\n", ["source", "target"], columns=columns)


@pytest.mark.parametrize("columns", [{"text": 2, "label": -1}, {"text": "2", "label": "3"}])
@pytest.mark.parametrize("header", ["auto", False])
def test_columns_by_number(tmp_path, columns, header) -> None:
    content = "1,an elm,tree\n2,an iris,herb\n"
    split = load(tmp_path, content, ["text", "label"], columns=columns, header=header)
    assert list(split.texts("text")) == ["an elm", "an iris"]
    assert split.labels("label") == ["tree", "herb"]


def test_a_missing_column_comes_with_what_was_assumed(tmp_path) -> None:
    with pytest.raises(
        UserError, match=r"no column 'text', it has 1, 2.*data.header=true changes this"
    ):
        load(tmp_path, "an elm,tree\nan oak,tree\n", ["text", "label"])
    (tmp_path / "t.csv").write_text("Ana B-PER\n")
    with pytest.raises(UserError, match=r"any column by its number: data.columns=\{tags=2\}"):
        load(tmp_path, "Ana B-PER\n", ["tokens", "tags"], columns={"tags": "ner"}, format="conll")


def test_columns_of_yes_and_no_are_lists_of_labels(tmp_path) -> None:
    content = "text,old,tall\nelm,1,1\nfir,0,True\niris,0,0\n"
    columns = {"labels": ["old", "tall"]}
    split = load(tmp_path, content, ["text", "labels"], columns=columns)
    assert list(split.column("labels")) == [["old", "tall"], ["tall"], []]
    with pytest.raises(
        UserError, match=r"row 2 of the train split has '7' in column 'old'.*1 or 0"
    ):
        load(tmp_path, "text,old,tall\nelm,1,1\nfir,7,1\n", ["text", "labels"], columns=columns)


def test_splits_as_they_are_in_the_file(tmp_path) -> None:
    (tmp_path / "t.csv").write_text("a;b\nelm;1\n")
    config = DataConfig(format="auto", files={"train": "t.csv"}, columns={"text": "a"})
    split = read_splits(config, tmp_path)["train"]
    assert split.rows.to_dict() == {"a": ["elm"], "b": ["1"]}
    assert "delimiter semicolon" in split.note


def test_options_that_no_reader_follows(tmp_path) -> None:
    with pytest.raises(
        UserError, match="data.delimiter = ';': data.format=jsonl has no such option"
    ):
        load(tmp_path, "{}", ["text"], format="jsonl", delimiter=";")
