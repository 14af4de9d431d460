"""Files of the user: which split each is, the format of each, and the recipe's `[data]` section that reads them."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.readers.detect import Detected, detect, detect_splits
from nlpseq.readers.folders import split_of_name

_FILE_NAME = re.compile(r"[\\/]|\.\w{1,8}$")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_LINES = ("lines", "text")


@dataclass(frozen=True)
class OwnFiles:
    """Files, or a data set of the Hub, as a recipe names them.

    Attributes:
        section: keys of the recipe's `[data]` section.
        folder: of the files; None for a data set of the Hub.
        lines: what was assumed, and how to change it.
        fields: column for a field, where the format says so.
        name: short name, for the run directory.
    """

    section: Mapping[str, Any]
    folder: Path | None
    lines: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    name: str = "data"


def describe_files(
    paths: Sequence[str | Path],
    splits: Mapping[str, str | Path] | None = None,
    given: Mapping[str, Any] | None = None,
    *,
    named: bool = False,
) -> OwnFiles:
    """Return how a recipe reads files.

    Args:
        paths: one file; a folder with files of splits; two files of parallel text; several files whose names
            are those of splits; or the id of a data set of the Hub.
        splits: further files by split: `{"test": "test.csv"}`; two of parallel text with a comma between.
        given: keys of `[data]` that the user sets.
        named: the user names columns, so that guesses at columns are not reported.

    Raises:
        UserError: there is no such file, or it is not clear which file is which split.
    """
    if not paths:
        raise UserError("name a file, for instance `tickets.csv`")
    first = Path(paths[0])
    if not first.exists():
        return _hub_data(str(paths[0]), splits or {})
    files = _files_of_splits([Path(path) for path in paths])
    for name, value in (splits or {}).items():
        if name in files:
            raise UserError(
                f"--{name} {value}: {paths[0]} has a {name} split already, {files[name][0]}"
            )
        files[name] = [Path(part.strip()) for part in str(value).split(",")]
    for path in (path for group in files.values() for path in group):
        if not _examples(path):
            raise UserError(f"{path}: no such file")
    return _section(files, first, given or {}, named=named)


def check_paths(paths: Sequence[str | Path]) -> None:
    """Refuse texts in the place of paths: strings with spaces, none of which is a file or looks like its name.

    Raises:
        UserError: the line says how texts are given.
    """
    names = [str(path) for path in paths if isinstance(path, str)]
    fewest = 1 if len(names) > 1 else 3  # spaces, as a single path may have one
    if len(names) < len(paths) or not any(name.strip().count(" ") >= fewest for name in names):
        return
    if any(_FILE_NAME.search(name) or _exists(name) for name in names):
        return
    raise UserError(
        f"{names[0]!r:.60}: no such file or folder; texts are given as columns, "
        'nlpseq.train({"text": [...], "label": [...]}), and files by their paths'
    )


def _exists(name: str) -> bool:
    try:
        return bool(_examples(Path(name)))
    except (OSError, ValueError):  # longer than a name may be, or with a null character
        return False


def _hub_data(name: str, splits: Mapping[str, Any]) -> OwnFiles:
    if Path(name).suffix or not _HUB_ID.fullmatch(name) or splits:
        raise UserError(f"{name}: no such file or folder")
    line = f"{name}: no file or folder, so a data set of the Hub (data.source, data.name, data.revision)"
    return OwnFiles({"source": name}, None, (line,), name=name.rpartition("/")[2])


def _files_of_splits(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the files of each split."""
    if len(paths) == 1 and paths[0].is_dir():
        splits = {
            name: [paths[0] / file.strip() for file in files.split(",")]
            for name, files in detect_splits(paths[0]).items()
        }
        if "train" not in splits:
            names = ", ".join(sorted(path.name for path in paths[0].iterdir())[:8]) or "nothing"
            raise UserError(
                f"{paths[0]}: no file is named train, so it is not clear what to learn from; it has {names}; "
                "name the file, and others with --validation and --test"
            )
        return splits
    if len(paths) == 1:
        return {"train": list(paths)}
    named = {split_of_name(path): [path] for path in paths}
    if len(named) == len(paths) and "" not in named and "train" in named:
        return named
    if len(paths) == 2:
        return {"train": list(paths)}  # parallel text
    raise UserError(
        f"{', '.join(path.name for path in paths)}: which is which? Give one file to learn from, "
        "and others with --validation and --test"
    )


