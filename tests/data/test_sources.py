import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from datasets import Dataset

from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig


def config(**options: object) -> DataConfig:
    return DataConfig.model_validate(options)


def load(folder: Path, fields: tuple[str, ...] = ("text",), **options: object) -> dict[str, Split]:
    return load_splits(config(**options), data_dir=folder, fields=fields)


# Location of files


def test_gz_and_subfolders_are_found_automatically(tmp_path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "train.txt.gz").write_bytes(gzip.compress(b"a\n"))
    (tmp_path / "test.txt").write_text("plain\n")
    (tmp_path / "test.txt.gz").write_bytes(gzip.compress(b"compressed\n"))
    splits = load(tmp_path, files={"train": "train.txt", "test": "test.txt"})
    assert list(splits) == ["train", "test"]
    assert list(splits["train"].column("text")) == ["a"]
    assert splits["train"].origin == str(tmp_path / "deep" / "er" / "train.txt.gz")
    assert list(splits["test"].column("text")) == ["plain"]
    assert load(tmp_path, files={"train": "er/train.txt"})["train"].origin.endswith(
        "er/train.txt.gz"
    )


def test_a_name_in_two_subfolders_is_ambiguous(tmp_path) -> None:
    for name in ["one", "two"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.txt").write_text("a\n")
    with pytest.raises(UserError, match=r"one/train\.txt and two/train\.txt"):
        load(tmp_path, files={"train": "train.txt"})
    assert load(tmp_path, files={"train": "two/train.txt"})["train"].origin.endswith(
        "two/train.txt"
    )


def test_missing_files(tmp_path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}: no file train.txt or train.txt.gz"):
        load(tmp_path, files={"train": "train.txt"})
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "absent", files={"train": "train.txt"})
    with pytest.raises(UserError, match="names no local files"):
        load(tmp_path)


# Columns, fingerprints, hold-outs


def test_columns_are_renamed(tmp_path) -> None:
    (tmp_path / "t.jsonl").write_text('{"body": "long", "source": "mail", "subject": "short"}\n')
    columns = {"source": "body", "target": "subject"}
    files = {"train": "t.jsonl"}
    split = load(tmp_path, ("source", "target"), format="jsonl", files=files, columns=columns)[
        "train"
    ]
    assert list(split.column("source")) == ["long"]
    assert list(split.column("target")) == ["short"]
    with pytest.raises(
        UserError, match="train split has no column 'text', it has body, source, subject"
    ):
        load(tmp_path, format="jsonl", files=files)
    with pytest.raises(UserError, match="no column 'x'"):
        split.column("x")


def test_a_mapping_for_the_hub_does_not_hinder_local_files(tmp_path) -> None:
    (tmp_path / "train.txt").write_text("a\n")
    split = load(tmp_path, files={"train": "train.txt"}, hub_columns={"text": "sentence"})["train"]
    assert list(split.column("text")) == ["a"]


def test_nested_columns(tmp_path) -> None:
    (tmp_path / "t.jsonl").write_text('{"translation": {"en": "a", "de": "b"}}\n')
    columns = {"source": "translation.en", "target": "translation.de"}
    split = load(
        tmp_path, ("source", "target"), format="jsonl", files={"train": "t.jsonl"}, columns=columns
    )["train"]
    assert [list(split.column(name)) for name in ("source", "target")] == [["a"], ["b"]]


def test_fingerprints_follow_the_content_alone() -> None:
    texts = [f"text {n}" for n in range(2500)]
    one = Split("train", Dataset.from_dict({"text": texts}), "here")
    two = Split(
        "test", Dataset.from_dict({"text": ["first", *texts]}).select(range(1, 2501)), "there"
    )
    other = Split("train", Dataset.from_dict({"text": [*texts[:-1], "x"]}), "here")
    renamed = Split("train", Dataset.from_dict({"body": texts}), "here")
    assert len(one) == 2500
    assert one.fingerprint == two.fingerprint
    assert len({one.fingerprint, other.fingerprint, renamed.fingerprint}) == 3
    assert len(one.fingerprint) == 64


def test_shares_are_exact_decimals(tmp_path) -> None:
    (tmp_path / "all.txt").write_text("".join(f"{n}\n" for n in range(10)))
    splits = load(tmp_path, files={"train": "all.txt"}, hold_out={"validation": 0.6, "test": 0.3})
    assert [len(split) for split in splits.values()] == [
        1,
        6,
        3,
    ]  # with floats, train would be empty


def test_hold_out_from_the_end(tmp_path) -> None:
    (tmp_path / "all.txt").write_text("".join(f"{n}\n" for n in range(25)))
    shares = {"validation": 0.1, "test": 0.2}
    splits = load(tmp_path, files={"train": "all.txt"}, hold_out=shares, hold_out_by="end")
    assert {name: list(map(int, split.column("text"))) for name, split in splits.items()} == {
        "train": list(range(17)),
        "validation": list(range(17, 20)),
        "test": list(range(20, 25)),
    }
    assert (
        splits["test"].note
        == "5 of the 25 examples of train, cut from its end in order, not drawn at random"
    )


