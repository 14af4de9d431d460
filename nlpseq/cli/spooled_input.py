"""Input that can be read only once, such as `<(zcat texts.csv.gz)` or standard input: copied to a file, read as that.

Files with columns are read twice: to check every row, then to predict. Lines are not; they are read as they come.
"""

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from nlpseq.errors import UserError
from nlpseq.files import disk
from nlpseq.temporary_files import folder_until_exit

_names: dict[str, str] = {}


def is_read_once(file: Path) -> bool:
    """Return whether a file is a pipe or a device, which has no beginning to go back to."""
    return file.exists() and not (file.is_file() or file.is_dir())


def spool(stream: BinaryIO, name: str, suffix: str = "") -> Path:
    """Copy a stream to a file, which is removed at the end of the process, and return its path.

    Args:
        stream: is read to its end.
        name: of the stream, for messages, see `as_given`.
        suffix: ending of the new file.

    Raises:
        NotWrittenError: there is no space for the copy.
    """
    path = folder_until_exit(Path(tempfile.gettempdir())) / f"input{suffix}"
    _names[str(path)] = name
    with disk(path), path.open("wb") as copy:
        shutil.copyfileobj(stream, copy)
    return path


def spool_file(file: Path) -> Path:
    """Copy a pipe to a file, see `spool`; any other file is returned as it is."""
    if not is_read_once(file):
        return file
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error
    with stream:
        return spool(stream, str(file), file.suffix)


def as_given(text: str) -> str:
    """Return a message in which copies have the names of what was copied."""
    for path, name in _names.items():
        text = text.replace(path, name)
    return text
