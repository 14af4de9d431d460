"""Find local files below a folder, and read the text or the lines of one."""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.compression import (
    GZIP_MAGIC,
    SUFFIXES,
    compression_of,
    open_bytes,
    split_member,
)
from nlpseq.readers.encodings import (
    SAMPLE,
    UTF_8,
    choose_encoding,
    guess_encoding,
    is_valid_start,
)
from nlpseq.readers.reader import AUTO

LONGEST_LINE = 1 << 26
"""Characters of a line; a longer one is no text, or has other line ends."""

__all__ = ["GZIP_MAGIC", "TextFile", "find_file", "find_files", "read_lines", "read_text"]


def find_files(folder: Path, name: str) -> list[Path]:
    """Return the files that a name stands for: one file, or with `*` in it all that match, sorted.

    A name without such a file may be a folder, which is returned as it is.

    Raises:
        UserError: nothing has this name.
    """
    if "*" in name and folder.is_dir() and not (folder / name).exists():
        matches = sorted(file for file in folder.glob(name) if file.is_file())
        if not matches:
            raise UserError(f"data folder {folder}: no file matches {name}")
        return matches
    if name and (folder / name).is_dir():
        return [folder / name]
    return [find_file(folder, name)]


def find_file(folder: Path, name: str) -> Path:
    """Return the file `name` or `name.gz` in a folder, or else in one of its subfolders.

    The other endings of `compression.SUFFIXES` are also tried. A path into a zip file is returned as it is.

    Raises:
        UserError: the folder or the file does not exist, or several subfolders have such a file.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no such folder"
        raise UserError(f"data folder {folder}: {problem}")
    for suffix in ("", *SUFFIXES):
        if (file := folder / f"{name}{suffix}").is_file():
            return file
    if split_member(folder / name)[1] and compression_of(folder / name) == "zip":
        return folder / name
    below = sorted(file for file in folder.rglob("*") if file.is_file())
    for suffix in ("", *SUFFIXES):
        matches = [file for file in below if file.as_posix().endswith(f"/{name}{suffix}")]
        if len(matches) > 1:
            listed = " and ".join(str(file.relative_to(folder)) for file in matches)
            raise UserError(f"data folder {folder} has {listed}: name one of them in data.files")
        if matches:
            return matches[0]
    raise UserError(f"data folder {folder}: no file {name} or {name}.gz in it or below it")


class TextFile:
    """A text file that is decoded as it is read, compressed or not.

    Attributes:
        file: the file.
        codec: the encoding.
        note: what was assumed of the encoding; '' for UTF-8.
        sample: the beginning of the text, up to `SAMPLE` bytes.
        complete: the sample is the whole text.
    """

    def __init__(self, file: Path, encoding: str = AUTO) -> None:
        """Read the beginning of a file.

        Raises:
            UserError: the file is empty, binary, damaged or in another encoding.
        """
        self.file = file
        with open_bytes(file) as stream:
            start = stream.read(SAMPLE)
            self.complete = not stream.read(1)
        self.codec = choose_encoding(encoding, start)
        self.note = self._note(encoding, start)
        if b"\0" in start and not self.codec.startswith(("utf-16", "utf-32")):
            raise self._nul_byte(start.count(b"\n", 0, start.index(b"\0")) + 1)
        if is_valid_start(start, self.codec, complete=self.complete):
            self.sample = start.decode(
                self.codec, errors="ignore" if not self.complete else "strict"
            )
        else:
            self.sample = self.text()  # names the line
        if not self.sample.strip() and (self.complete or not self.text().strip()):
            raise UserError(f"{file}: the file is empty")

    def _note(self, encoding: str, start: bytes) -> str:
        if encoding == AUTO:
            return (
                "" if self.codec.startswith(UTF_8) else f"read as {self.codec.upper()}, by its mark"
            )
        if self.codec.startswith("utf") or start.isascii() or not is_valid_start(start, UTF_8):
            return ""
        return f"read as data.encoding={encoding} says, though it is also valid UTF-8"

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends; an empty rest after the last newline is not a line."""
        # Universal newlines would end every line at \r, and splitlines() also at U+2028.
        macintosh = "\r" in self.sample and "\n" not in self.sample
        end = "\r" if macintosh else "\n"
        for line in self.records(end):
            line = line.removesuffix(end)
            yield line if macintosh else line.removesuffix("\r")

    def records(self, newline: str = "") -> Iterator[str]:
        """Yield lines with their ends as they are, for a parser of quoted fields.

        Args:
            newline: the end of a line; '': any of the three usual ones.
        """
        for number, line in enumerate(self._pieces(newline, LONGEST_LINE), start=1):
            if len(line) == LONGEST_LINE:
                raise UserError(
                    f"{self.file}, line {number}: longer than {LONGEST_LINE:,} characters; is it a text file?"
                )
            yield line

    def text(self) -> str:
        """Return all of the text; line ends are kept."""
        return "".join(self._pieces("\n"))

    def _pieces(self, newline: str, longest: int = -1) -> Iterator[str]:
        """Yield lines, the parts of those that are longer than `longest` one by one; -1: whole."""
        with open_bytes(self.file) as stream:
            try:
                text = io.TextIOWrapper(stream, encoding=self.codec, newline=newline)
                number = 1
                while line := text.readline(longest):
                    if "\0" in line:
                        raise self._nul_byte(number)
                    yield line
                    number += 1
            except UnicodeError as error:
                raise self._wrong_encoding() from error

    def _nul_byte(self, number: int) -> UserError:
        with open_bytes(self.file) as stream:
            likely = guess_encoding(stream.read(SAMPLE)).codec
        wide = f", or UTF-16 without its mark: set data.encoding={likely}"
        return UserError(
            f"{self.file}, line {number}: a NUL byte, so it is not a text file"
            f"{wide if likely.startswith('utf-16-') else ''}"
        )

    def _wrong_encoding(self) -> UserError:
        """Return the error for bytes that are not text in this encoding; it names their line."""
        with open_bytes(self.file) as stream:
            number = next(
                (n for n, line in enumerate(stream, 1) if not _is_text(line, self.codec)), 1
            )
        wide = self.codec.startswith(("utf-16", "utf-32"))  # whose lines do not end at a byte
        where = str(self.file) if wide else f"{self.file}, line {number}"
        if not self.codec.startswith(UTF_8):
            return UserError(f"{where}: not {self.codec} text; set another data.encoding")
        with open_bytes(self.file) as stream:
            content = b"".join(islice(stream, max(0, number - 50), number + 50))
        likely = guess_encoding(content[:SAMPLE]).codec
        if not likely or likely == UTF_8:
            return UserError(f"{where}: not UTF-8, and no text in another usual encoding")
        return UserError(
            f"{where}: not UTF-8; it may be {likely}: set data.encoding={likely}, "
            f"or convert the file: iconv -f {likely.upper()} -t UTF-8"
        )


def _is_text(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeError:
        return False
    return True


def read_text(file: Path, encoding: str = AUTO) -> str:
    """Return the content of a text file, compressed or not; line ends are kept.

    Raises:
        UserError: the file is empty, binary, damaged or in another encoding; the line is named.
    """
    return TextFile(file, encoding).text()


def read_lines(file: Path, encoding: str = AUTO) -> list[str]:
    """Return the lines of a text file; an empty rest after the last newline is not a line.

    Raises:
        UserError: as `read_text`.
    """
    return list(TextFile(file, encoding).lines())
