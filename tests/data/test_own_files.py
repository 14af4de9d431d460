"""Files as users name them become a section of a recipe."""

from pathlib import Path

import pytest
from own_tables import tickets, write_csv

from nlpseq.data.own_files import default_name, describe_files
from nlpseq.errors import UserError


def test_one_file_is_train_with_its_format(tmp_path: Path) -> None:
    own = describe_files([write_csv(tmp_path / "tickets.csv", tickets(30), delimiter=";")])
    assert own.folder == tmp_path
    assert own.section["files"] == {"train": "tickets.csv"}
    assert (own.section["format"], own.section["delimiter"]) == ("csv", "semicolon")
    assert own.name == "tickets"
    assert "data.delimiter" in own.lines[0]


def test_files_of_splits_in_two_folders_have_a_common_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    train = write_csv(tmp_path / "a" / "train.csv", tickets(30))
    test = write_csv(tmp_path / "b" / "gold.csv", tickets(30), delimiter="|")
    own = describe_files([train], {"test": test})
    assert own.folder == tmp_path
    assert own.section["files"] == {"train": "a/train.csv", "test": "b/gold.csv"}
    assert "delimiter" not in own.section  # they differ, so each file is looked at
    assert own.name == "a"


def test_a_folder_whose_files_are_named_as_splits(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        write_csv(tmp_path / f"{name}.csv", tickets(20))
    own = describe_files([tmp_path])
    assert own.section["files"] == {
        "train": "train.csv",
        "validation": "dev.csv",
        "test": "test.csv",
    }
    assert len(own.lines) == 1  # the same of all three


def test_several_files_are_told_apart_by_their_names(tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"my_{name}.csv", tickets(20)) for name in ("dev", "train")]
    assert set(describe_files(paths).section["files"]) == {"train", "validation"}


def test_two_files_of_lines_are_parallel_text(tmp_path: Path) -> None:
    for suffix in ("en", "de"):
        lines = (f"sentence {n} in {suffix}\n" for n in range(20))
        (tmp_path / f"all.{suffix}").write_text("".join(lines), encoding="utf-8")
    own = describe_files([tmp_path / "all.en", tmp_path / "all.de"])
    assert own.section["format"] == "parallel"
    assert own.section["files"] == {"train": "all.en, all.de"}
    assert own.fields == {"source": "source", "target": "target"}


def test_two_formats_of_one_split_are_a_doubt(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", tickets(20))
    (tmp_path / "train.jsonl").write_text('{"text": "a b c", "label": "x"}\n' * 20)
    with pytest.raises(UserError, match=r"train.csv and train.jsonl are named as one split"):
        describe_files([tmp_path])


def test_a_folder_without_train_says_what_it_has(tmp_path: Path) -> None:
    write_csv(tmp_path / "gold-dev.csv", tickets(20))
    with pytest.raises(UserError, match="no file is named train.*gold-dev.csv"):
        describe_files([tmp_path])


def test_files_beside_train_are_named_but_not_read(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write_csv(tmp_path / f"{name}.csv", tickets(20))
    own = describe_files([tmp_path / "train.csv"])
    assert own.section["files"] == {"train": "train.csv"}
    assert f"--test {tmp_path / 'test.csv'}" in own.lines[-1]


def test_what_is_no_path_may_be_an_id_of_the_hub() -> None:
    own = describe_files(["user/reviews"])
    assert own.section == {"source": "user/reviews"}
    assert (own.folder, own.name) == (None, "reviews")
    for missing in ("tickets.csv", "a/b/c", "two words"):
        with pytest.raises(UserError, match="no such file"):
            describe_files([missing])


def test_the_user_s_keys_are_taken(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "t.csv", tickets(30), header=False)
    own = describe_files([file], given={"header": True})
    assert own.section["header"] is True


def test_names_of_runs(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    train = write_csv(tmp_path / "reviews" / "train.csv", tickets(20))
    assert default_name(train) == "reviews"
    assert default_name(tmp_path / "reviews") == "reviews"
    assert default_name("user/set") == "set"
