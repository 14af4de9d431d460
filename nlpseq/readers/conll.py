"""Files of columns, one token on each line and a blank line between sentences (CoNLL shared tasks)."""

import re
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.local_files import read_lines
from nlpseq.readers.reader import Columns, FileContent, Reader

DOCUMENT_MARK = "-DOCSTART-"
SEPARATOR = re.compile(r"[ \t]+")  # between columns; a word may hold other white space


def read_conll(file: Path) -> FileContent:
    """Read sentences: the first column holds the words, the last one the tags.

    `line` is the number of each sentence's first line. Lines that mark a document are skipped.
    """
    columns: Columns = {"tokens": [], "tags": [], "line": []}
    marks = width = 0
    in_sentence = False
    for number, line in enumerate(read_lines(file), start=1):
        line = line.strip(" \t")
        if not line:
            in_sentence = False
            continue
        fields = SEPARATOR.split(line)
        width = width or len(fields)
        if len(fields) < 2 or len(fields) != width:
            raise UserError(
                f"{file}, line {number}: {len(fields)} columns, {max(width, 2)} were expected"
            )
        if fields[0] == DOCUMENT_MARK:
            marks += 1
            in_sentence = False
            continue
        if not in_sentence:
            columns["tokens"].append([])
            columns["tags"].append([])
            columns["line"].append(number)
            in_sentence = True
        columns["tokens"][-1].append(fields[0])
        columns["tags"][-1].append(fields[-1])
    return FileContent(columns, f"{marks} {DOCUMENT_MARK} lines skipped" if marks else "")


READERS = (
    Reader(
        "conll",
        read_conll,
        "a block of lines, one token each: first column word, last column tag",
        "tokens, tags, line",
        (".conll", ".bio", ".iob"),
    ),
)
