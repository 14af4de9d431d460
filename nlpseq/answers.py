"""Texts in, answers out: what `nlpseq predict` reads, and the forms in which it prints.

Both ends are iterators: a file of any size takes the memory of one chunk, and what is answered is
shown while the rest is still unread. An answer is a plain dictionary, as a predictor gives it; its
keys tell its kind: `entities` of a tagger, `label` of a classifier, `output` of a model that writes,
others of other tasks.
"""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from nlpseq.analysis import highlight
from nlpseq.data.local import GZIP_MAGIC
from nlpseq.errors import UserError
from nlpseq.files import is_utf8

Answer = Mapping[str, Any]

CHUNK, WRITING_CHUNK = 1000, 256
"""How many texts are answered and shown at a time; fewer where the model writes, token by token."""

# What a kind of answer is called, and the forms that fit it beside JSON.
_KINDS = {
    "entities": ("entities", ("text", "conll", "html")),
    "label": ("a classification", ("text", "html")),
    "output": ("written texts", ("text", "html")),
}


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


def render(
    answers: Iterable[Sequence[Answer]], form: str | None, *, explain: bool, terminal: bool
) -> Iterator[str]:
    """Answers as what is printed, one piece a chunk.

    Args:
        answers: chunks of what a predictor gave.
        form: text, json, conll or html; None: text where there is something to colour and a
            terminal to show it, and for written texts; else json.
        explain: shade texts by the weights of an encoder that attends.
        terminal: the pieces are shown on one (then in its colours), not kept in a file.

    Raises:
        UserError: the form does not fit these answers, or there are no weights to explain by.
    """
    palette = highlight.Palette()
    for number, chunk in enumerate(answers):
        form = form or _default(chunk[0], explain=explain, terminal=terminal)
        for answer in chunk:
            _check(answer, form, explain=explain)
        pieces: Iterable[str]
        match form:
            case "json":
                pieces = (json.dumps(answer, ensure_ascii=False) + "\n" for answer in chunk)
            case "conll":
                pieces = (_conll(answer) for answer in chunk)
            case "text" if "output" in chunk[0]:
                pieces = (_output(answer, terminal=terminal) + "\n" for answer in chunk)
            case "text":
                pieces = highlight.printed(chunk, palette, explain=explain, terminal=terminal)
            case _:
                pieces = (highlight.as_html(answer, palette, explain=explain) for answer in chunk)
        yield (highlight.PAGE_START if form == "html" and not number else "") + "".join(pieces)
    if form == "html":
        yield highlight.PAGE_END


def in_short(answer: Answer) -> str:
    """The answer alone, in one line: `positive (0.98)`, `Ada Lovelace PER, Paris LOC`, or what was written."""
    if "entities" in answer:
        found = [f"{entity['text']} {entity['type']}" for entity in answer["entities"]]
        return ", ".join(found) or "none"
    if "label" in answer:
        label = answer["label"]
        return f"{label} ({answer['probabilities'][label]:.2f})" if label is not None else "none"
    return _output(answer, terminal=True)


def _default(answer: Answer, *, explain: bool, terminal: bool) -> str:
    if "output" in answer:
        return "text"
    return "text" if terminal and ("entities" in answer or explain) else "json"


def _check(answer: Answer, form: str, *, explain: bool) -> None:
    """Refuse a form that does not fit, and an explanation where the model has none."""
    key = next((key for key in _KINDS if key in answer), "")
    kind, forms = _KINDS.get(key, ("these answers", ()))
    if explain and key != "label":
        raise UserError(f"--explain does not fit {kind}: it shows what a classifier attends to")
    if form != "json" and (form not in forms or (explain and form == "conll")):
        raise UserError(f"--format {form} does not fit {kind}: use {', '.join(('json', *forms))}")
    if explain and answer["label"] is not None and "weights" not in answer:
        raise UserError(
            "--explain: this model does not attend, so there are no weights to show; train one "
            "that does, for example with head.pooling=attention"
        )


def _output(answer: Answer, *, terminal: bool) -> str:
    """What was written, as one line; a terminal is not shown what could command it."""
    line = " ".join(answer["output"].splitlines())
    return highlight.safe(line) if terminal else line


def _conll(answer: Answer) -> str:
    """`token tag` lines and an empty one behind them; of an empty text only that."""
    rows = zip(answer["tokens"], answer["tags"], strict=True)
    return "".join(f"{token} {tag}\n" for token, tag in rows) + "\n"
