"""The run directory: whether it may be written, and taking it without losing anything.

It is looked at before the data are read, and taken only when training can begin: a run that fails
before that leaves every folder as it was, an earlier run under `--overwrite` included.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.files import disk, write_json, write_text

RECIPE, DATA, METRICS = "recipe.toml", "data.json", "metrics.json"
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
    "evaluations",
    "plots",
    "inspection",
    DATA,
    RECIPE,
)
"""What a run writes into its directory: all that overwriting deletes, and the recipe last."""
_TOLD = ("splits", "seed", "seconds", "tokens_per_second", "steps", "parameters", "data")
_BEGUN = {METRICS, DATA, "history.jsonl", "checkpoints"}
_HALF_WRITTEN = re.compile(r"\..+\.tmp-\d+")


class RunDirectory:
    """A folder for one run.

    Args:
        path: the folder; it need not exist.
        recipe: the resolved recipe as TOML.
        resume: whether a run that is there is to go on.
        overwrite: whether a run that is there is to be replaced.
    """

    def __init__(self, path: Path, recipe: str, *, resume: bool, overwrite: bool) -> None:
        self.path, self.recipe = path, recipe
        self.resume, self.overwrite = resume, overwrite

    def check(self) -> None:
        """See whether the folder may be taken; nothing is touched.

        Raises:
            UserError: it is a file or no run directory, or holds a run and neither `resume` nor
                `overwrite` is set, or a run of another recipe is to be resumed.
        """
        path = self.path
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is a file; choose another --output")
        present = self._entries()
        if not present:
            return
        if not (self.resume or self.overwrite):
            raise UserError(f"{path}: exists; go on with --resume, or start anew with --overwrite")
        begun = bool(present & _BEGUN) or present == {RECIPE}
        if RECIPE not in present or (self.overwrite and not begun):
            raise UserError(
                f"{path}: is not a run directory, and is left alone; choose another --output"
            )
        if self.resume and (path / RECIPE).read_bytes() != self.recipe.encode():
            raise UserError(
                f"{path / RECIPE}: the run was started with another recipe; resume it with the "
                "same overrides and seed, or choose another --output"
            )

    def claim(self, data: Mapping[str, str]) -> None:
        """Take the folder that was checked.

        Args:
            data: the fingerprint of each split that training reads.

        Raises:
            UserError: it cannot be written, or the run to be resumed was started on other data.
        """
        if self.overwrite:
            self._clear()
        if not (self.resume and (self.path / RECIPE).exists()):
            write_text(self.path / RECIPE, self.recipe)
        file = self.path / DATA
        if not file.exists():
            write_json(file, data)
        elif _read(file) != data:
            raise UserError(
                f"{file}: the run was started on other data; resume it with the same --data-dir and "
                "files, or choose another --output"
            )

    def metrics(self) -> dict[str, Any] | None:
        """The metrics of a run that has finished, else None.

        Raises:
            UserError: the file is damaged.
        """
        return finished_metrics(self.path)

    def _entries(self) -> set[str]:
        """What lies in it; half-written files of a run that was killed do not count."""
        if not self.path.is_dir():
            return set()
        with disk(self.path):
            names = {path.name for path in self.path.iterdir()}
        return {name for name in names if not _HALF_WRITTEN.fullmatch(name)}

    def _clear(self) -> None:
        """Delete what a run wrote, and nothing else that may lie there."""
        if not self.path.is_dir():
            return
        half = [path for path in self.path.iterdir() if _HALF_WRITTEN.fullmatch(path.name)]
        with disk(self.path):
            for path in [*half, *(self.path / name for name in WRITTEN)]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def finished_metrics(folder: Path) -> dict[str, Any] | None:
    """The metrics of a run that has finished, else None.

    Raises:
        UserError: the file is damaged.
    """
    file = folder / METRICS
    if not file.exists():
        return None
    metrics = _read(file)
    if key := missing_key(metrics):
        raise UserError(f"{file}: damaged (no {key}); delete it and --resume again")
    return metrics


def missing_key(metrics: Mapping[str, Any]) -> str:
    """What metrics.json lacks of that which every finished run has written; '' if nothing."""
    for key in _TOLD:
        if key not in metrics:
            return key
    return "" if isinstance(metrics["splits"], list) else "splits"


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise UserError(f"{file}: damaged ({error}); delete it and --resume again") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: damaged (no JSON object); delete it and --resume again")
    return content
