"""Writing files so that each appears whole or not at all, and saying in one line why one cannot."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nlpseq.errors import UserError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def disk(target: Path) -> Iterator[None]:
    """Say in one line that the disk is full, or refuses, when writing `target` fails for that.

    Raises:
        UserError: no space is left, a quota is used up, or `target` may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"no space left on the disk to write {target}: what was there is untouched; free "
                "some, then resume"
            ) from error
        if error.errno in _REFUSED:
            raise UserError(f"{target} cannot be written: {error.strerror}") from error
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; what is there at the end becomes `path`, on the disk.

    Raises:
        UserError: as `disk`; an older `path` is then untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    with disk(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            if path.parent.is_dir():
                temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name, then rename: a reader never sees half a file."""
    write_lines(path, [text])


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write readable JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=True) + "\n")


def write_lines(path: Path, pieces: Iterable[str]) -> None:
    """Write pieces of text one after the other, as one file."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


def partial_of(path: Path) -> Path:
    """Where a `GrowingFile` is kept until it is whole."""
    return path.with_name(f"{path.name}.partial")


def maker_of(path: Path) -> dict[str, Any]:
    """What a `GrowingFile` was told of what makes it; empty if nothing is known."""
    try:
        found = json.loads(_note_of(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial.json")


def names_of(path: Path) -> tuple[Path, ...]:
    """All files that a `GrowingFile` writes."""
    return path, partial_of(path), _note_of(path)


def discard_partial(path: Path) -> None:
    """Remove what an unfinished `GrowingFile` has left."""
    _note_of(path).unlink(missing_ok=True)
    partial_of(path).unlink(missing_ok=True)


def is_utf8(text: str) -> bool:
    """Whether a text can be written: a shell's odd bytes come as characters that cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_partial(path: Path) -> bool:
    """Whether a part of a file is there, and nobody has finished it."""
    partial = partial_of(path)
    return partial.is_file() and partial.stat().st_size > 0


class GrowingFile:
    """A file written piece by piece under the name of `partial_of`; what is written stays, come what may.

    Args:
        path: its name once it is whole.
        keep: how many bytes of an earlier partial file it begins with; the others are cut off.
        made_by: what makes it, as JSON; kept beside the partial file.

    Raises:
        UserError: as `disk`, when it is entered, appended to or finished; or another process is writing it.
    """

    def __init__(self, path: Path, keep: int = 0, made_by: Mapping[str, Any] | None = None) -> None:
        self._path, self._partial = path, partial_of(path)
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("ab")
            try:
                self._lock()
                self._cut(keep)
                if made_by is not None:
                    write_json(_note_of(path), made_by)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def append(self, piece: str) -> None:
        """Write a piece; it is on the disk when this returns."""
        with disk(self._path):
            self._file.write(piece.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Give the file its name."""
        with disk(self._path):
            _note_of(self._path).unlink(missing_ok=True)
            self._partial.replace(self._path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        empty = os.fstat(self._file.fileno()).st_size == 0
        # A disk that refused what is left in the buffer would refuse it again; a whole chunk is redone.
        with suppress(OSError):
            self._file.close()
        if empty and kind is not None:
            discard_partial(self._path)

    def _cut(self, keep: int) -> None:
        if os.fstat(self._file.fileno()).st_size < keep:
            raise UserError(f"{self._partial}: another process has finished it meanwhile")
        self._file.truncate(keep)

    def _lock(self) -> None:
        """Of two that would write, the second says so; Windows has no such lock."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{self._partial}: another process is writing it") from error
        except OSError:  # a file system without locks
            pass


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
