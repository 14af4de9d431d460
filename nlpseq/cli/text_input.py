"""Texts that `nlpseq predict` reads: from the command line, a file or standard input.

Texts come as an iterator: a file of any size takes the memory of one chunk, and predictions for its first lines
are shown while the rest is still unread.
"""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from nlpseq.errors import UserError
from nlpseq.files import is_utf8
from nlpseq.predictor import joined
from nlpseq.readers.compression import GZIP_MAGIC, compression_of, open_bytes, split_member

CHUNK_SIZE, GENERATION_CHUNK_SIZE = 1000, 256
"""Texts that are predicted and shown at a time; fewer where the model generates text, token by token."""


Tokens = list[str]
TextOrPair = str | Tokens | tuple[str | Tokens, str | Tokens]
"""A text, or a list of its tokens; or a pair of such for a model that reads two."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a file with columns.

    Attributes:
        text: what the model reads of it.
        columns: values by the name of the column.
        where: file and number of the row, for messages.
    """

    text: TextOrPair
    columns: Mapping[str, object]
    where: str


Item = TextOrPair | TableRow


def text_of(item: Item) -> TextOrPair:
    """Return what the model reads of an item."""
    return item.text if isinstance(item, TableRow) else item


def strings_of(item: Item) -> tuple[str, ...]:
    """Return the text of an item, or both texts of a pair, as strings: tokens with a space between them."""
    text = text_of(item)
    return tuple(map(joined, text)) if isinstance(text, tuple) else (joined(text),)


class CountingIterator:
    """Items, counted as they are read.

    Attributes:
        count: how many have been read.
        blank: how many of them are empty, or white space alone; of pairs, those with such a text.
    """

    def __init__(self, texts: Iterator[Item]) -> None:
        self._texts = texts
        self.count = 0
        self.blank = 0

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        item = next(self._texts)
        self.count += 1
        self.blank += not all(map(str.strip, strings_of(item)))
        return item


def read_texts(words: Sequence[str], file: Path | None, stream: TextIO | None) -> Iterator[str]:
    """Return an iterator over the texts, which reads each when it is asked for.

    Args:
        words: texts from the command line.
        file: otherwise a UTF-8 file with one text per line, plain or compressed by gzip.
        stream: otherwise standard input, with one text per line.

    Raises:
        UserError: nothing is given, or both texts and a file; there is no line, or a line is not UTF-8 text.
    """
    if words and file is not None:
        raise UserError(f"both texts and --file {file} are given; give one or the other")
    if words:
        return _check_words(words)
    if file is not None:
        return _read_file(file)
    if stream is None or stream.isatty():
        raise UserError("no text: write it after the run, name a --file, or pipe lines in")
    return _read_lines(stream.buffer, "standard input")


def chunks(texts: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield `size` texts at a time, and the rest in the last chunk."""
    iterator = iter(texts)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _check_words(words: Sequence[str]) -> Iterator[str]:
    for number, word in enumerate(words, 1):
        try:
            yield os.fsencode(word).decode()  # in a locale without UTF-8 Python has not decoded it
        except UnicodeError as error:
            if is_utf8(word):
                yield word
            else:
                raise UserError(f"text {number} on the command line: not UTF-8") from error


def _read_file(file: Path) -> Iterator[str]:
    if split_member(file)[1] or (file.is_file() and compression_of(file) not in ("", "gzip")):
        with open_bytes(file) as content:
            yield from _read_lines(content, str(file))
        return
    with file.open("rb") as raw:
        zipped = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)  # a pipe cannot go back
        with gzip.open(raw) if zipped else nullcontext(raw) as content:
            try:
                yield from _read_lines(content, str(file))
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise UserError(
                    f"{file}: the gzip file is damaged or truncated: {error}"
                ) from error


def _read_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the lines without their line ends; raise UserError at the first that is not text."""
    number = 0
    for number, line in enumerate(stream, 1):
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UserError(f"{name}: UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
        if b"\0" in line:
            raise UserError(f"{name}, line {number}: a NUL byte, so it is not text")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{name}, line {number}: not UTF-8; convert it, for example: "
                "iconv -f ISO-8859-1 -t UTF-8"
            ) from error
        yield text.removesuffix("\n").removesuffix("\r")
    if not number:
        raise UserError(f"{name}: empty, there is no text in it")
