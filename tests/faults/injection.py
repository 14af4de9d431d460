"""Faults at the n-th operation of a disk: an action is called before each one below a folder, and may raise or kill.

Operations of Python code are seen: `open` for writing, `write`, `fsync`, `rename`, `mkdir`, `unlink`, `rmdir`.
Libraries that write from C or Rust (pyarrow) are not seen; nlpseq writes runs and models from Python.
"""

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Action = Callable[[int, str, Path], None]
TAKING_SPACE = frozenset({"open", "write", "fsync", "rename", "mkdir"})
"""Operations that a full disk may refuse; files can still be removed."""


class FullDisk:
    """An action: from the n-th operation on, the disk is full.

    Attributes:
        first: number of the first operation that fails, from 1; 0: none.
        operations: that were asked for, of those that take space.
        failed: the path of the first one that failed; None if there was none.
    """

    def __init__(self, first: int = 0, number: int = errno.ENOSPC) -> None:
        self.first, self.number = first, number
        self.operations = 0
        self.failed: Path | None = None

    def __call__(self, number: int, operation: str, path: Path) -> None:
        if operation not in TAKING_SPACE:
            return
        self.operations += 1
        if self.operations >= self.first > 0:
            self.failed = self.failed or path
            raise OSError(self.number, os.strerror(self.number), str(path))


@contextlib.contextmanager
def disk_operations(folder: Path, action: Action) -> Iterator[None]:
    """Call `action(number, operation, path)` before each operation on files below `folder` in this process."""
    with pytest.MonkeyPatch.context() as patch:
        _Operations(folder.resolve(), action, patch)
        yield


class _Operations:
    """Replaces functions of `os` and `io` by ones that ask the action first."""

    def __init__(self, folder: Path, action: Action, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.action = folder, action
        self.number = 0
        self.os_write, self.os_open, self.io_open = os.write, os.open, io.open
        self.os_fsync = os.fsync
        patch.setattr(os, "write", self.write)
        patch.setattr(os, "fsync", self.fsync)
        patch.setattr(os, "open", self.open_descriptor)
        patch.setattr(io, "open", self.open_file)
        patch.setattr(builtins, "open", self.open_file)
        for name, operation in [
            ("rename", "rename"),
            ("replace", "rename"),
            ("mkdir", "mkdir"),
            ("unlink", "unlink"),
            ("remove", "unlink"),
            ("rmdir", "rmdir"),
        ]:
            patch.setattr(os, name, self.asking(getattr(os, name), operation))

    def ask(self, operation: str, path: Path | None) -> None:
        if path is not None and path.is_relative_to(self.folder):
            self.number += 1
            self.action(self.number, operation, path)

    def asking(self, real: Callable[..., Any], operation: str) -> Callable[..., Any]:
        def function(path: Any, *arguments: Any, **options: Any) -> Any:
            base = options.get("dir_fd", options.get("src_dir_fd"))
            self.ask(operation, _absolute(path, base))
            return real(path, *arguments, **options)

        return function

    def write(self, descriptor: int, data: Any) -> int:
        path = _path_of(descriptor)
        try:
            self.ask("write", path)
        except OSError:  # a disk takes what fits
            self.os_write(descriptor, memoryview(data).cast("B")[: len(data) // 2])
            raise
        return self.os_write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        self.ask("fsync", _path_of(descriptor))
        self.os_fsync(descriptor)

    def open_descriptor(self, path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self.ask("open", _absolute(path, options.get("dir_fd")))
        return self.os_open(path, flags, *arguments, **options)

    def open_file(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        path = None if isinstance(file, int) else _absolute(file, None)
        if not {*mode} & {*"wax+"} or path is None or not path.is_relative_to(self.folder):
            return self.io_open(file, mode, *arguments, **options)
        self.ask("open", path)
        raw = _RawFile(self, file, mode.replace("t", "").replace("b", ""))
        names = ("buffering", "encoding", "errors", "newline")
        given = dict(zip(names, arguments, strict=False)) | options
        binary: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return raw if given.get("buffering") == 0 else binary
        return io.TextIOWrapper(
            binary, given.get("encoding"), given.get("errors"), given.get("newline")
        )


class _RawFile(io.FileIO):
    """A file whose writes are asked for."""

    def __init__(self, operations: _Operations, file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._operations, self._path = operations, _absolute(file, None)

    def write(self, data: Any, /) -> int:
        try:
            self._operations.ask("write", self._path)
        except OSError:
            super().write(memoryview(data).cast("B")[: len(data) // 2])
            raise
        return super().write(data)


def _absolute(path: Any, base: int | None) -> Path | None:
    if isinstance(path, int):
        return _path_of(path)
    folder = Path.cwd() if base is None else _path_of(base)
    return None if folder is None else Path(os.path.normpath(folder / os.fsdecode(path)))


def _path_of(descriptor: int) -> Path | None:
    try:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:
        return None
