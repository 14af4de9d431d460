"""Files of columns, one token on each line and a blank line between sentences (CoNLL shared tasks)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.conll_columns import (
    TAGS,
    TOKENS,
    choose_columns,
    choose_separator,
    split_line,
)
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions

DOCUMENT_MARK = "-DOCSTART-"
GLOBAL_COLUMNS = "# global.columns ="
COMMENT = "#"
LINE = "line"
_DEFAULTS = ReadOptions()


@dataclass
class _Lines:
    """The lines of a file by their use.

    Attributes:
        sentences: numbers and content of the lines with tokens, by sentence.
        opening: lines before the first token of a sentence that begin with `#`, by the index of the sentence.
        marks: number of lines that mark a document.
        names: of the columns, as `# global.columns` says.
    """

    sentences: list[list[tuple[int, str]]] = field(default_factory=list)
    opening: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    marks: int = 0
    names: tuple[str, ...] = ()


def read_conll(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read sentences: the first column holds the words and the last one the tags, unless `columns` says more.

    `line` is the number of each sentence's first line. Lines that mark a document, and comments before a
    sentence, are skipped.
    """
    text = TextFile(file, options.encoding)
    lines = _sort_lines(text)
    content = [line for sentence in lines.sentences for _, line in sentence]
    if not content:
        content = [line for opening in lines.opening.values() for _, line in opening]
    separator = choose_separator(content)
    width = len(split_line(content[0], separator)) if content else 0
    comments = _take_tokens(lines, separator, width)
    rows = _cut(file, lines, separator, width)
    wanted = options.columns or (TOKENS, TAGS)
    names = _take_header(rows, lines, options)
    sentences = [[fields for _, fields in sentence] for sentence in rows if sentence]
    if not sentences:
        raise UserError(f"{file}: the file holds no example")
    chosen = choose_columns(file, sentences, wanted, names)
    columns: Columns = {
        name: [[fields[index] for fields in sentence] for sentence in sentences]
        for name, index in chosen.indices.items()
    }
    columns[LINE] = [sentence[0][0] for sentence in rows if sentence]
    _check_filled(file, rows, chosen.indices)
    marks = f"{lines.marks} {DOCUMENT_MARK} lines skipped" if lines.marks else ""
    skipped = f"{comments} comment lines skipped" if comments else ""
    notes = (text.note, marks, skipped, chosen.note)
    return FileContent(columns, "; ".join(note for note in notes if note))


def _sort_lines(text: TextFile) -> _Lines:
    lines = _Lines()
    in_sentence = False
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip(" \t"):
            in_sentence = False
        elif line.split(None, 1)[0] == DOCUMENT_MARK:
            lines.marks += 1
            in_sentence = False
        elif line.startswith(GLOBAL_COLUMNS):
            lines.names = tuple(line.removeprefix(GLOBAL_COLUMNS).split())
            lines.opening.setdefault(len(lines.sentences), []).append((number, line))
            in_sentence = False
        elif line.startswith(COMMENT) and not in_sentence:
            lines.opening.setdefault(len(lines.sentences), []).append((number, line))
        else:
            if not in_sentence:
                lines.sentences.append([])
            lines.sentences[-1].append((number, line))
            in_sentence = True
    return lines


def _take_tokens(lines: _Lines, separator: str, width: int) -> int:
    """Move tokens that begin with `#` to their sentences, and return how many comments are left.

    At the start of a sentence such a line is a token if it has all columns and a last one that other lines
    have too.
    """
    others = {
        split_line(line, separator)[-1] for sentence in lines.sentences for _, line in sentence
    }
    comments = 0
    moved = 0
    for index, opening in sorted(lines.opening.items()):
        tokens: list[tuple[int, str]] = []
        for number, line in opening:
            fields = split_line(line, separator)
            fits = len(fields) == width > 1 and fields[-1] in (others or {fields[-1]})
            is_pair = len(fields) > 2 and fields[0] == COMMENT and "=" in fields[2:3]
            if tokens or (fits and not is_pair and not line.startswith(GLOBAL_COLUMNS)):
                tokens.append((number, line))
            else:
                comments += 1
        if tokens:
            _insert(lines.sentences, index + moved, tokens)
            moved += len(lines.sentences[index + moved]) == len(tokens)
    return comments


def _insert(
    sentences: list[list[tuple[int, str]]], index: int, tokens: list[tuple[int, str]]
) -> None:
    """Put tokens before a sentence that follows them directly, else make them a sentence."""
    if index < len(sentences) and sentences[index][0][0] == tokens[-1][0] + 1:
        sentences[index] = [*tokens, *sentences[index]]
    else:
        sentences.insert(index, tokens)


def _cut(
    file: Path, lines: _Lines, separator: str, width: int
) -> list[list[tuple[int, list[str]]]]:
    """Cut all lines into columns, equally many; columns that are empty everywhere are dropped."""
    rows = []
    for sentence in lines.sentences:
        cut = [(number, split_line(line, separator)) for number, line in sentence]
        for number, fields in cut:
            if len(fields) < 2 or len(fields) != width:
                raise UserError(
                    f"{file}, line {number}: {len(fields)} columns, {max(width, 2)} were expected"
                )
        rows.append(cut)
    while width > 2 and not any(fields[-1] for sentence in rows for _, fields in sentence):
        width -= 1
        rows = [[(number, fields[:width]) for number, fields in sentence] for sentence in rows]
    return rows


def _take_header(
    rows: list[list[tuple[int, list[str]]]], lines: _Lines, options: ReadOptions
) -> tuple[str, ...]:
    """Return the names of columns, and remove the line that has them from the rows."""
    if lines.names or not rows:
        return lines.names
    first = rows[0][0][1]
    asked = [name for name in options.columns if name not in (TOKENS, TAGS)]
    named = any(name in first for name in asked) and set(asked) <= set(first)
    if options.header is True or (options.header is not False and named):
        del rows[0][0]
        return tuple(first)
    return ()


def _check_filled(
    file: Path, rows: Sequence[Sequence[tuple[int, list[str]]]], indices: dict[str, int]
) -> None:
    for sentence in rows:
        for number, fields in sentence:
            for name, index in indices.items():
                if not fields[index]:
                    raise UserError(f"{file}, line {number}: column {index + 1} ({name}) is empty")


READERS = (
    Reader(
        "conll",
        read_conll,
        "a block of lines, one token each; columns separated by tabs or blanks",
        "tokens (first column), tags (last column), line; others by number or name",
        (".conll", ".bio", ".iob", ".iob2", ".bioes"),
        options=("encoding", "header", "columns"),
    ),
)
