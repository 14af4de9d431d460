"""Checkpoints: folders of safetensors and JSON that are either complete or absent.

`checkpoints/step-00001234/` is written under a temporary name, flushed and renamed; older checkpoints are
deleted only after that. `manifest.json` holds the SHA-256 of every other file, so a damaged checkpoint is
recognised and the one before is used. A checkpoint contains no pickle, so reading it runs no code.

This module handles names and bytes; `train_state` and `snapshot` decide the contents.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from nlpseq.errors import UserError
from nlpseq.files import disk, sync_folder, write_bytes
from nlpseq.locks import is_locked, locked
from nlpseq.models.weights import Tensors
from nlpseq.stored_files import read_object

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints in a run directory."""
STATE, MANIFEST = "state.json", "manifest.json"
_NAME = re.compile(r"step-\d{8}")
Json = dict[str, Any]


def step_name(step: int) -> str:
    """Return the name of the checkpoint of a step."""
    return f"step-{step:08d}"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk.

    Attributes:
        path: its folder.
        document: the content of state.json.
    """

    path: Path
    document: Json

    @property
    def name(self) -> str:
        """The name of the folder, `step-00001234`."""
        return self.path.name

    def tensors(self, file: str) -> Tensors:
        """Return the tensors of a file, on the CPU; empty if there is no such file."""
        path = self.path / f"{file}.safetensors"
        return safetensors.torch.load_file(path) if path.exists() else {}


class DamagedError(Exception):
    """A checkpoint differs from what was written; the message says how."""


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: their folder; it is created with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, files: Mapping[str, Tensors], document: Json) -> Checkpoint:
        """Write a checkpoint, completely or not at all.

        Args:
            step: its step; a checkpoint of the same step is replaced.
            files: tensors by file name without suffix; a file without tensors is left out.
            document: content of state.json.

        Raises:
            UserError: no space is left; older checkpoints are unchanged.
        """
        final = self.folder / step_name(step)
        temporary = self.folder / f"{final.name}.tmp-{os.getpid()}"
        with disk(final):
            try:
                shutil.rmtree(temporary, ignore_errors=True)  # of a killed process of this number
                temporary.mkdir(parents=True)
                with locked(temporary):
                    _write_files(temporary, files, document)
                    self._rename(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return Checkpoint(final, document)

    def _rename(self, temporary: Path, final: Path) -> None:
        if final.exists():  # damaged, or written before the run was resumed from an earlier one
            replaced = final.with_name(f"{final.name}.tmp-replaced")
            final.rename(replaced)
            temporary.rename(final)
            shutil.rmtree(replaced)
        else:
            temporary.rename(final)
        sync_folder(self.folder)

    def names(self) -> list[str]:
        """Return the names of all checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def open(self, name: str) -> Checkpoint:
        """Read a checkpoint's JSON and verify every byte of its files.

        Raises:
            DamagedError: a file is missing, unknown, or different from what was written.
        """
        path = self.folder / name
        _verify(path)
        return Checkpoint(path, _read(path, STATE))

    def latest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None if there are no checkpoints.

        Args:
            warn: called with a message for each damaged checkpoint that is skipped.

        Raises:
            UserError: there are checkpoints, and all are damaged.
        """
        names = self.names()
        for name in reversed(names):
            try:
                return self.open(name)
            except DamagedError as error:
                warn(f"checkpoint {self.folder / name} is damaged ({error}); using the one before")
        if names:
            raise UserError(
                f"every checkpoint in {self.folder} is damaged; start over with --overwrite"
            )
        return None

    def clean(self) -> None:
        """Remove checkpoints that a killed process left incomplete, and none that a living one is writing."""
        for path in self.folder.glob("step-*.tmp-*"):
            if not is_locked(path):
                shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """Delete all checkpoints, and what killed processes left of others."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def set_aside(self, after: str) -> None:
        """Rename the damaged checkpoints that are newer than the one to resume from."""
        for name in self.names():
            if name > after:
                target = self.folder / f"{name}.damaged"
                shutil.rmtree(target, ignore_errors=True)
                (self.folder / name).rename(target)

    def prune(self, keep: Collection[str], newest: int = 2) -> None:
        """Delete all checkpoints except the newest ones and those to keep."""
        for name in self.names()[:-newest]:
            if name not in keep:
                # A half-deleted checkpoint must not look like a damaged one.
                doomed = self.folder / f"{name}.tmp-old"
                (self.folder / name).rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)


def _write_files(folder: Path, files: Mapping[str, Tensors], document: Json) -> None:
    manifest: dict[str, dict[str, Any]] = {}

    def add(name: str, data: bytes) -> None:
        write_bytes(folder / name, data)
        manifest[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    for name, tensors in files.items():
        if tensors:
            contiguous = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
            add(f"{name}.safetensors", safetensors.torch.save(contiguous))
    add(STATE, _compact(document))
    write_bytes(folder / MANIFEST, _compact(manifest))
    sync_folder(folder)


def _compact(document: Mapping[str, Any]) -> bytes:
    """Return JSON without white space, so that no byte can change unnoticed."""
    return json.dumps(document, separators=(",", ":")).encode()


def _read(folder: Path, name: str) -> Json:
    """Return a JSON object of a checkpoint."""
    try:
        return read_object(folder, name)
    except UserError as error:
        reason = str(error).removeprefix(f"{folder / name}: ")
        raise DamagedError(f"{name}: {reason}") from error


def _verify(folder: Path) -> None:
    """Compare the files of a checkpoint with its manifest."""
    try:
        manifest = _read(folder, MANIFEST)
        names = {path.name for path in folder.iterdir()} - {MANIFEST}
        if names != set(manifest):
            raise DamagedError(f"files differ: {', '.join(sorted(names ^ set(manifest)))}")
        for name, expected in manifest.items():
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise DamagedError(f"{name} is a link, a pipe or a folder")
            data = (folder / name).read_bytes()
            if len(data) != expected["bytes"]:
                raise DamagedError(f"{name} has {len(data)} bytes, not {expected['bytes']}")
            if hashlib.sha256(data).hexdigest() != expected["sha256"]:
                raise DamagedError(f"{name} has changed")
    except OSError as error:
        raise DamagedError(f"{error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{MANIFEST} cannot be read") from error
