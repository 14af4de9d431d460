"""The run directory: check that it may be written, then claim it without losing an earlier run.

It is checked before the data are read, and claimed only when training can start. A run that fails before
leaves every folder unchanged, including an earlier run that `--overwrite` would replace.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.files import check_writable, disk, existing_parent, write_json, write_text

RECIPE, DATA, METRICS = "recipe.toml", "data.json", "metrics.json"
BASELINES = "baselines"
"""Folder with the records of each baseline, `<name>/<split>.jsonl`."""
WRITTEN = (
    METRICS,
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "target",
    "history.jsonl",
    "checkpoints",
    "predictions",
    BASELINES,
    "evaluations",
    "plots",
    "inspection",
    DATA,
    RECIPE,
)
"""The files of a run, which overwriting deletes, the recipe last."""
TRAINED_ON = ("train", "validation")
_REQUIRED = ("splits", "seed", "seconds", "tokens_per_second", "steps", "parameters", "data")
_STARTED = {METRICS, DATA, "history.jsonl", "checkpoints"}
_INCOMPLETE = re.compile(r"\..+\.tmp-\d+")


@dataclass(frozen=True)
class DataRecord:
    """The data of a run, content of data.json.

    Attributes:
        fingerprints: of the content of each split.
        folder: of the local files, on the machine that trained; None for data of the Hub and built-in ones.
        files: names of the local files of each split.
        in_memory: of data in memory, the fingerprint of each split as it was given: before columns were renamed
            and rows held out.
        kind: the user's type of data in memory, such as `pandas.DataFrame`.
    """

    fingerprints: Mapping[str, str]
    folder: Path | None = None
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    in_memory: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        folder = {} if self.folder is None else {"folder": str(self.folder.resolve())}
        memory = {"in_memory": self.in_memory, "kind": self.kind} if self.in_memory else {}
        return {**folder, **memory, "files": self.files, "fingerprints": self.fingerprints}


def read_data_record(run: Path) -> DataRecord | None:
    """Return the data that a run recorded; None if there is no record.

    Raises:
        UserError: the file is damaged.
    """
    file = run / DATA
    if not file.exists():
        return None
    content = _read_object(file)
    if not isinstance(content.get("fingerprints"), dict):
        return DataRecord(content)  # of version 0.1: the fingerprints of train and validation alone
    folder = content.get("folder")
    return DataRecord(
        content["fingerprints"],
        None if folder is None else Path(folder),
        content.get("files", {}),
        content.get("in_memory", {}),
        str(content.get("kind", "")),
    )


class RunDirectory:
    """The folder of one run.

    Args:
        path: the folder, which need not exist.
        recipe: the resolved recipe as TOML.
        resume: continue the run in the folder, if there is one.
        overwrite: replace the run in the folder, if there is one.
        reread: reads a stored recipe and returns it as this version writes it; an earlier version named tasks
            otherwise and had fewer keys.
    """

    def __init__(
        self,
        path: Path,
        recipe: str,
        *,
        resume: bool,
        overwrite: bool,
        reread: Callable[[Path], str] = lambda _: "",
    ) -> None:
        self.path, self.recipe = path, recipe
        self.resume, self.overwrite = resume, overwrite
        self._reread = reread

    def check(self) -> None:
        """Check that the folder may be claimed, without changing anything.

        Raises:
            UserError: the path is a file, not writable, or not a run directory; or it has a run, and
                neither `resume` nor `overwrite` is set, or the run to resume has another recipe.
        """
        path = self.path
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is a file; choose another --output")
        check_writable(path)
        present = self._entries()
        if not present:
            return
        if not (self.resume or self.overwrite):
            raise UserError(
                f"{path}: exists; continue with --resume, or start over with --overwrite"
            )
        started = bool(present & _STARTED) or present == {RECIPE}
        if RECIPE not in present or (self.overwrite and not started):
            raise UserError(
                f"{path}: is not a run directory, so it stays unchanged; choose another --output"
            )
        if self.resume and not self._has_same_recipe():
            raise UserError(
                f"{path / RECIPE}: the run was started with another recipe; resume it with the "
                "same overrides and seed, or choose another --output"
            )

    def check_space(self, needed: int) -> None:
        """Check that the disk has space for a run.

        Args:
            needed: bytes that the run writes at least; files of an earlier run there count as free.

        Raises:
            UserError: there is less space, or no file can be written at all.
        """
        parent = existing_parent(self.path)
        total, _, free = shutil.disk_usage(parent)
        if not total:  # /proc, or a file system that does not know its size
            _try_to_write(parent, self.path)
            return
        if free < needed and free + self._used() < needed:
            raise UserError(
                f"{self.path}: training needs about {needed / 1e9:.2g} GB for its checkpoints, and "
                f"{free / 1e9:.2g} GB are free; free some space, or choose another --output"
            )

    def claim(self, data: "DataRecord", resolved: str = "") -> None:
        """Claim the folder that was checked.

        Args:
            data: the splits of the run, with their files.
            resolved: the recipe to write, with what the data settled; '': as it was given.

        Raises:
            UserError: the folder cannot be written, or the run to resume was started on other data.
        """
        if self.overwrite:
            self._clear()
        if not (self.resume and (self.path / RECIPE).exists()):
            write_text(self.path / RECIPE, resolved or self.recipe)
        file = self.path / DATA
        earlier = read_data_record(self.path)
        if earlier is None:
            write_json(file, data.to_json())
        elif any(
            earlier.fingerprints.get(name) != data.fingerprints.get(name) for name in TRAINED_ON
        ):
            raise UserError(
                f"{file}: the run was started on other data; resume it with the same "
                f"{'data' if earlier.in_memory else '--data-dir and files'}, or choose another --output"
            )

    def metrics(self) -> dict[str, Any] | None:
        """Return the metrics of a run that has finished, else None.

        Raises:
            UserError: the file is damaged.
        """
        return finished_metrics(self.path)

    def _entries(self) -> set[str]:
        """Return the names in the folder, except incomplete files of a run that was killed."""
        if not self.path.is_dir():
            return set()
        with disk(self.path):
            names = {path.name for path in self.path.iterdir()}
        return {name for name in names if not _INCOMPLETE.fullmatch(name)}

    def _has_same_recipe(self) -> bool:
        """Return whether the run in the folder was started with this recipe, by this version or an earlier one."""
        file = self.path / RECIPE
        return file.read_bytes() == self.recipe.encode() or self._reread(file) == self.recipe

    def _used(self) -> int:
        """Return the size of the checkpoints in the folder."""
        files = (self.path / "checkpoints").rglob("*") if self.path.is_dir() else ()
        return sum(file.stat().st_size for file in files if file.is_file())

    def _clear(self) -> None:
        """Delete the files of a run, and no others."""
        if not self.path.is_dir():
            return
        incomplete = [path for path in self.path.iterdir() if _INCOMPLETE.fullmatch(path.name)]
        with disk(self.path):
            for path in [*incomplete, *(self.path / name for name in WRITTEN)]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def _try_to_write(parent: Path, path: Path) -> None:
    """Make a folder in `parent` and remove it.

    Raises:
        UserError: it cannot be made, so that `path` cannot be written.
    """
    try:
        tempfile.TemporaryDirectory(dir=parent).cleanup()
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}; choose another --output"
        ) from error


def finished_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the metrics of a run that has finished, else None.

    Raises:
        UserError: the file is damaged.
    """
    file = folder / METRICS
    if not file.exists():
        return None
    metrics = _read_object(file)
    if key := missing_key(metrics):
        raise UserError(f"{file}: damaged (no {key}); delete it, then --resume")
    return metrics


def missing_key(metrics: Mapping[str, Any]) -> str:
    """Return a key that metrics.json lacks and every finished run has; '' if there is none."""
    for key in _REQUIRED:
        if key not in metrics:
            return key
    return "" if isinstance(metrics["splits"], list) else "splits"


def _read_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise UserError(f"{file}: damaged ({error}); delete it, then --resume") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: damaged (no JSON object); delete it, then --resume")
    return content
