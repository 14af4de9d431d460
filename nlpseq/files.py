"""Writing files so that each appears whole or not at all, and saying in one line why one cannot."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
