"""Columns of files with one token on each line: how lines are cut, and which columns hold tokens and tags."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nlpseq.errors import UserError
from nlpseq.readers.dialect import index_of_number, is_number

BLANKS = re.compile(r"[ \t]+")  # a word may hold other white space
TAB = "\t"
TAG = re.compile(r"[BIESMLUO]|[BIESMLU][-_].+")
"""A tag of a span, in any of the usual schemes."""
SINGLE = "_"
TOKENS, TAGS = "tokens", "tags"
TOKEN_NAMES = {"token", "tokens", "word", "words", "form", "text"}
"""Usual names of the column of tokens, in small letters."""
OTHER_NAMES = {
    *("tag", "tags", "pos", "upos", "xpos", "pos_tag", "pos_tags", "ner", "ner_tag", "ner_tags"),
    *("label", "labels", "entity", "chunk", "chunk_tag", "chunk_tags", "lemma", "id"),
}
"""Usual names of the other columns, in small letters."""

Rows = Sequence[Sequence[str]]


class TokenColumns(NamedTuple):
    """Index of the column of each name, with a sentence on what was assumed; '' if nothing was."""

    indices: dict[str, int]
    note: str = ""


def split_line(line: str, separator: str) -> list[str]:
    """Return the columns of a line; `separator` is a tab, or '' for blanks and tabs."""
    if separator != TAB:
        return BLANKS.split(line.strip(" \t"))
    # A field may be a single space, which is a token of some files of characters.
    return [field.strip(" ") or field for field in line.rstrip("\r\n").split(TAB)]


def choose_separator(lines: Sequence[str]) -> str:
    """Return a tab if it cuts every line into equally many columns, or else ''.

    Args:
        lines: with tokens; neither comments nor blank ones.
    """
    if not lines or not all(TAB in line for line in lines):
        return ""
    widths = {len(split_line(line, TAB)) for line in lines}
    by_blanks = {len(split_line(line, "")) for line in lines}
    return TAB if len(widths) == 1 or len(by_blanks) > 1 else ""


def is_header(first: Sequence[str], others: Rows) -> bool:
    """Return whether a line has usual names of columns, and no other line has them in the same columns.

    Args:
        first: the first line with columns.
        others: all further lines.
    """
    names = [name.lower() for name in first]
    if not others or len(names) < 2 or len({*names}) < len(names):
        return False
    if not {*names} <= TOKEN_NAMES | OTHER_NAMES or TOKEN_NAMES.isdisjoint(names):
        return False
    tags = [n for n, name in enumerate(names) if name in OTHER_NAMES]
    return bool(tags) and not any(fields[n] == first[n] for fields in others for n in tags)


def choose_columns(
    file: Path, sentences: Sequence[Rows], wanted: Sequence[str], names: Sequence[str] = ()
) -> TokenColumns:
    """Return the column of each name that the task reads.

    Args:
        file: for messages.
        sentences: rows of fields, all of one width.
        wanted: names or numbers of columns; `tokens` and `tags` are the first and the last column, unless
            the content says something else.
        names: of the columns, from a header; () without.

    Raises:
        UserError: a number is too high, or several columns may be meant.
    """
    width = len(sentences[0][0])
    indices: dict[str, int] = {}
    for name in wanted:
        if name in names:
            indices[name] = list(names).index(name)
        elif is_number(name) and width == 1 and name != "1":
            continue  # words alone: a split without tags
        elif is_number(name):
            indices[name] = index_of_number(name, width)
            if not 0 <= indices[name] < width:
                raise UserError(
                    f"{file}: data.columns asks for column {name}, the lines have {width} columns"
                )
    words = [index for index, name in enumerate(names) if name.lower() in TOKEN_NAMES]
    if TOKENS in wanted and TOKENS not in indices and len(words) == 1:
        indices[TOKENS] = words[0]
    possible = (TOKENS, TAGS) if width > 1 else (TOKENS,)
    guessed = [name for name in possible if name in wanted and name not in indices]
    if not guessed:
        return TokenColumns(indices)
    tokens, tags, reason = _guess(file, sentences, needs_tags=TAGS in guessed)
    defaults = {TOKENS: tokens, TAGS: tags}
    indices |= {name: defaults[name] for name in guessed}
    if words and guessed == [TAGS] and indices.get(TOKENS) == tags:
        raise UserError(
            f"{file}: the last column, {names[tags]!r}, holds the words; choose the column of tags, "
            f"for instance: data.columns={{tags={names[0]}}}"
        )
    if not reason:
        return TokenColumns(indices)
    said = " and ".join(f"{name} from column {indices[name] + 1}" for name in guessed)
    keys = ", ".join(f"{name}={indices[name] + 1}" for name in guessed)
    return TokenColumns(indices, f"{reason}: {said} (data.columns={{{keys}}})")


def _guess(file: Path, sentences: Sequence[Rows], *, needs_tags: bool) -> tuple[int, int, str]:
    """Return the columns of tokens and tags, and the reason if they are not the first and the last."""
    columns = list(zip(*(row for rows in sentences for row in rows), strict=True))
    last = len(columns) - 1
    if not needs_tags:
        numbered = are_numbered(sentences) and last > 0
        return int(numbered), last, "the first column numbers the tokens" if numbered else ""
    spans = [index for index, values in enumerate(columns) if holds_tags(values)]
    if are_numbered(sentences) and last > 1:
        candidates = [index for index in spans if index > 1]
        if len(candidates) > 1:
            raise _ambiguous(file, 2, candidates, "the first column numbers the tokens, and ")
        return 1, (candidates or [last])[0], "the first column numbers the tokens"
    if last == 1 and spans == [0]:
        return 1, 0, "the first column holds the tags"
    if last > 1 and set(columns[last]) == {SINGLE} and spans:
        raise _ambiguous(file, 1, spans, f"the last column holds {SINGLE} only, and ")
    return 0, last, ""


def _ambiguous(file: Path, tokens: int, candidates: Sequence[int], reason: str) -> UserError:
    numbers = " and ".join(str(index + 1) for index in candidates)
    verb = "hold" if len(candidates) > 1 else "holds"
    return UserError(
        f"{file}: {reason}column {numbers} {verb} tags; choose: "
        f"data.columns={{tokens={tokens}, tags={candidates[0] + 1}}}"
    )


def are_numbered(sentences: Sequence[Rows]) -> bool:
    """Return whether the first column counts the tokens of each sentence, from 0 or 1."""
    starts = set()
    for rows in sentences:
        values = [row[0] for row in rows]
        if not values[0].isdecimal():
            return False
        start = int(values[0])
        if values != [str(start + index) for index in range(len(values))]:
            return False
        starts.add(start)
    longest = max(map(len, sentences))
    return len(starts) == 1 and starts <= {0, 1} and longest > 1


def holds_tags(values: Sequence[str]) -> bool:
    """Return whether all values are tags of spans, at least one of them with a type."""
    distinct = set(values)
    return all(TAG.fullmatch(value) for value in distinct) and any(len(v) > 2 for v in distinct)
