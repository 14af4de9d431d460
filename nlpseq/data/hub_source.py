"""Data sets of the Hub by name: `user/set`, `user/set:config@revision`, `hf://datasets/user/set@revision/file.csv`.

A file of the Hub is downloaded into the cache of the Hub's client, and read there as a local file is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DataConfig

SCHEME = "hf://"
_DATASETS = "hf://datasets/"
_REVISION = r"@(?P<revision>refs/(?:convert|pr)/[\w.-]+|[^/@:]+)"
_ID = re.compile(rf"(?P<id>[\w.-]+(?:/[\w.-]+)?)(?::(?P<name>[\w.-]+))?(?:{_REVISION})?")
_ADDRESS = re.compile(rf"(?P<id>[\w.-]+/[\w.-]+)(?:{_REVISION})?(?:/(?P<path>.*))?")


@dataclass(frozen=True)
class HubSource:
    """A data set of the Hub.

    Attributes:
        id: `user/set`.
        name: its configuration.
        revision: commit, branch or tag.
        path: a file in it; '': the data set as a whole.
    """

    id: str
    name: str | None = None
    revision: str | None = None
    path: str = ""


def parse_hub_source(text: str) -> HubSource | None:
    """Return the data set that a text names; None if it cannot be one.

    >>> parse_hub_source("user/set:en@v1.0")
    HubSource(id='user/set', name='en', revision='v1.0', path='')
    >>> parse_hub_source("hf://datasets/user/set@main/data/train.csv").path
    'data/train.csv'
    """
    if text.startswith(_DATASETS):
        match = _ADDRESS.fullmatch(text.removeprefix(_DATASETS))
        return match and HubSource(
            match["id"], None, match["revision"], (match["path"] or "").strip("/")
        )
    match = _ID.fullmatch(text)
    return match and HubSource(match["id"], match["name"], match["revision"])


def source_of(config: DataConfig) -> HubSource:
    """Return the data set that a recipe names.

    Raises:
        UserError: it is no address, or configuration or revision are given twice and differ.
    """
    source = parse_hub_source(config.source)
    if source is None and config.source.startswith(SCHEME):
        raise UserError(
            f"data.source = {config.source!r}: write hf://datasets/user/set, perhaps with @revision, and "
            "perhaps with a file, such as /train.csv"
        )
    source = source or HubSource(config.source)  # a folder, which `datasets` loads too
    for key in ("name", "revision"):
        said, given = getattr(source, key), getattr(config, key) or None
        if said is not None and given is not None and said != given:
            raise UserError(
                f"data.{key} = {given!r}: data.source = {config.source!r} says {said!r}; give one of them"
            )
    return HubSource(
        source.id,
        source.name or config.name or None,
        source.revision or config.revision or None,
        source.path,
    )


def names_files(config: DataConfig) -> bool:
    """Return whether a recipe names files of the Hub, and not a data set as a whole."""
    if not config.source.startswith(SCHEME):
        return False
    return bool(config.files) or bool(source_of(config).path)


def fetch_files(config: DataConfig) -> tuple[Path, DataConfig]:
    """Download the files of the Hub that a recipe names, unless they are in the cache.

    `data.source` is the address of one file, which becomes the train split, or of a data set, whose files are
    those of `data.files`.

    Returns:
        The folder of the files, and the section that reads them as local files.

    Raises:
        UserError: a file cannot be downloaded.
    """
    source = source_of(config)
    files = dict(config.files)
    if source.path and files:
        raise UserError(
            f"data.source = {config.source!r} names a file, and so does data.files; write the address of the "
            "data set alone, or leave data.files out"
        )
    files = files or {"train": source.path}
    folder = Path()
    for names in files.values():
        for name in (part.strip() for part in names.split(",")):
            file = _download(config, source, name)
            folder = file.parents[name.strip("/").count("/")]
    changes: dict[str, Any] = {"files": files}
    if "format" not in config.model_fields_set:
        changes["format"] = "auto"
    return folder, config.model_copy(update=changes)


def _download(config: DataConfig, source: HubSource, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    reachable = False
    try:
        with hub_if_reachable() as reachable:
            return Path(
                hf_hub_download(source.id, name, repo_type="dataset", revision=source.revision)
            )
    except Exception as error:  # the client has no common base class for its errors
        raise UserError(
            f"data.source={config.source!r}: {name} could not be loaded from the Hub "
            f"({_reason(error, reachable)})"
        ) from error


def load_hub(config: DataConfig, advice: str) -> dict[str, Split]:
    """Load a data set of the Hub, or of its cache; it stays memory-mapped and is not streamed.

    Args:
        config: the recipe's `data` section.
        advice: end of an error line.

    Raises:
        UserError: it cannot be loaded.
    """
    import datasets

    source = source_of(config)
    origin = "/".join(part for part in (source.id, source.name) if part)
    origin += f"@{source.revision}" if source.revision else ""
    reachable = False
    try:
        with hub_if_reachable() as reachable:
            splits: Mapping[Any, Any] = (
                _load_saved(Path(source.id))
                if _is_saved(Path(source.id))
                else datasets.load_dataset(source.id, source.name, revision=source.revision)
            )
    except Exception as error:  # many libraries raise here, without a common base class
        raise UserError(
            f"data.source={config.source!r} could not be loaded from the Hub "
            f"({_reason(error, reachable)}); {advice}"
        ) from error
    return {str(name): Split(str(name), rows, origin) for name, rows in splits.items()}


def _is_saved(folder: Path) -> bool:
    """Return whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def _load_saved(folder: Path) -> Mapping[Any, Any]:
    from datasets import Dataset, load_from_disk

    saved = load_from_disk(str(folder))
    return {"train": saved} if isinstance(saved, Dataset) else saved


def _reason(error: Exception, reachable: bool) -> str:
    return " ".join(str(error).split())[:200] if reachable else "it cannot be reached"
