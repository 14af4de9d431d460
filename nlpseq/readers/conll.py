"""Files of columns, one token on each line and a blank line between sentences (CoNLL shared tasks)."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.conll_columns import (
    TAGS,
    TOKENS,
    choose_columns,
    choose_separator,
    is_header,
    split_line,
)
from nlpseq.readers.dialect import is_number
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions
from nlpseq.wording import format_count

DOCUMENT_MARK = "-DOCSTART-"
GLOBAL_COLUMNS = "# global.columns ="
COMMENT = "#"
OTHER_COMMENTS = ("%", "//", ";", "--", "<!--", COMMENT)
"""Signs of comments in other formats; they may also be tokens."""
LINE = "line"
_DEFAULTS = ReadOptions()

WORDS_ALONE = "each line is one word alone, without a tag"

Numbered = list[tuple[int, str]]
"""Lines with their numbers."""
Rows = list[list[tuple[int, list[str]]]]
"""The columns of each line of each sentence, with the line's number."""


@dataclass
class _Lines:
    """The lines of a file by their use.

    Attributes:
        blocks: lines between blank lines and marks of documents.
        marks: number of lines that mark a document.
        names: of the columns, as `# global.columns` says.
        comments: number of lines with comments.
        note: that the first line was taken as names of the columns.
    """

    blocks: list[Numbered] = field(default_factory=lambda: [[]])
    marks: int = 0
    names: tuple[str, ...] = ()
    comments: int = 0
    note: str = ""


def read_conll(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read sentences: the first column holds the words and the last one the tags, unless `columns` says more.

    `line` is the number of each sentence's first line. Lines that mark a document, and comments before a
    sentence, are skipped. A file of words alone has no tags.
    """
    text = TextFile(file, options.encoding)
    lines = _sort_lines(text)
    rows = _drop_empty(_cut(file, lines))
    names = _take_header(rows, lines, options)
    rows = [sentence for sentence in rows if sentence]
    sentences = [[fields for _, fields in sentence] for sentence in rows]
    if not sentences:
        raise UserError(f"{file}: the file holds no example")
    chosen = choose_columns(file, sentences, options.columns or (TOKENS, TAGS), names)
    _check_filled(file, rows, chosen.indices)
    columns: Columns = {
        name: [[fields[index] for fields in sentence] for sentence in sentences]
        for name, index in chosen.indices.items()
    }
    columns[LINE] = [sentence[0][0] for sentence in rows]
    marks = f"{lines.marks} {DOCUMENT_MARK} lines skipped" if lines.marks else ""
    skipped = f"{format_count(lines.comments, 'comment line')} skipped" if lines.comments else ""
    alone = WORDS_ALONE if len(sentences[0][0]) == 1 else ""
    notes = (text.note, marks, skipped, lines.note, alone, chosen.note)
    return FileContent(columns, "; ".join(note for note in notes if note))


def _sort_lines(text: TextFile) -> _Lines:
    lines = _Lines()
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip(" \t"):
            lines.blocks.append([])
        elif line.split(None, 1)[0] == DOCUMENT_MARK:
            lines.marks += 1
            lines.blocks.append([])
        elif line.startswith(GLOBAL_COLUMNS):
            lines.names = tuple(line.removeprefix(GLOBAL_COLUMNS).split())
            lines.comments += 1
        else:
            lines.blocks[-1].append((number, line))
    lines.blocks = [block for block in lines.blocks if block]
    return lines


def _opening(block: Numbered) -> int:
    """Return the number of lines at the start of a block that begin with `#`."""
    return next(
        (n for n, (_, line) in enumerate(block) if not line.startswith(COMMENT)), len(block)
    )


def _cut(file: Path, lines: _Lines) -> Rows:
    """Cut the lines with tokens into columns, equally many, and count comments.

    A line at the start of a block that begins with `#` is a token if it has all columns and a last one that
    other lines have too; after such a token there are no comments.
    """
    certain = [line for block in lines.blocks for _, line in block[_opening(block) :]]
    certain = certain or [line for block in lines.blocks for _, line in block]
    separator = choose_separator(certain)
    width = _usual_width(certain, separator)
    tags = {split_line(line, separator)[-1] for line in certain}
    rows = []
    for block in lines.blocks:
        begin = 0
        for _, line in block[: _opening(block)]:
            fields = split_line(line, separator)
            is_pair = fields[0] == COMMENT and fields[2:3] == ["="]
            if len(fields) == width > 1 and fields[-1] in tags and not is_pair:
                break
            begin += 1
        lines.comments += begin
        cut = [(number, split_line(line, separator)) for number, line in block[begin:]]
        for (number, fields), (_, line) in zip(cut, block[begin:], strict=True):
            if len(fields) != width:
                raise _wrong_width(file, number, line, len(fields), width)
        rows.append(cut)
    return rows


def _usual_width(lines: list[str], separator: str) -> int:
    """Return the number of columns of the first line, or of most lines if the first may be a comment."""
    if not lines:
        return 0
    widths = Counter(len(split_line(line, separator)) for line in lines)
    if lines[0].lstrip().startswith(OTHER_COMMENTS) or 1 in widths:
        return max(widths, key=widths.__getitem__)
    return len(split_line(lines[0], separator))


def _wrong_width(file: Path, number: int, line: str, count: int, width: int) -> UserError:
    comment = line.lstrip().startswith(OTHER_COMMENTS)
    hint = (
        "; it looks like a comment line; comments begin with # and stand before a sentence"
        if comment
        else ""
    )
    columns = format_count(count, "column")
    return UserError(f"{file}, line {number}: {columns}, {width} were expected{hint}")


def _drop_empty(rows: Rows) -> Rows:
    """Drop last columns that are empty in every line."""
    width = max((len(fields) for sentence in rows for _, fields in sentence), default=0)
    kept = width
    while kept > 2 and not any(fields[kept - 1] for sentence in rows for _, fields in sentence):
        kept -= 1
    if kept == width:
        return rows
    return [[(number, fields[:kept]) for number, fields in sentence] for sentence in rows]


def _take_header(rows: Rows, lines: _Lines, options: ReadOptions) -> tuple[str, ...]:
    """Return the names of columns, and remove the line that has them from the rows."""
    rows[:] = [sentence for sentence in rows if sentence]
    if lines.names or not rows:
        return lines.names
    first = rows[0][0][1]
    asked = {name for name in options.named if not is_number(name)}
    named = bool(asked) and asked <= set(first)
    if options.header is True or (options.header is not False and named):
        del rows[0][0]
        return tuple(first)
    others = [fields for sentence in rows for _, fields in sentence][1:]
    if options.header is not False and not asked and is_header(first, others):
        del rows[0][0]
        lines.note = (
            f"the first line names the columns: {', '.join(first)} (data.header=false changes this)"
        )
        return tuple(first)
    return ()


def _check_filled(file: Path, rows: Rows, indices: dict[str, int]) -> None:
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
