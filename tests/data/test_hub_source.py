"""Data sets and files of the Hub, from a cache without a network."""

from pathlib import Path
from typing import Any

import pytest

from nlpseq.data.hub_source import HubSource, parse_hub_source
from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("ag_news", HubSource("ag_news")),
        ("user/my.set-1", HubSource("user/my.set-1")),
        ("user/set@v1.0", HubSource("user/set", None, "v1.0")),
        ("user/set:en-de", HubSource("user/set", "en-de")),
        ("user/set:en@0a1b2c", HubSource("user/set", "en", "0a1b2c")),
        ("user/set@refs/convert/parquet", HubSource("user/set", None, "refs/convert/parquet")),
        ("hf://datasets/user/set", HubSource("user/set")),
        ("hf://datasets/user/set@v1", HubSource("user/set", None, "v1")),
        ("hf://datasets/user/set@v1/data/a.csv", HubSource("user/set", None, "v1", "data/a.csv")),
        (
            "hf://datasets/user/set@refs/pr/3/a.csv",
            HubSource("user/set", None, "refs/pr/3", "a.csv"),
        ),
        ("hf://datasets/user", None),
        ("hf://user/set", None),
        ("a/b/c", None),
        ("user/set@", None),
        ("", None),
    ],
)
def test_names_of_data_sets(text: str, source: HubSource | None) -> None:
    assert parse_hub_source(text) == source


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of the Hub's client with two revisions of a data set, and no network."""
    import datasets
    from huggingface_hub import constants

    home = tmp_path / "hub"
    folder = home / "datasets--user--set"
    for revision, commit, text in (("main", "a" * 40, "new"), ("v1", "b" * 40, "old")):
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / revision).write_text(commit)
        files = folder / "snapshots" / commit
        (files / "deep").mkdir(parents=True)
        (files / "train.csv").write_text(f'text,label\n"{text}, one",a\n{text} two,b\n')
        (files / "deep" / "test.jsonl").write_text(f'{{"text": "{text} three", "label": "a"}}\n')
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return home


def texts(**section: Any) -> dict[str, list[str]]:
    config = DataConfig.model_validate(section)
    splits = load_splits(config, data_dir=None, fields=("text", "label"))
    return {name: list(split.column("text")) for name, split in splits.items()}


def test_a_file_of_the_hub(cache: Path) -> None:
    address = "hf://datasets/user/set@v1/train.csv"
    assert texts(source=address) == {"train": ["old, one", "old two"]}
    assert texts(source="hf://datasets/user/set/train.csv") == {"train": ["new, one", "new two"]}
    assert texts(source="hf://datasets/user/set/train.csv", revision="v1") == {
        "train": ["old, one", "old two"]
    }
    assert texts(source=address, format="csv", header=True) == {"train": ["old, one", "old two"]}


def test_files_of_the_hub_by_split(cache: Path) -> None:
    files = {"train": "train.csv", "test": "deep/test.jsonl"}
    assert texts(source="hf://datasets/user/set@v1", files=files) == {
        "train": ["old, one", "old two"],
        "test": ["old three"],
    }


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"source": "hf://datasets/user/set/gone.csv"},
            "gone.csv could not be loaded from the Hub .it cannot be reached",
        ),
        ({"source": "hf://datasets/user/set@v2/train.csv"}, "could not be loaded from the Hub"),
        ({"source": "hf://datasets/user/other/train.csv"}, "could not be loaded from the Hub"),
        ({"source": "hf://models/user/set"}, "write hf://datasets/user/set"),
        (
            {"source": "user/other@v1"},
            "data.source='user/other@v1' could not be loaded from the Hub",
        ),
        (
            {"source": "user/set@v1", "revision": "v2"},
            "data.revision = 'v2': data.source = 'user/set@v1' says 'v1'",
        ),
        ({"source": "user/set:en", "name": "de"}, "data.name = 'de'"),
        (
            {"source": "hf://datasets/user/set/train.csv", "files": {"train": "a"}},
            "names a file, and so does data.files",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    cache: Path, section: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        texts(**section)
    assert "\n" not in str(caught.value)


def test_configuration_and_revision_reach_the_library(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    asked: list[Any] = []

    def load(name: str, config: str | None, *, revision: str | None) -> datasets.DatasetDict:
        asked.append((name, config, revision))
        return datasets.DatasetDict(
            train=datasets.Dataset.from_dict({"text": ["a"], "label": ["b"]})
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert texts(source="user/set:en@v1") == {"train": ["a"]}
    texts(source="user/set", name="de", revision="v2")
    texts(source="hf://datasets/user/set@v3")
    texts(source="user/set")
    assert asked == [
        ("user/set", "en", "v1"),
        ("user/set", "de", "v2"),
        ("user/set", None, "v3"),
        ("user/set", None, None),
    ]


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    import datasets

    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "label": ["x", "y"]})
    rows.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict(train=rows, test=rows).save_to_disk(str(tmp_path / "two"))
    assert texts(source=str(tmp_path / "one")) == {"train": ["a", "b"]}
    assert texts(source=str(tmp_path / "two")) == {"train": ["a", "b"], "test": ["a", "b"]}
