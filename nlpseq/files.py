"""Files that appear complete or not at all, one-line errors of the disk, and short names for paths."""

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nlpseq.errors import UserError
from nlpseq.locks import is_at, try_lock
from nlpseq.temporary_files import temporary_beside

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {
    errno.EACCES,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


_PROCESS = "process"
"""Key of the number of the process that writes a `GrowingFile`."""


class NotWrittenError(UserError):
    """A file or folder that cannot be written: the disk is full, read-only or damaged, or permissions are missing.

    Attributes:
        target: the file or folder.
        full: whether the disk has no space.
    """

    def __init__(self, message: str, target: Path, *, full: bool = False) -> None:
        super().__init__(message)
        self.target, self.full = target, full


@contextmanager
def disk(target: Path) -> Iterator[None]:
    """Turn an error of the disk while writing `target` into one line for the user.

    Raises:
        NotWrittenError: no space is left, a quota is used up, or `target` may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NotWrittenError(
                f"no space left on the disk to write {target}: existing files are unchanged; free "
                "some space",
                target,
                full=True,
            ) from error
        parent = existing_parent(target)
        if error.errno in {errno.EEXIST, errno.ENOTDIR} and parent != target:
            message = f"{target} cannot be written: {parent} is a file"
            raise NotWrittenError(message, target) from error
        if error.errno in _REFUSED:
            message = f"{target} cannot be written: {error.strerror}"
            raise NotWrittenError(message, target) from error
        raise


def check_writable(path: Path) -> None:
    """Check that a file or folder can be written, before the work whose result goes there.

    Raises:
        NotWrittenError: a parent is a file, or its permissions forbid writing.
    """
    with disk(path):
        existing = existing_parent(path)
        if existing != path and not existing.is_dir():
            raise NotWrittenError(f"{path} cannot be written: {existing} is a file", path)
        effective = os.access in os.supports_effective_ids
        if not os.access(existing, os.W_OK, effective_ids=effective):
            reason = errno.EROFS if _read_only(existing) else errno.EACCES
            raise OSError(reason, os.strerror(reason), str(existing))


def _read_only(path: Path) -> bool:
    """Return whether a path lies on a file system that is mounted to be read only."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def existing_parent(path: Path) -> Path:
    """Return the path itself if it exists, else the nearest of its parents that exists."""
    return next((parent for parent in (path, *path.parents) if parent.exists()), Path())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces `path` at the end, flushed to the disk.

    Raises:
        NotWrittenError: as `disk`; an older `path` is then unchanged.
    """
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(path) as temporary:
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            temporary.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it, so that readers see it complete."""
    write_lines(path, [text])


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=True) + "\n")


def write_lines(path: Path, pieces: Iterable[str]) -> None:
    """Write pieces of text as one file."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


def partial_of(path: Path) -> Path:
    """Return the path of a `GrowingFile` until it is complete."""
    return path.with_name(f"{path.name}.partial")


def maker_of(path: Path) -> dict[str, Any]:
    """Return the `made_by` of an incomplete `GrowingFile`; empty if it is unknown."""
    note = _read_note(path)
    note.pop(_PROCESS, None)
    return note


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(_note_of(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial.json")


def names_of(path: Path) -> tuple[Path, ...]:
    """Return the paths of all files that a `GrowingFile` writes."""
    return path, partial_of(path), _note_of(path)


def discard_partial(path: Path) -> None:
    """Remove the files of an incomplete `GrowingFile`."""
    _note_of(path).unlink(missing_ok=True)
    partial_of(path).unlink(missing_ok=True)


def is_utf8(text: str) -> bool:
    """Return whether a text can be written; invalid bytes of a shell become characters that cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_partial(path: Path) -> bool:
    """Return whether an incomplete `GrowingFile` exists."""
    partial = partial_of(path)
    return partial.is_file() and partial.stat().st_size > 0


class GrowingFile:
    """A file that is written piece by piece under the name `partial_of`; each piece survives a kill.

    Args:
        path: path of the complete file.
        keep: number of bytes to keep of an earlier partial file; the rest is cut off.
        made_by: JSON that describes what makes the file; stored beside the partial file.

    Raises:
        UserError: as `disk` (NotWrittenError), when it is opened, appended to or finished; another process writes it.
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
                    write_json(_note_of(path), {**made_by, _PROCESS: os.getpid()})
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def append(self, piece: str) -> None:
        """Write a piece and flush it to the disk."""
        with disk(self._path):
            self._file.write(piece.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Rename the complete file to its path."""
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
        # A disk that refused the rest of the buffer would refuse it again; the chunk is written again on resume.
        with suppress(OSError):
            self._file.close()
        if empty and kind is not None:
            discard_partial(self._path)

    def _cut(self, keep: int) -> None:
        if os.fstat(self._file.fileno()).st_size < keep:
            raise UserError(f"{self._partial}: another process has finished it in the meantime")
        self._file.truncate(keep)

    def _lock(self) -> None:
        """Lock the file against a second writer."""
        if not try_lock(self._file.fileno()):
            process = _read_note(self._path).get(_PROCESS)
            owner = "another process" if process is None else f"process {process}"
            raise UserError(f"{self._partial}: {owner} is writing it")
        if not is_at(self._file.fileno(), self._partial):
            raise UserError(f"{self._partial}: another process has finished it in the meantime")


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a new file and flush it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, on systems that can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def portable_name(name: str) -> str:
    """Return a name as the name of one folder or file, without characters that Windows forbids."""
    return re.sub(r'[<>:"/\\|?*]', "-", name)


def distinct_names(paths: Iterable[str | Path], separator: str = "/") -> list[str]:
    """Return the shortest ends of paths that distinguish them, such as `lstm` or `13/lstm`.

    Args:
        paths: different paths.
        separator: between the parts of a name.
    """
    parts = [Path(path).parts for path in paths]
    for length in range(1, max(1, *map(len, parts)) + 1):
        names = [separator.join(part[-length:]) or "." for part in parts]
        if len({*names}) == len(names):
            break
    return names
