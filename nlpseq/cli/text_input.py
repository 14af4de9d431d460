"""Texts in, answers out: what `nlpseq predict` reads, and the forms in which it prints.

Both ends are iterators: a file of any size takes the memory of one chunk, and what is answered is
shown while the rest is still unread. An answer is a plain dictionary, as a predictor gives it; its
keys tell its kind: `entities` of a tagger, `label` of a classifier, `output` of a model that writes,
others of other tasks.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TextIO

from nlpseq.readers.local_files import GZIP_MAGIC
from nlpseq.errors import UserError
from nlpseq.files import is_utf8

CHUNK, WRITING_CHUNK = 1000, 256
"""How many texts are answered and shown at a time; fewer where the model writes, token by token."""


def read_texts(words: Sequence[str], file: Path | None, stream: TextIO | None) -> Iterator[str]:
    """The texts to answer, each read when it is asked for.

    Args:
        words: texts of the command line.
        file: else a UTF-8 file of one text a line, compressed by gzip or not.
        stream: else standard input, of one text a line.

    Raises:
        UserError: nothing is given, or two things are; no line; a line that is not UTF-8 text.
    """
    if words and file is not None:
        raise UserError(f"there are texts and --file {file}: give one or the other")
    if words:
        return _valid(words)
    if file is not None:
        return _lines_of_file(file)
    if stream is None or stream.isatty():
        raise UserError("no text: write it behind the run, name a --file, or pipe lines in")
    return _lines(stream.buffer, "standard input")


def chunks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """So many texts at a time; the last chunk has what is left."""
    iterator = iter(texts)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _valid(words: Sequence[str]) -> Iterator[str]:
    for number, word in enumerate(words, 1):
        if not is_utf8(word):
            raise UserError(f"text {number} of the command line: not UTF-8")
        yield word


def _lines_of_file(file: Path) -> Iterator[str]:
    with file.open("rb") as raw:
        zipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        with gzip.open(raw) if zipped else nullcontext(raw) as content:
            try:
                yield from _lines(content, str(file))
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise UserError(
                    f"{file}: the gzip file is damaged or cut short: {error}"
                ) from error


def _lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines without their ends, each checked to be text."""
    number = 0
    for number, line in enumerate(stream, 1):
        place = f"{name}, line {number}"
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UserError(f"{name}: UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
        if b"\0" in line:
            raise UserError(f"{place}: a NUL byte, so it is not text")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{place}: not UTF-8; convert it, for instance: iconv -f ISO-8859-1 -t UTF-8"
            ) from error
        yield text.removesuffix("\n").removesuffix("\r")
    if not number:
        raise UserError(f"{name}: empty, there is no line to answer")
