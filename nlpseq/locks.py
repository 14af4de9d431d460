"""Locks of files that end with their process, however it ends; one mechanism for Linux, macOS and Windows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process, without waiting.

    The lock ends when the file is closed or the process ends, also by a kill.

    Args:
        descriptor: of a file that is open for writing.

    Returns:
        False if it is locked through another descriptor, of this or another process; True on a file system without
        locks.
    """
    from filelock import lock_descriptor

    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:  # a file system without locks
        return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder that this process has created, so that others leave it alone; Windows has no such lock."""
    if os.name != "posix":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a file or folder is there and locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still the file at a path; another process may have renamed or removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
