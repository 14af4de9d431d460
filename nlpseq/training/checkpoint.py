"""Checkpoints: folders of safetensors and JSON that are either whole or not there.

`checkpoints/step-00001234/` is written under a temporary name, flushed and renamed; old ones go
only after that. `manifest.json` holds the SHA-256 of every other file, so a damaged one is
recognised, named, and the one before is used. Nothing in a checkpoint is a pickle, so reading one
runs no code.

This module knows names and bytes; what has to be in a checkpoint is the business of `snapshot`.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from nlpseq.errors import UserError
from nlpseq.files import disk, sync_folder, write

STATE, MANIFEST = "state.json", "manifest.json"
_NAME = re.compile(r"step-\d{8}")

Tensors = dict[str, Tensor]
State = dict[str, Any]


def step_name(step: int) -> str:
    """The name of the checkpoint of a step."""
    return f"step-{step:08d}"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on the disk.

    Attributes:
        path: its folder.
        state: the JSON part.
    """

    path: Path
    state: State

    @property
    def name(self) -> str:
        """Its name among the others, `step-00001234`."""
        return self.path.name

    def tensors(self, file: str) -> Tensors:
        """The tensors of one of its files, on the CPU; empty if there is no such file."""
        path = self.path / f"{file}.safetensors"
        return safetensors.torch.load_file(path) if path.exists() else {}


class DamagedError(Exception):
    """A checkpoint is not what was written; the message says in what."""


class Store:
    """The checkpoints of one run.

    Args:
        folder: where they are; it is made when the first is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, files: Mapping[str, Tensors], state: State) -> Checkpoint:
        """Write a checkpoint; it is there in full or not at all.

        Args:
            step: names it; a checkpoint of the same step is replaced.
            files: file name without suffix = its tensors; one without tensors is left out.
            state: the JSON part.

        Raises:
            UserError: no space is left; every older checkpoint is as it was.
        """
        final = self.folder / step_name(step)
        temporary = self.folder / f"{final.name}.tmp-{os.getpid()}"
        with disk(final):
            try:
                temporary.mkdir(parents=True)
                _fill(temporary, files, state)
                self._rename(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return Checkpoint(final, state)

    def _rename(self, temporary: Path, final: Path) -> None:
        if final.exists():  # damaged, or written before an earlier one was resumed
            replaced = final.with_name(f"{final.name}.tmp-replaced")
            final.rename(replaced)
            temporary.rename(final)
            shutil.rmtree(replaced)
        else:
            temporary.rename(final)
        sync_folder(self.folder)

    def names(self) -> list[str]:
        """All checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def open(self, name: str) -> Checkpoint:
        """Read a checkpoint's JSON and check every byte of its files.

        Raises:
            DamagedError: something is missing, too much, or different from what was written.
        """
        path = self.folder / name
        _verify(path)
        return Checkpoint(path, json.loads((path / STATE).read_bytes()))

    def latest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is whole, or None if there is none at all.

        Args:
            warn: told of each damaged one that is passed over.

        Raises:
            UserError: there are checkpoints, but every one is damaged.
        """
        names = self.names()
        for name in reversed(names):
            try:
                return self.open(name)
            except DamagedError as error:
                warn(f"checkpoint {self.folder / name} is damaged ({error}); using the one before")
        if names:
            raise UserError(
                f"every checkpoint in {self.folder} is damaged; --overwrite starts from the beginning"
            )
        return None

    def clean(self) -> None:
        """Remove what a kill left half-written."""
        for path in self.folder.glob("step-*.tmp-*"):
            shutil.rmtree(path, ignore_errors=True)

    def set_aside(self, after: str) -> None:
        """Rename the (damaged) ones newer than the one resumed from: they count no more."""
        for name in self.names():
            if name > after:
                target = self.folder / f"{name}.damaged"
                shutil.rmtree(target, ignore_errors=True)
                (self.folder / name).rename(target)

    def prune(self, keep: Collection[str], newest: int = 2) -> None:
        """Delete all but the newest ones and those to keep."""
        for name in self.names()[:-newest]:
            if name not in keep:
                # A half-deleted checkpoint must not look like a damaged one.
                doomed = self.folder / f"{name}.tmp-old"
                (self.folder / name).rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, Tensors], state: State) -> None:
    manifest: dict[str, dict[str, Any]] = {}

    def add(name: str, data: bytes) -> None:
        write(folder / name, data)
        manifest[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    for name, tensors in files.items():
        if tensors:
            contiguous = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
            add(f"{name}.safetensors", safetensors.torch.save(contiguous))
    add(STATE, _compact(state))
    write(folder / MANIFEST, _compact(manifest))
    sync_folder(folder)


def _compact(document: Mapping[str, Any]) -> bytes:
    """JSON without a byte to spare, so that no change of a byte can go unseen."""
    return json.dumps(document, separators=(",", ":")).encode()


def _verify(folder: Path) -> None:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = {path.name for path in folder.iterdir()} - {MANIFEST}
        if found != set(manifest):
            raise DamagedError(f"files differ: {', '.join(sorted(found ^ set(manifest)))}")
        for name, expected in manifest.items():
            data = (folder / name).read_bytes()
            if len(data) != expected["bytes"]:
                raise DamagedError(f"{name} has {len(data)} bytes, not {expected['bytes']}")
            if hashlib.sha256(data).hexdigest() != expected["sha256"]:
                raise DamagedError(f"{name} has changed")
    except OSError as error:
        raise DamagedError(f"{error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{MANIFEST} cannot be read") from error
