"""Compressed files: opened as streams of bytes, told apart by their first bytes and not by their names.

A file in a zip has the path `texts.zip/train.csv`. Zstandard is pyarrow's.
"""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlpseq.errors import UserError, suggest

GZIP_MAGIC = b"\x1f\x8b"
_MAGIC = {
    "gzip": GZIP_MAGIC,
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "zip": b"PK\x03\x04",
}
SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
"""Endings that `data.files` may leave out."""
OFFICE = "[Content_Types].xml"
"""A member of every .xlsx and .docx, which are zip files."""
_DAMAGE = (
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    struct.error,  # in the directory of a zip
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # a zip with a password
    MemoryError,  # asked for by the header of an xz file
)
EXPANDED = 1 << 30
"""Bytes from which the content of a compressed file is compared with its size."""
EXPANSION = 200
"""Largest ratio of the two: text reaches 10, a file that is made to fill a disk 1,000."""


def compression_of(file: Path) -> str:
    """Return `gzip`, `bzip2`, `xz`, `zstd` or `zip`; '' for a file that is not compressed.

    Raises:
        UserError: the file cannot be read.
    """
    archive, _ = split_member(file)
    with _reading(file), archive.open("rb") as stream:
        start = stream.read(10)
    known = [name for name, magic in _MAGIC.items() if start.startswith(magic)]
    if known == ["bzip2"] and start[4:10] != b"1AY&SY":
        return ""  # a text that begins with BZh
    return known[0] if known else ""


def inner_name(file: Path) -> str:
    """Return the name of a file without the ending of its compression: `train.csv` of `train.csv.gz`."""
    return file.stem if file.suffix in SUFFIXES else file.name


@contextmanager
def open_bytes(file: Path) -> Iterator[BinaryIO]:
    """Open a file, compressed or not.

    Raises:
        UserError: the file cannot be read or is damaged, or a zip has several members and none is named.
    """
    kind = compression_of(file)
    archive, member = split_member(file)
    with _reading(file):
        if kind == "zip":
            with _open_zip(archive) as content:
                name = _check_member(archive, member, content) or _only_member(file, content)
                with content.open(name) as stream:
                    yield _bounded(stream, archive)
        elif kind == "zstd":
            import pyarrow as pa  # late: recipes import this package for the names of formats

            with pa.input_stream(str(file), compression="zstd") as stream:
                yield _bounded(stream, file)
        elif kind:
            with _OPENERS[kind](file, "rb") as stream:
                yield _bounded(stream, file)
        else:
            with file.open("rb") as stream:
                yield stream


_OPENERS: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


class _Bounded(io.RawIOBase):
    """Bytes of a decompressed file, refused when they are far more than text can be of a file of its size.

    Args:
        stream: the decompressed bytes.
        file: the compressed file.
    """

    def __init__(self, stream: Any, file: Path) -> None:
        self._stream, self._file, self._size = stream, file, 0
        self._most = max(EXPANDED, EXPANSION * file.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, as `io.BufferedReader` asks for."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._size += len(data)
        if self._size > self._most:
            raise UserError(
                f"{self._file}: holds more than {self._most >> 30:,} GB, over {EXPANSION} times its size: no file of "
                "texts; decompress it first if it is one"
            )
        return len(data)


def _bounded(stream: Any, file: Path) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Bounded(stream, file), 1 << 16))


def _open_zip(file: Path) -> zipfile.ZipFile:
    """Open a zip file.

    Raises:
        UserError: its directory is damaged.
    """
    try:
        return zipfile.ZipFile(file)
    except ValueError as error:  # an offset before the file, a name that is no text
        raise UserError(f"{file}: damaged or cut short: {error}") from error


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn an error of reading into one line."""
    try:
        yield
    except _DAMAGE as error:
        raise UserError(f"{file}: damaged or cut short: {error}") from error
    except OSError as error:
        if error.errno is None:  # of bzip2 and pyarrow
            raise UserError(f"{file}: damaged or cut short: {error}") from error
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error


def split_member(file: Path) -> tuple[Path, str]:
    """Return the zip file and the member that a path such as `texts.zip/train.csv` names; '': no member."""
    if not file.exists():
        for parent in file.parents:
            if parent.is_file():
                return parent, file.relative_to(parent).as_posix()
    return file, ""


def members(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the files in a zip, except those that macOS adds."""
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and not info.filename.endswith(".DS_Store")
    ]


def _check_member(archive: Path, member: str, content: zipfile.ZipFile) -> str:
    """Return the name of a member, '' for none.

    Raises:
        UserError: the zip has no such file.
    """
    names = members(content)
    if member and member not in names:
        raise UserError(
            f"{archive}: no file {member} in it{suggest(member, names)}".removesuffix(".")
        )
    return member


def is_office(file: Path) -> bool:
    """Return whether a file is a spreadsheet or document of an office program, which is a zip file."""
    if not file.is_file() or compression_of(file) != "zip":
        return False
    with _reading(file), _open_zip(file) as archive:
        return OFFICE in archive.namelist()


def _only_member(file: Path, archive: zipfile.ZipFile) -> str:
    names = members(archive)
    if OFFICE in names:
        raise UserError(
            f"{file}: a spreadsheet or document of an office program; save it as CSV, or set "
            "data.format=xlsx for a spreadsheet"
        )
    if len(names) != 1:
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        example = f"; name one: {file.name}/{names[0]}" if names else ""
        raise UserError(f"{file}: a zip file with {len(names)} files ({listed}){example}")
    return names[0]
