"""Temporary files and folders, locked while their process lives, so that later processes remove those of killed ones.

A lock of the system ends with its process, however that ends; numbers of processes are used again, and those of
another container say nothing here. Where there are no locks (Windows, some network disks), nothing is removed.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRATCH = ".nlpseq-temporary-"
"""Beginning of the names of folders; nobody else gives such a name to a folder of theirs."""
_kept: list[int] = []


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Yield the path of a new empty file beside `path`, hidden, locked, and removed at the end if it is still there.

    Those that killed processes left for the same `path` are removed first.
    """
    remove_abandoned(path.parent, rf"\.{re.escape(path.name)}\.tmp-\d+")
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        _lock(descriptor)
        yield temporary
    finally:
        os.close(descriptor)
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder in the system's folder for temporary files, removed at the end."""
    folder, descriptor = _make_folder(Path(tempfile.gettempdir()))
    try:
        yield folder
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def folder_until_exit(parent: Path) -> Path:
    """Return a new folder that is locked until the process ends, and removed then."""
    folder, descriptor = _make_folder(parent)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if descriptor is not None:
        _kept.append(descriptor)
    return folder


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove the files and folders of this user that no process has locked.

    Args:
        folder: their folder.
        pattern: of their whole names; only `temporary_beside` and `folder_until_exit` give such names.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if re.fullmatch(pattern, entry.name)]:
            with suppress(OSError):
                if not entry.is_symlink() and _is_abandoned(entry):
                    _remove(entry)


def _make_folder(parent: Path) -> tuple[Path, int | None]:
    """Return a new locked folder, and the descriptor that holds the lock; None on Windows."""
    remove_abandoned(parent, rf"{re.escape(SCRATCH)}\w{{8}}")
    while True:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
        if os.name != "posix":
            return folder, None
        with suppress(FileNotFoundError):  # removed by another process before it was locked
            descriptor = os.open(folder, os.O_RDONLY)
            _lock(descriptor)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file; return False if another process has, or if there are no locks here."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_abandoned(entry: "os.DirEntry[str]") -> bool:
    if os.name != "posix" or entry.stat(follow_symlinks=False).st_uid != os.geteuid():
        return False
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _remove(entry: "os.DirEntry[str]") -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)
