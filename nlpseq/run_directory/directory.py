"""Check that a run directory may be written, then claim it without losing an earlier run.

It is checked before the data are read, and claimed only when training can start. A run that fails before
leaves every folder unchanged, including an earlier run that `--overwrite` would replace. While it is checked and
used, the process owns it, see `nlpseq.owner`.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError
from nlpseq.files import check_writable, disk, existing_parent, write_json, write_text
from nlpseq.locks import is_locked
from nlpseq.owner import LOCK, check_free, is_first_process, owned

from . import replacement
from .differences import differing_keys
from .records import DATA, METRICS, RECIPE, DataRecord, finished_metrics, read_data_record
from .replacement import NEXT, WRITTEN
from .stored_recipe import CHECKPOINTS, recover, stored_recipe

_STARTED = {METRICS, DATA, NEXT, "history.jsonl", CHECKPOINTS}
_INCOMPLETE = re.compile(r"\..+\.tmp-\d+")
_NOTED = ("init_from", ".py")
"""Ends of the inputs that change no update of a run that is resumed from a checkpoint, or are code."""


class RunDirectory:
    """The folder of one run.

    Args:
        path: the folder, which need not exist.
        recipe: the resolved recipe as TOML.
        resume: continue the run in the folder, if there is one.
        overwrite: replace the run in the folder, if there is one.
        reread: returns a stored recipe as this version writes it; an earlier version named tasks otherwise and had
            fewer keys.

    Attributes:
        replaced: an earlier run was in the folder, and is no longer there.
    """

    def __init__(
        self,
        path: Path,
        recipe: str,
        *,
        resume: bool,
        overwrite: bool,
        reread: Callable[[Mapping[str, Any]], str] = lambda _: "",
    ) -> None:
        self.path, self.recipe = path, recipe
        self.resume, self.overwrite = resume, overwrite
        self.replaced = False
        self._reread = reread

    def check(self) -> None:
        """Check that the folder may be claimed, without changing anything.

        Raises:
            UserError: the path is a file, not writable, or not a run directory; another process owns it; or it
                has a run, and neither `resume` nor `overwrite` is set, or the run to resume has another recipe.
        """
        path = self.path
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is a file; choose another --output")
        check_writable(path)
        check_free(path)
        present = self._entries()
        if not present:
            return
        if not (self.resume or self.overwrite):
            raise UserError(
                f"{path}: exists; continue with --resume, or start over with --overwrite"
            )
        if not self._is_run(present):
            raise UserError(
                f"{path}: is not a run directory, so it stays unchanged; choose another --output"
            )
        if self.resume:
            self._check_recipe(present)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Check the folder, and own it; what an interrupted command has left there is completed or removed.

        Raises:
            UserError: as `check`.
        """
        self.check()
        with owned(self.path):
            self.check()  # another process may have used it in the meantime
            if is_first_process():
                self._remove_temporary_files()
            if is_first_process() and self.resume:
                recover(self.path)
            yield

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

    def claim(self, data: DataRecord, resolved: str = "") -> list[str]:
        """Claim the folder that was checked and is owned.

        Args:
            data: the splits of the run, with their files.
            resolved: the recipe to write, with what the data settled; '': as it was given.

        Returns:
            Differences from the run to resume that do not forbid it.

        Raises:
            UserError: the folder cannot be written, or the run to resume was started on other data.
        """
        recipe = resolved or self.recipe
        if self.overwrite and self._entries():
            replacement.complete(self.path)  # an earlier one that was interrupted
            try:
                replacement.decide(self.path, recipe, data.to_json())
            finally:
                self.replaced = replacement.is_decided(self.path)
            replacement.complete(self.path)
            return []
        if not (self.resume and self.stored_recipe() is not None):
            write_text(self.path / RECIPE, recipe)
        file = self.path / DATA
        earlier = read_data_record(self.path)
        if earlier is None:
            write_json(file, data.to_json())
            return []
        return self._compare(data, earlier)

    def metrics(self) -> dict[str, Any] | None:
        """Return the metrics of a run that has finished, else None.

        Raises:
            UserError: the file is damaged.
        """
        return None if replacement.is_decided(self.path) else finished_metrics(self.path)

    def stored_recipe(self) -> dict[str, Any] | None:
        """Return the recipe of the run in the folder, None if there is none that can be read."""
        return stored_recipe(self.path)

    def _compare(self, data: DataRecord, earlier: DataRecord) -> list[str]:
        """Compare data and inputs with those of the run to resume."""
        changed = data.changed_since(earlier)
        refused = [name for name in changed if not name.endswith(_NOTED)]
        if refused:
            raise UserError(
                f"{self.path / DATA}: the run was started on other data ({', '.join(refused)}); resume it with "
                f"the same {'data' if earlier.in_memory else '--data-dir and files'}, or choose another --output"
            )
        notes = [f"resumed with another {name} than the run was started with" for name in changed]
        return notes + [
            f"{name}: not the data that the run recorded under this name"
            for name in data.scored_changes(earlier)
        ]

    def _entries(self) -> set[str]:
        """Return the names in the folder, except its lock and incomplete files of a run that was killed."""
        if not self.path.is_dir():
            return set()
        with disk(self.path):
            names = {path.name for path in self.path.iterdir()} - {LOCK}
        return {name for name in names if not _INCOMPLETE.fullmatch(name)}

    def _is_run(self, present: set[str]) -> bool:
        """Return whether the folder holds a run, perhaps without its recipe.toml."""
        started = bool(present & _STARTED)
        if RECIPE in present:
            return self.resume or started or present == {RECIPE}
        if not started:
            return False
        return self.stored_recipe() is not None or self._has_nothing_computed(present)

    def _has_nothing_computed(self, present: set[str]) -> bool:
        """Return whether the folder has the record of a run's data, and neither checkpoint nor model."""
        if DATA not in present or present & {CHECKPOINTS, METRICS, "config.json"}:
            return False
        record = read_data_record(self.path)
        return record is not None and bool(record.fingerprints)

    def _check_recipe(self, present: set[str]) -> None:
        """Check that the run in the folder was started with this recipe, by this version or an earlier one."""
        file = self.path / RECIPE
        if file.exists() and not replacement.is_decided(self.path):
            with disk(file):
                if file.read_bytes() == self.recipe.encode():
                    return
        document = self.stored_recipe()
        if document is None and self._has_nothing_computed(present):
            return
        if document is None:
            raise UserError(f"{file}: damaged, and there is no copy of it; choose another --output")
        reread = self._reread(document)
        if reread != self.recipe:
            changes = differing_keys(reread, self.recipe)
            raise UserError(
                f"{file}: the run was started with another recipe{changes}; resume it with the "
                "same overrides and seed, or choose another --output"
            )

    def _used(self) -> int:
        """Return the size of the checkpoints in the folder."""
        files = (self.path / CHECKPOINTS).rglob("*") if self.path.is_dir() else ()
        return sum(file.stat().st_size for file in files if file.is_file())

    def _remove_temporary_files(self) -> None:
        """Remove temporary files of processes that were killed; checkpoints are left to the trainer."""
        folders = [self.path, *(self.path / name for name in WRITTEN if name != CHECKPOINTS)]
        for folder in folders:
            files = folder.rglob("*") if folder != self.path else folder.glob("*")
            for path in [path for path in files if _INCOMPLETE.fullmatch(path.name)]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                elif not is_locked(path):
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
