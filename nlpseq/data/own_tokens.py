"""Tokens and tags in tables of the user: one token in a row, or texts with blanks between words and between tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nlpseq.data import tag_texts, token_rows
from nlpseq.data.column_checks import Name
from nlpseq.data.split import Split
from nlpseq.data.token_rows import KEY, TokenColumns
from nlpseq.errors import UserError

_OF_TAGS = {"text", "tokens", "tags"}


@dataclass(frozen=True)
class OwnTokens:
    """Splits whose tokens and tags are lists.

    Attributes:
        splits: with a sentence in a row.
        fields: column for a field, where the table says so.
        lines: what was assumed.
        section: keys of `[data]` that read the table in this way.
    """

    splits: Mapping[str, Split]
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    section: Mapping[str, Any] = field(default_factory=dict)


def gather_tokens(
    splits: Mapping[str, Split],
    columns: Mapping[str, Name],
    guessed: Mapping[str, str],
    sentence_id: str = "",
) -> OwnTokens:
    """Return tables of tokens with a sentence in a row; other data stay as they are.

    Args:
        splits: as they were read.
        columns: column for a field, by the user.
        guessed: column for a field, by the format.
        sentence_id: column that numbers the sentences, if the user names it.

    Raises:
        UserError: there is a doubt which column has the tags, or a text has more or fewer words than tags.
    """
    train = splits.get("train")
    wants_tags = {*columns} <= _OF_TAGS and ("tags" in columns or not columns)
    if train is None or not len(train) or (not sentence_id and not wants_tags):
        return OwnTokens(splits)
    if sentence_id:
        gathered = token_rows.gather_sentences(splits, sentence_id)
        return _of_rows(
            gathered, token_rows.columns_of(train, sentence_id), columns, sentence_id, ()
        )
    if not {"tags", "spans", "labels"} & {*guessed} and (known := token_rows.recognise(train)):
        line = f"a row is a token, and {known.sentence!r} numbers the sentences ({KEY})"
        gathered = token_rows.gather_sentences(splits, known.sentence)
        return _of_rows(gathered, known, columns, known.sentence, (line,))
    return _of_texts(splits, train, columns)


def _of_rows(
    splits: Mapping[str, Split],
    known: TokenColumns | None,
    columns: Mapping[str, Name],
    sentence_id: str,
    lines: tuple[str, ...],
) -> OwnTokens:
    section = {"sentence_id": sentence_id}
    if known is None:
        return OwnTokens(splits, {}, lines, section)
    if "tags" not in columns and not known.tags:
        others = f"one of {', '.join(known.others)}" if known.others else "the column of the tags"
        raise UserError(f"--tags: say which column, {others}; {'; '.join(lines) or KEY}")
    fields = {"tokens": known.tokens, "tags": known.tags}
    if "tags" not in columns:
        others = f"; --tags {known.others[0]} for others" if known.others else ""
        lines = (*lines, f"tokens {known.tokens!r}, tags {known.tags!r}{others}")
    return OwnTokens(splits, {key: value for key, value in fields.items() if value}, lines, section)


def _of_texts(splits: Mapping[str, Split], train: Split, columns: Mapping[str, Name]) -> OwnTokens:
    tags = columns.get("tags", "")
    words = columns.get("tokens", columns.get("text", ""))
    if not isinstance(tags, str) or not isinstance(words, str):
        return OwnTokens(splits)
    pair = tag_texts.recognise(train, tags)
    if tags and words and tag_texts.joins_tags(train, tags):
        pair = (words, tags, ())
    if pair is None or (words and pair[0] != words):
        return OwnTokens(splits)
    tokens, tags, others = pair
    further = f"; --tags {others[0]} for others" if others else ""
    line = f"a text in {tags!r} has a tag for each word of that in {tokens!r}{further}"
    cut = tag_texts.settle_tag_texts(splits, tokens, tags)
    return OwnTokens(cut, {"tokens": tokens, "tags": tags}, (line,))
