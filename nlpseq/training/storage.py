"""Writing so that nothing is lost: on a full disk, or when the machine stops in the middle.

A file or folder gets its name only once it is whole and on the disk: it is written under another
name, flushed, and renamed, which POSIX makes atomic.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nlpseq.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk(target: Path) -> Iterator[None]:
    """Say in one line that the disk is full, when writing `target` fails for that.

    Raises:
        UserError: no space is left, or a quota is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UserError(
            f"no space left on the disk to write {target}: what was there is untouched; free some, "
            "then resume"
        ) from error


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a new file and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk (systems that cannot are left alone)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
