"""The owner of a folder: the one process that writes there, by a lock that ends with it.

The lock is on the file `.lock`, which names the process. It is removed at the end; after a kill it stays, and the next
owner takes it over. Temporary files in an owned folder belong to its owner, so those of earlier ones can go.
"""

import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.files import NotWrittenError, disk
from nlpseq.locks import is_at, is_locked, try_lock

LOCK = ".lock"
_TRIES, _PAUSE = 10, 0.02  # another process may look for an owner at this moment
_POLL = 0.2


class BusyError(UserError):
    """Another process owns a folder."""


@dataclass
class _Owned:
    """A folder that a thread of this process owns."""

    descriptor: int
    thread: int


_owned: dict[Path, _Owned] = {}


def _close_in_child() -> None:
    """Close the locks in a forked process, which would otherwise keep them when this process ends."""
    for held in _owned.values():
        os.close(held.descriptor)
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def is_first_process() -> bool:
    """Return whether this is the first of the processes that torchrun or accelerate started; it owns for all."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def owned(folder: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Own a folder, which is created if it is not there, and removed again if it stays empty.

    A thread may claim a folder again that it owns. In the other processes of a distributed run nothing happens.

    Args:
        folder: to write to.
        wait: seconds to wait for another owner to end.

    Raises:
        BusyError: another process or thread owns it.
        UserError: the folder cannot be written.
    """
    key = folder.resolve()
    if not is_first_process() or _is_mine(key):
        yield
        return
    created = _create(folder)
    try:
        _owned[key] = _Owned(_acquire(folder, wait), threading.get_ident())
        try:
            yield
        finally:
            _release(key, folder)
    finally:
        for path in reversed(created):
            with suppress(OSError):
                path.rmdir()


def check_free(folder: Path) -> None:
    """Check that no other process or thread owns a folder, without changing anything.

    Raises:
        BusyError: one does.
    """
    if not is_first_process() or _is_mine(folder.resolve()):
        return
    if is_locked(folder / LOCK):
        raise _busy(folder)


def _is_mine(key: Path) -> bool:
    """Return whether this thread owns a folder."""
    held = _owned.get(key)
    return held is not None and held.thread == threading.get_ident()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into one line, also that of a file system without folders, such as /proc."""
    try:
        with disk(folder):
            yield
    except FileNotFoundError as error:
        raise NotWrittenError(f"{folder} cannot be written: {error.strerror}", folder) from error


def _create(folder: Path) -> list[Path]:
    """Create a folder with its parents, and return those that were not there, the outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()][::-1]
    created = []
    with _writing(folder):
        for path in missing:
            with suppress(FileExistsError):  # created by another process in the meantime
                path.mkdir()
                created.append(path)
    return created


def _acquire(folder: Path, wait: float) -> int:
    """Return the descriptor of the locked file."""
    path, end = folder / LOCK, time.monotonic() + wait
    tries = 0
    while True:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)  # its last owner may have removed it
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not try_lock(descriptor):
            tries += 1
            os.close(descriptor)
            if tries < _TRIES:
                time.sleep(_PAUSE)
            elif time.monotonic() < end:
                time.sleep(_POLL)
            else:
                raise _busy(folder)
        elif is_at(descriptor, path):
            break
        else:  # its owner has removed it before it was locked
            os.close(descriptor)
    try:
        with _writing(folder):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, _record())
    except BaseException:
        _remove(path, descriptor)
        raise
    return descriptor


def _release(key: Path, folder: Path) -> None:
    """Give up a folder and remove its lock file, unless the folder was moved or removed."""
    descriptor = _owned.pop(key).descriptor
    # The working folder may have changed; or its parents may be closed to this user.
    path = folder / LOCK if is_at(descriptor, folder / LOCK) else key / LOCK
    _remove(path, descriptor)


def _remove(path: Path, descriptor: int) -> None:
    try:
        if os.name == "posix" and is_at(descriptor, path):
            path.unlink(missing_ok=True)  # while it is locked, so that nobody else has taken it
    except OSError:
        pass  # a file system that became read-only keeps the file, without a lock
    finally:
        with suppress(OSError):
            os.close(descriptor)
    if os.name != "posix":
        with suppress(OSError):  # Windows refuses to remove a file that another process has open
            path.unlink(missing_ok=True)


def _record() -> bytes:
    """Return the description of this process; the first byte is left out, since Windows locks it for readers."""
    program = Path(sys.argv[0] or "python")
    name = program.parent.name if program.stem == "__main__" else program.stem
    command = " ".join([name, *sys.argv[1:2]])[:80]
    started = time.strftime("%H:%M")
    record = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": command,
        "since": started,
    }
    return b" " + json.dumps(record).encode() + b"\n"


def _busy(folder: Path) -> BusyError:
    """Return the error that names the owner of a folder."""
    try:
        with (folder / LOCK).open("rb") as file:
            file.seek(1)
            record = json.loads(file.read(4096))
        owner = f"process {record['pid']} ({record['command']}, since {record['since']})"
        if record["host"] != platform.node():
            owner = f"{owner} on {record['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        owner = "another process"  # it has ended, or has not written its name yet
    return BusyError(
        f"{folder}: {owner} is working in this folder, so it stays unchanged; wait until it has ended, or choose "
        "another folder"
    )
