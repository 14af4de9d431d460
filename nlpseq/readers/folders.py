"""Splits of a folder, by the names of its files and folders."""

import re
from pathlib import Path

from nlpseq.readers.arrow_files import DATASET_DICT, STATE
from nlpseq.readers.compression import inner_name

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "val", "dev", "devel", "development", "testa"),
    "test": ("test", "testing", "tst", "testb", "eval"),
}
"""Words in names of files that stand for a split."""
SHARD = re.compile(r"(?<=[-_.])[0-9]{2,}(-of-[0-9]{2,})?(?=\.)")
"""The number of a file of several: `train-00000-of-00003.parquet`."""
_SIDES = ("seq.in", "seq.out")
_IGNORED = ("readme", "license", "licence", "dataset_info", "dataset_infos")


def detect_splits(folder: Path) -> dict[str, str]:
    """Return the file, or the files with `*`, of each split in a folder; {} if no name says a split.

    `data` folders of repositories of the Hub, folders of `DatasetDict.save_to_disk` and a folder for each split
    are also understood.

    Args:
        folder: of the files.
    """
    if (folder / STATE).is_file() and not (folder / DATASET_DICT).is_file():
        return {"train": "."}
    splits: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.stem.lower() in _IGNORED:
            continue
        if split := split_of_name(path):
            splits.setdefault(split, []).extend(_files_of(path))
    if not splits and (folder / "data").is_dir():
        below = detect_splits(folder / "data")
        return {split: f"data/{name}" for split, name in below.items()}
    return {name: _as_one(splits[name]) for name in SPLITS if splits.get(name)}


def split_of_name(path: Path) -> str:
    """Return the split that a name says: `validation` for `my-dev.csv`; '' if it says none."""
    words = re.split(r"[^a-z]+", inner_name(path).lower())
    for split, names in SPLITS.items():
        if any(word in names for word in words):
            return split
    return ""


def _files_of(path: Path) -> list[str]:
    """Return what `data.files` names for a file or folder of a split."""
    if path.is_dir() and all((path / side).is_file() for side in _SIDES):
        return [", ".join(f"{path.name}/{side}" for side in _SIDES)]
    return [path.name]


def _as_one(names: list[str]) -> str:
    """Return several names as one: numbered files with `*`, others with commas between them."""
    patterns = {SHARD.sub("*", name) for name in names}
    if len(names) > 1 and len(patterns) == 1 and "*" in next(iter(patterns)):
        return patterns.pop()
    return ", ".join(names)
