"""Plain text: lines, whole files, lines with a label, and parallel files."""

from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.local_files import read_lines, read_text
from nlpseq.readers.reader import Columns, FileContent, Reader


def read_text_lines(file: Path) -> FileContent:
    """Read each line as a text; an empty line is an empty text."""
    return FileContent({"text": read_lines(file)})


def read_whole_text(file: Path) -> FileContent:
    """Read a file as one text, line ends included."""
    return FileContent({"text": [read_text(file)]})


def read_labelled_lines(file: Path) -> FileContent:
    """Read lines `label text`: the label ends at the first space."""
    columns: Columns = {"label": [], "text": []}
    for number, line in enumerate(read_lines(file), start=1):
        label, _, text = line.partition(" ")
        if label.split() != [label] or not text.strip():
            raise UserError(
                f"{file}, line {number}: not `label text`, with a space between: {line[:60]!r}"
            )
        columns["label"].append(label)
        columns["text"].append(text)
    return FileContent(columns)


def read_parallel(*files: Path) -> FileContent:
    """Read files whose lines belong together: source, target and perhaps the tokenized target."""
    sides = ("source", "target", "tokenized")
    if not 2 <= len(files) <= len(sides):
        names = ", ".join(file.name for file in files)
        raise UserError(
            'data.files: parallel text is two files, "source, target" (a third one is the target '
            f"tokenized, for scores of older papers), not {names!r}"
        )
    columns: Columns = {side: read_lines(file) for side, file in zip(sides, files, strict=False)}
    number = len(columns["source"])
    for side, file in zip(columns, files, strict=True):
        if len(columns[side]) != number:
            raise UserError(
                f"{files[0]} has {number} lines, {file} has {len(columns[side])}: "
                "they are not parallel"
            )
    return FileContent(columns)


READERS = (
    Reader("lines", read_text_lines, "a line is a text; empty lines too", "text"),
    Reader("text", read_whole_text, "the whole file is one text", "text"),
    Reader("label_text", read_labelled_lines, "a line is `label text`", "label, text"),
    Reader(
        "parallel",
        read_parallel,
        'line by line of two files, `files = {train = "a, b"}`; a third is the tokenized target',
        "source, target, tokenized",
        several=True,
    ),
)