def _examples(path: Path) -> list[Path]:
    """Return the file of a path, or the files of a pattern such as `train-*.parquet`."""
    if "*" in path.name:
        return sorted(path.parent.glob(path.name))
    return [path] if path.exists() else []


def _section(
    files: Mapping[str, Sequence[Path]], first: Path, given: Mapping[str, Any], *, named: bool
) -> OwnFiles:
    """Detect the formats, and return the section."""
    folder = _common_folder([path for group in files.values() for path in group])
    detected = {
        name: [detect(_examples(path)[0], **given) for path in group]
        for name, group in files.items()
    }
    names = {
        name: ", ".join(os.path.relpath(path.absolute(), folder) for path in group)
        for name, group in files.items()
    }
    formats = {name: _format(files[name], group) for name, group in detected.items()}
    main = formats["train"]
    options = [part.options for group in detected.values() for part in group]
    shared = {
        key: value
        for key, value in options[0].items()
        if all(other.get(key) == value for other in options)
    }
    others = {name: format for name, format in formats.items() if format != main}
    section = {"files": names, "format": main, **({"formats": others} if others else {}), **shared}
    lines = _lines(
        {name: [_line(part, named=named) for part in group] for name, group in detected.items()}
    )
    if main == "parallel":
        fields = {"source": "source", "target": "target"}
    else:
        fields = dict(detected["train"][0].fields)
        if main == "seq_in_out":
            fields = {"tokens": "tokens", "tags": "tags"}
    return OwnFiles(
        section | dict(given), folder, (*lines, *_unread(files, first)), fields, _name(first)
    )


def _line(detected: Detected, *, named: bool) -> str:
    """Return what was found in a file, without guesses at columns that the user names."""
    return "; ".join(note for note in detected.notes if not (named and "data.columns" in note))


def _lines(by_split: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what was found for each split, in one line where it is the same."""
    different = {line for group in by_split.values() for line in group}
    if len(different) == 1:
        return (f"{', '.join(by_split)}: {different.pop()}",)
    return tuple(f"{name}: {line}" for name, group in by_split.items() for line in group)


def _format(paths: Sequence[Path], detected: Sequence[Detected]) -> str:
    if len(paths) == 1:
        return detected[0].format
    names = [path.name for path in paths]
    if {"seq.in", "seq.out"} == set(names):
        return "seq_in_out"
    if len(paths) > 3 or any(part.format not in _LINES for part in detected):
        raise UserError(
            f"{paths[0].parent}: {' and '.join(names)} are named as one split; name the files, for instance "
            f"`nlpseq train {paths[0]}` with --validation and --test (only files of lines are parallel text; "
            f"these are {', '.join(part.format for part in detected)})"
        )
    return "parallel"


def _common_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _unread(files: Mapping[str, Sequence[Path]], first: Path) -> list[str]:
    """Name files beside a single train file that look like its other splits."""
    if set(files) != {"train"} or first.is_dir() or split_of_name(first) != "train":
        return []
    beside = {
        split_of_name(path): path
        for path in sorted(first.parent.iterdir())
        if path.suffix == first.suffix and split_of_name(path) not in ("", "train")
    }
    options = " ".join(f"--{name} {path}" for name, path in beside.items())
    return (
        [f"files of other splits beside it are not read; with them: {options}"] if options else []
    )


def default_name(path: str | Path) -> str:
    """Return the short name of data by the path that names them first."""
    return _name(Path(path)) if Path(path).exists() else str(path).rpartition("/")[2]


def _name(path: Path) -> str:
    """Return a short name: `tickets` of `tickets.csv.gz`, the folder's of `reviews/train.csv`."""
    path = path.absolute()
    stem = path.name if path.is_dir() else path.name.partition(".")[0]
    if not path.is_dir() and split_of_name(path) and len(stem) <= len("validation"):
        stem = path.parent.name
    return re.sub(r"[^\w-]+", "-", stem).strip("-") or "data"