def test_hold_out_of_characters(tmp_path) -> None:
    text = "".join(chr(97 + n % 26) for n in range(1_115_394))
    (tmp_path / "input.txt").write_text(text)
    splits = load(
        tmp_path, format="text", files={"train": "input.txt"}, hold_out={"validation": 0.1}
    )
    (train,), (validation,) = splits["train"].column("text"), splits["validation"].column("text")
    assert (len(train), len(validation)) == (1_003_854, 111_540)  # as Tiny Shakespeare is cut
    assert train + validation == text


@pytest.mark.parametrize(
    ("hold_out", "message"),
    [
        ({"train": 0.1}, "split train exists already"),
        ({"a": 0.5, "b": 0.5}, "add up to 1, train would be empty"),
        ({"test": 0.0}, "3 examples in .* leave none for test"),
        ({"validation": 0.99}, "3 examples in .* leave none for train"),
    ],
)
def test_impossible_hold_outs(tmp_path, hold_out, message) -> None:
    (tmp_path / "all.txt").write_text("a\nb\nc\n")
    with pytest.raises(UserError, match=message):
        load(tmp_path, files={"train": "all.txt"}, hold_out=hold_out)
    with pytest.raises(UserError, match="there is no train split"):
        load(tmp_path, files={"test": "all.txt"}, hold_out={"validation": 0.1})


# The built-in corpus and the Hub


@pytest.mark.parametrize(
    ("view", "fields"),
    [
        ("text", ("text",)),
        ("sentiment", ("text", "label")),
        ("entities", ("tokens", "tags")),
        ("translation", ("source", "target")),
        ("headline", ("source", "target")),
    ],
)
def test_the_built_in_corpus_is_one_corpus(view, fields) -> None:
    given_ = config(view=view, sizes={"train": 30, "validation": 5, "test": 5})
    splits = load_splits(given_, data_dir=None, fields=fields)
    again = load_splits(given_, data_dir=None, fields=fields)
    assert {name: len(split) for name, split in splits.items()} == given_.sizes
    for name, split in splits.items():
        assert split.fingerprint == again[name].fingerprint
        assert all(len(split.column(field)) == len(split) for field in fields)


def test_the_hub_without_network(monkeypatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    given_ = config(source="nobody/no-such-set", files={"train": "a.train", "test": "a.test"})
    with pytest.raises(
        UserError, match=r"--data-dir DIR, a folder with a\.train, a\.test \(lines\)"
    ) as caught:
        load_splits(given_, data_dir=None, fields=("text",))
    assert "nobody/no-such-set" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"set data\.files"):
        load_splits(config(source="nobody/no-such-set"), data_dir=None, fields=("text",))


def test_a_folder_is_read_like_a_hub_repository(tmp_path, monkeypatch) -> None:
    """For `datasets`, a folder is a data set like a repository of the Hub."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "sst"
    folder.mkdir()
    for name in ["train", "test"]:
        line = json.dumps({"sentence": f"{name} text", "label": 1})
        (folder / f"{name}.jsonl").write_text(line + "\n")
    given_ = config(source=str(folder), columns={"text": "sentence"})
    splits = load_splits(given_, data_dir=None, fields=("text", "label"))
    assert {name: list(split.column("text")) for name, split in splits.items()} == {
        "train": ["train text"],
        "test": ["test text"],
    }
    assert splits["train"].origin == str(folder)


# The benchmark sets


@pytest.fixture
def real() -> Path:
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {root}")
    return root


@pytest.mark.real
def test_real_counts(real) -> None:
    files = {"train": "ptb.train.txt", "test": "ptb.test.txt"}
    ptb = load(real / "lm" / "ptb", files=files, hold_out={"validation": 0})
    assert sum(len(text.split()) + 1 for text in ptb["train"].column("text")) == 929_589
    assert sum(len(text.split()) + 1 for text in ptb["test"].column("text")) == 82_430
    names = {"train": "eng.train", "validation": "eng.testa"}
    ner = load(real / "ner", ("tokens", "tags"), format="conll", files=names)
    assert [len(split) for split in ner.values()] == [14_041, 3_250]
    assert sum(map(len, ner["validation"].column("tokens"))) == 51_362
    files = {"train": "raw/train.en, raw/train.de"}
    pairs = load(
        real / "translation",
        ("source", "target"),
        format="parallel",
        files=files,
        hold_out={"validation": 0},
    )
    assert len(pairs["train"]) == 29_000
    mail = load(
        real / "summarization",
        ("source", "target"),
        format="jsonl",
        files={"train": "train.jsonl", "test": "test.jsonl"},
        columns={"source": "body", "target": "subject"},
        hold_out={"validation": 0},
    )
    assert [len(split) for split in mail.values()] == [14_436, 1_906]


@pytest.mark.real
def test_real_trees_agree_with_the_lines(real) -> None:
    fields = ("label", "text")
    trees = load(real / "sentiment" / "trees", fields, format="trees", files={"test": "test.txt"})[
        "test"
    ]
    files = {"test": "stsa.fine.test"}
    lines = load(real / "sentiment" / "sst5", fields, format="label_text", files=files)["test"]

    def pairs(split: Split) -> Counter:
        texts = (text.lower() for text in split.column("text"))
        return Counter(zip(split.column("label"), texts, strict=True))

    assert sum(map(len, trees.column("phrases"))) == 82_600
    assert {label for label, _ in pairs(trees)} == set("01234")
    assert sum((pairs(trees) - pairs(lines)).values()) == 0
