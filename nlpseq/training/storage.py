"""Writing so that nothing is lost: on a full disk, or when the machine stops in the middle.

A file or folder gets its name only once it is whole and on the disk: it is written under another
name, flushed, and renamed, which POSIX makes atomic.
"""

import os
from pathlib import Path


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
