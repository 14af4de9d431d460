"""Find a local file below a folder, and read its text or its lines."""

import codecs
import gzip
import zlib
from pathlib import Path

from nlpseq.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"


def find_file(folder: Path, name: str) -> Path:
    """Return the file `name` or `name.gz` in a folder, or else in one of its subfolders.

    Raises:
        UserError: the folder or the file does not exist, or several subfolders have such a file.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no such folder"
        raise UserError(f"data folder {folder}: {problem}")
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    below = sorted(file for file in folder.rglob("*") if file.is_file())
    for ending in (f"/{name}", f"/{name}.gz"):
        matches = [file for file in below if file.as_posix().endswith(ending)]
        if len(matches) > 1:
            listed = " and ".join(str(file.relative_to(folder)) for file in matches)
            raise UserError(f"data folder {folder} has {listed}: name one of them in data.files")
        if matches:
            return matches[0]
    raise UserError(f"data folder {folder}: no file {name} or {name}.gz in it or below it")


def read_text(file: Path) -> str:
    """Return the content of a UTF-8 file, compressed by gzip or not; line ends are kept.

    Raises:
        UserError: the file is empty, binary, damaged or in another encoding; the line is named.
    """
    content = _read_bytes(file)
    if not content.strip():
        raise UserError(f"{file}: the file is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{file}: UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
    if (index := content.find(b"\0")) >= 0:
        raise UserError(
            f"{file}, line {_line_at(content, index)}: a NUL byte, so it is not a text file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}, line {_line_at(content, error.start)}: not UTF-8; convert the file, "
            "for instance: iconv -f ISO-8859-1 -t UTF-8"
        ) from error


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file; an empty rest after the last newline is not a line.

    Raises:
        UserError: as `read_text`.
    """
    # splitlines() would also cut at U+2028 and other characters.
    lines = read_text(file).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _read_bytes(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{file}: the gzip file is damaged or cut short: {error}") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error


def _line_at(content: bytes, index: int) -> int:
    return content.count(b"\n", 0, index) + 1
