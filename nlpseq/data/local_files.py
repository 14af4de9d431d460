"""Local files: found below a folder, and read as text, or it is said what is wrong with them."""

import codecs
import gzip
import zlib
from pathlib import Path

from nlpseq.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"


def find(folder: Path, name: str) -> Path:
    """The file `name` or `name.gz` in a folder, else in one of its subfolders.

    Raises:
        UserError: there is no such folder or file, or several subfolders have one.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no such folder"
        raise UserError(f"data folder {folder}: {problem}")
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    below = sorted(file for file in folder.rglob("*") if file.is_file())
    for ending in (f"/{name}", f"/{name}.gz"):
        found = [file for file in below if file.as_posix().endswith(ending)]
        if len(found) > 1:
            listed = " and ".join(str(file.relative_to(folder)) for file in found)
            raise UserError(f"data folder {folder} has {listed}: name one of them in data.files")
        if found:
            return found[0]
    raise UserError(f"data folder {folder}: no file {name} or {name}.gz in it or below it")


def read_text(file: Path) -> str:
    """The content of a UTF-8 file, compressed by gzip or not; line ends stay as they are.

    Raises:
        UserError: the file is empty, binary, damaged or in another encoding; the line is named.
    """
    content = _read_bytes(file)
    if not content.strip():
        raise UserError(f"{file}: the file is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{file}: UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
    if (place := content.find(b"\0")) >= 0:
        raise UserError(
            f"{file}, line {_line(content, place)}: a NUL byte, so it is not a text file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}, line {_line(content, error.start)}: not UTF-8; convert the file, "
            "for instance: iconv -f ISO-8859-1 -t UTF-8"
        ) from error


def read_lines(file: Path) -> list[str]:
    """The lines of a text file; what follows the last newline is one only if it is not empty.

    Raises:
        UserError: as `read_text`.
    """
    lines = read_text(file).split(
        "\n"
    )  # splitlines() would also cut at U+2028 and other characters
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


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1
