"""Files of a run or model, which may come from a stranger: read within bounds, or refused in one line.

A file is a regular one, not a pipe or a device, lies in its folder, and is not larger than such files are. JSON has
each key once and is not nested deeper than Python's parser goes.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError

MOST_JSON_BYTES = 2**27
"""Largest JSON file of a run or model: 128 MB; a vocabulary of two million words takes half."""
MOST_NAME = 100
_HUB_LINKS = "blobs"
_PLAIN_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f/\\]+")


def regular_file(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, after a check that it may be read.

    Args:
        folder: of a run or model.
        name: of the file below it: `target/tokenizer.json`.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is no regular file, or a link leads out of the folder.
    """
    path = folder / name
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: not a regular file")
    check_inside(folder, path)
    return path


def check_inside(folder: Path, path: Path) -> None:
    """Check that no symbolic link leads from a folder to a path outside of it.

    Files that the Hub's client has downloaded are links into the folder of all versions of that model.

    Raises:
        UserError: a link leads out of the folder.
    """
    real, home = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    if real.is_relative_to(home):
        return
    if home.parent.name == "snapshots" and real.is_relative_to(home.parents[1] / _HUB_LINKS):
        return
    raise UserError(
        f"{path}: a symbolic link to {real}, outside of {folder}; put a copy of the file there"
    )


def is_plain_name(name: object) -> bool:
    """Return whether a name, such as that of a split, can be that of a file in a folder: no `/`, no `..`."""
    return (
        isinstance(name, str)
        and len(name.encode("utf-8", "replace")) <= MOST_NAME
        and _PLAIN_NAME.fullmatch(name) is not None
        and name not in (".", "..")
    )


def check_name(name: object, where: str) -> str:
    """Return a name that becomes that of a file.

    Args:
        name: as it was read.
        where: the beginning of the message: a file and a key.

    Raises:
        UserError: it could be a path.
    """
    if not is_plain_name(name):
        raise UserError(
            f"{where}: {name!r:.80}: not a name; it may have no / and no \\, is not .., and has at most "
            f"{MOST_NAME} bytes"
        )
    return str(name)


def read_bytes(folder: Path, name: str, limit: int = MOST_JSON_BYTES) -> bytes:
    """Return the content of a file in a folder.

    Args:
        folder: of a run or model.
        name: of the file below it.
        limit: largest size.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, is too large, no regular file, or a link out of the folder.
    """
    path = folder / name
    try:
        size = regular_file(folder, name).stat().st_size
        if size > limit:
            raise UserError(
                f"{path}: {size / 1e6:,.0f} MB, and such a file has at most {limit / 1e6:,.0f} MB"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def read_object(folder: Path, name: str, limit: int = MOST_JSON_BYTES) -> dict[str, Any]:
    """Return the JSON object of a file in a folder.

    Args:
        folder: of a run or model.
        name: of the file below it.
        limit: largest size in bytes.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: as `read_bytes`, or it is no JSON object, has a key twice, or is nested too deep.
    """
    content = parse_json(read_bytes(folder, name, limit), str(folder / name))
    if not isinstance(content, dict):
        raise UserError(f"{folder / name}: not a JSON object")
    return content


def parse_json(content: bytes | str, where: str) -> Any:
    """Parse JSON; `where` begins the message.

    Raises:
        UserError: it is no JSON, has a key twice, a number of thousands of digits, or is nested too deep.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for index, name in enumerate(names) if name in names[:index])
            raise UserError(f"{where}: the key {twice!r:.80} is there twice")
        return values

    try:
        return json.loads(content, object_pairs_hook=once)
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not valid JSON: not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise UserError(f"{where}: not valid JSON: {reason_of(error)}") from error
    except RecursionError as error:
        raise UserError(f"{where}: not valid JSON: it is nested too deep") from error


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn what goes wrong with values of a damaged file into one line, which begins with `where`.

    Raises:
        UserError: a key is missing, or has a value of another type or beyond its bounds.
    """
    try:
        yield
    except UserError:
        raise
    except KeyError as error:
        key = f".{error.args[0]}" if ": " in where else f": key {error}"  # a path of keys goes on
        raise UserError(f"{where}{key} is missing") from error
    except (
        AssertionError,
        AttributeError,
        ImportError,
        LookupError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        raise UserError(f"{where}: damaged: {reason_of(error)}") from error


def reason_of(error: BaseException, limit: int = 160) -> str:
    """Return the message of an error as one line, or its type if it has none."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    line = " ".join(str(error).split())
    shown = line if len(line) <= limit else f"{line[:limit]}..."
    return shown or type(error).__name__
