"""Several files that are replaced together: the old ones are whole, or the new ones, or the set is incomplete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nlpseq.files import NotWrittenError, disk, sync_folder


@contextmanager
def staged(folder: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder to write files into, which then replace those of the same names in `folder`.

    The disk is full or the process is killed while they are written: the old files are unchanged. Killed while they
    are renamed: there is no marker. `folder` must have an owner, see `nlpseq.owner`.

    Args:
        folder: of the files; it is created if it is not there.
        marker: name of the file whose presence says that the set is complete; it is removed first and comes last.

    Raises:
        UserError: as `disk`.
    """
    temporary = folder / f".{marker}.tmp-{os.getpid()}"
    with disk(folder / marker):
        for left in folder.glob(".*.tmp-*/"):  # of killed processes, as this one owns the folder
            shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir(parents=True)
    try:
        yield temporary
        with disk(folder / marker):
            _replace(temporary, folder, marker)
    except NotWrittenError as error:
        if temporary not in error.target.parents:
            raise
        target = folder / error.target.relative_to(temporary)
        message = str(error).replace(str(error.target), str(target))
        raise NotWrittenError(message, target, full=error.full) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(temporary: Path, folder: Path, marker: str) -> None:
    files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
    files.sort(key=lambda path: path == temporary / marker)
    for path in files:  # what can fail comes before the first change
        (folder / path.relative_to(temporary)).parent.mkdir(parents=True, exist_ok=True)
    (folder / marker).unlink(missing_ok=True)
    try:
        for path in files:
            path.replace(folder / path.relative_to(temporary))
        sync_folder(folder)
    except OSError as error:
        raise NotWrittenError(
            f"{folder / marker} cannot be written: {error.strerror}; the earlier one was removed, so run the command "
            "again",
            folder / marker,
        ) from error
