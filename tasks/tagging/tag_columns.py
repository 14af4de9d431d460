"""Tags of a split as text: names of numbers, one spelling for each scheme, errors that name the row."""

from collections.abc import Sequence
from typing import Any

from nlpseq.data.labels import read_tags
from nlpseq.data.split import Split
from nlpseq.data.tag_notation import are_bare, canonical_tags
from nlpseq.data.tag_schemes import check_tags
from nlpseq.errors import UserError


def read_words(split: Split) -> list[list[str]]:
    """Return the words of each sentence.

    Raises:
        UserError: a row holds something else than a list of texts.
    """
    rows = list(split.column("tokens"))
    for number, row in enumerate(rows, start=1):
        if isinstance(row, list) and None in row:
            raise UserError(
                f"{split.origin}: token {row.index(None) + 1} of sentence {number} of {split.name} is missing; "
                "fill it in (pandas reads words such as NA and null as missing: keep_default_na=False)"
            )
        if not isinstance(row, list) or not all(isinstance(token, str) for token in row):
            raise UserError(
                f"{split.origin}: the tokens of sentence {number} of {split.name} are {row!r:.60}, "
                "not a list of texts"
            )
    return rows


def read_plain_tags(split: Split, names: Sequence[str] = (), *, numbers: bool = False) -> list[Any]:
    """Return the tags of each sentence as the data spell them.

    Args:
        split: with columns `tokens` and `tags`.
        names: of tags that are numbers.
        numbers: numbers without names are tags too.

    Raises:
        UserError: a tag is missing or is a number without a name, or a sentence has more or fewer tags than tokens.
    """
    try:
        sentences = read_tags(split.rows, "tags")
    except ValueError as error:
        raise UserError(f"{split.origin}: the tags of {split.name}: {error}") from error
    words = split.column("tokens")
    for number, (tags, tokens) in enumerate(zip(sentences, words, strict=True), start=1):
        if tags is None:
            raise split.missing_label_error("tags", number)
        if isinstance(tokens, list) and len(tags) != len(tokens):
            raise UserError(
                f"{split.origin}, sentence {number} of {split.name}: {len(tokens)} tokens and "
                f"{len(tags)} tags"
            )
    given = [list(tags or ()) for tags in sentences]
    if names:
        return _named(given, names, split)
    distinct = {tag for tags in given for tag in tags}
    if distinct and not numbers and all(tag.isdecimal() for tag in distinct):
        raise UserError(
            f"{split.origin}: the tags of {split.name} are numbers ({', '.join(sorted(distinct)[:5])}): name "
            "them in their order with data.tag_names = ['O', 'B-PER', ...], or learn the numbers as they are "
            "with head.scheme = 'none'"
        )
    return given


def _named(sentences: list[list[str]], names: Sequence[str], split: Split) -> list[list[str]]:
    """Replace numbers by their names."""
    by_number = {str(number): name for number, name in enumerate(names)}
    known = {*names}
    for row, tags in enumerate(sentences):
        for index, tag in enumerate(tags):
            name = by_number.get(tag, tag if tag in known else None)
            if name is None:
                raise UserError(
                    f"{split.origin}, sentence {row + 1} of {split.name}, token {index + 1}: the tag {tag!r} is "
                    f"no number from 0 to {len(names) - 1}, and none of data.tag_names"
                )
            tags[index] = name
    return sentences


def span_tags(sentences: Sequence[Sequence[str]], split: Split) -> list[list[str]]:
    """Return tags of spans in their usual spelling, in the scheme of the data.

    Raises:
        UserError: a tag fits no scheme; the message names its line, or its sentence and token.
    """
    distinct = {tag for tags in sentences for tag in tags}
    respelled = canonical_tags(distinct)
    spelled = [[respelled.get(tag, tag) for tag in tags] for tags in sentences]
    lines = split.column("line") if "line" in split.rows.column_names else ()
    check_tags(spelled, split.origin, lines, bare=are_bare(distinct))
    return spelled
