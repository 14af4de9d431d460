"""Plain text: lines, whole files, lines with labels, and parallel files."""

import re
from collections.abc import Sequence
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.local_files import TextFile, read_lines
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions
from nlpseq.readers.tables import CHUNK, TableWriter

FASTTEXT_LABEL = re.compile(r"(?<!\S)__label__(\S+)[ \t]*")
TOKENS_ALONE = 'tokens and tags are two files, "seq.in, seq.out", and these are the tokens alone'
SOURCE_ALONE = 'parallel text is two files, "source, target", and this is the source alone'
_DEFAULTS = ReadOptions()
_ENCODING = ("encoding",)


def read_text_lines(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read each line as a text; an empty line is an empty text."""
    text = TextFile(file, options.encoding)
    writer = TableWriter(file)
    lines: list[str] = []
    for line in text.lines():
        lines.append(line)
        if len(lines) == CHUNK:
            writer.append({"text": lines})
            lines = []
    if lines:
        writer.append({"text": lines})
    return FileContent(writer.finish(), text.note)


def read_whole_text(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read a file as one text, line ends included."""
    text = TextFile(file, options.encoding)
    return FileContent({"text": [text.text()]}, text.note)


def read_labelled_lines(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read lines `label text`: the label ends at the first space."""
    text = TextFile(file, options.encoding)
    columns: Columns = {"label": [], "text": []}
    for number, line in enumerate(text.lines(), start=1):
        label, _, rest = line.partition(" ")
        if label.split() != [label] or not rest.strip():
            raise UserError(
                f"{file}, line {number}: not `label text`, with a space between: {line[:60]!r}"
            )
        columns["label"].append(label)
        columns["text"].append(rest)
    return FileContent(columns, text.note)


def read_fasttext(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read lines `__label__a __label__b text`: `labels` has all of them, `label` the only one if all lines do."""
    content = TextFile(file, options.encoding)
    columns: Columns = {"labels": [], "text": []}
    for number, line in enumerate(content.lines(), start=1):
        if not line.strip():
            continue
        labels = FASTTEXT_LABEL.findall(line)
        if not labels:
            raise UserError(f"{file}, line {number}: no __label__ in it: {line[:60]!r}")
        columns["labels"].append(labels)
        columns["text"].append(FASTTEXT_LABEL.sub("", line).strip(" \t"))
    if all(len(labels) == 1 for labels in columns["labels"]):
        columns["label"] = [label for (label,) in columns["labels"]]
    return FileContent(columns, content.note)


def read_parallel(*files: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read files whose lines belong together: source, target and perhaps the tokenized target; or the source alone."""
    sides = ("source", "target", "tokenized")
    if not 1 <= len(files) <= len(sides):
        names = ", ".join(file.name for file in files)
        raise UserError(
            'data.files: parallel text is two files, "source, target" (a third one is the target '
            f"tokenized, for scores of older papers), not {names!r}"
        )
    columns: Columns = {
        side: read_lines(file, options.encoding) for side, file in zip(sides, files, strict=False)
    }
    _check_parallel(columns, files)
    return FileContent(columns, SOURCE_ALONE if len(files) == 1 else "")


def read_seq_in_out(*files: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read the tokens and the tags of each sentence from a line of two files, and a label from a third."""
    sides = ("tokens", "tags", "label")
    if not 1 <= len(files) <= len(sides):
        names = ", ".join(file.name for file in files)
        raise UserError(
            'data.files: tokens and tags are two files, "seq.in, seq.out" (a third one has a label for each '
            f"sentence), not {names!r}"
        )
    columns: Columns = {
        side: read_lines(file, options.encoding) for side, file in zip(sides, files, strict=False)
    }
    _check_parallel(columns, files)
    if len(files) == 1:
        return FileContent({"tokens": _sentences(files[0], columns["tokens"])}, TOKENS_ALONE)
    for side in ("tokens", "tags"):
        columns[side] = [line.split() for line in columns[side]]
    pairs = zip(columns["tokens"], columns["tags"], strict=True)
    for number, (tokens, tags) in enumerate(pairs, start=1):
        if len(tokens) != len(tags) or not tokens:
            raise UserError(
                f"{files[1]}, line {number}: {len(tags)} tags for {len(tokens)} tokens of {files[0].name}"
            )
    return FileContent(columns)


def _sentences(file: Path, lines: Sequence[str]) -> list[list[str]]:
    """Return the tokens of each line; a line without one is an error."""
    sentences = [line.split() for line in lines]
    for number, tokens in enumerate(sentences, start=1):
        if not tokens:
            raise UserError(f"{file}, line {number}: no token in it")
    return sentences


def _check_parallel(columns: Columns, files: Sequence[Path]) -> None:
    """Check that files have equally many lines."""
    first = next(iter(columns.values()))
    for lines, file in zip(columns.values(), files, strict=True):
        if len(lines) != len(first):
            raise UserError(
                f"{files[0]} has {len(first)} lines, {file} has {len(lines)}: they are not parallel"
            )


READERS = (
    Reader(
        "lines", read_text_lines, "a line is a text; empty lines too", "text", options=_ENCODING
    ),
    Reader("text", read_whole_text, "the whole file is one text", "text", options=_ENCODING),
    Reader(
        "label_text",
        read_labelled_lines,
        "a line is `label text`",
        "label, text",
        options=_ENCODING,
    ),
    Reader(
        "fasttext",
        read_fasttext,
        "a line is `__label__a text`, with one label or several",
        "text, labels, and label if every line has one",
        options=_ENCODING,
    ),
    Reader(
        "parallel",
        read_parallel,
        'line by line of two files, `files = {train = "a, b"}`; a third is the tokenized target',
        "source, target, tokenized",
        several=True,
        options=_ENCODING,
    ),
    Reader(
        "seq_in_out",
        read_seq_in_out,
        'tokens and tags line by line of two files, `files = {train = "seq.in, seq.out"}`; a third has labels',
        "tokens, tags, label",
        several=True,
        options=_ENCODING,
    ),
)
