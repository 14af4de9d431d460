"""Columns and fields of detected files of tokens and of labelled lines."""

from nlpseq.errors import UserError
from nlpseq.readers.conll import COMMENT, DOCUMENT_MARK, GLOBAL_COLUMNS
from nlpseq.readers.conll_columns import (
    TAGS,
    TOKENS,
    choose_columns,
    choose_separator,
    split_line,
)
from nlpseq.readers.conllu import DEFAULTS, FIELDS
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Header
from nlpseq.readers.text import FASTTEXT_LABEL

Fields = tuple[tuple[str, ...], dict[str, str], str]
"""Names of columns, the column of each field, and a sentence on what was assumed."""


def token_fields(text: TextFile, header: Header) -> Fields:
    """Return the columns of a file of tokens by number, and those of tokens and tags if they are clear."""
    lines = text.sample.replace("\r\n", "\n").split("\n")
    lines = lines if text.complete else lines[:-1]
    names: tuple[str, ...] = ()
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith(GLOBAL_COLUMNS):
            names = tuple(line.removeprefix(GLOBAL_COLUMNS).split())
        elif not line.strip() or line.startswith(DOCUMENT_MARK):
            blocks.append([])
        elif not (line.startswith(COMMENT) and not blocks[-1]):
            blocks[-1].append(line)
    separator = choose_separator([line for block in blocks for line in block])
    sentences = [[split_line(line, separator) for line in block] for block in blocks if block]
    if header is True and sentences:
        names = tuple(sentences[0].pop(0))
        sentences = [rows for rows in sentences if rows]
    width = len(sentences[0][0]) if sentences else 0
    sentences = [rows for rows in sentences if all(len(row) == width for row in rows)]
    if width < 2 or not sentences:
        return (), {}, ""  # the reader names the line
    columns = names or tuple(map(str, range(1, width + 1)))
    try:
        chosen = choose_columns(text.file, sentences, (TOKENS, TAGS))
    except UserError as error:
        return columns, {}, str(error).removeprefix(f"{text.file}: ")
    fields = {name: str(index + 1) for name, index in chosen.indices.items()}
    note = chosen.note or (
        f"tokens from column {fields[TOKENS]} and tags from column {fields[TAGS]} of {width} "
        f"(data.columns={{tokens={fields[TOKENS]}, tags={fields[TAGS]}}} changes this)"
    )
    return columns, fields, note


def universal_fields() -> Fields:
    """Return the columns of CoNLL-U; the tags are the universal parts of speech."""
    note = f"tags from the column {DEFAULTS[TAGS]} (data.columns.tags changes this)"
    return (*FIELDS, "text"), dict(DEFAULTS), note


def fasttext_fields(text: TextFile) -> Fields:
    """Return the columns of lines with `__label__`: one label, or a list of several."""
    several = any(
        len(FASTTEXT_LABEL.findall(line)) > 1 for line in text.sample.split("\n") if line.strip()
    )
    if several:
        return ("text", "labels"), {"text": "text", "labels": "labels"}, ""
    return ("text", "label", "labels"), {"text": "text", "label": "label"}, ""
