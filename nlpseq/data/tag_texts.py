"""Tags, and the tokens beside them, as texts: words with blanks between them, or spelled lists such as `['a', 'b']`.

`DET NOUN VERB` beside `The cat sleeps` is one tag for each word.
"""

import ast
import re
from collections.abc import Mapping, Sequence

from nlpseq.data.number_column import with_column
from nlpseq.data.split import Split
from nlpseq.data.token_rows import CLEAR_TAG_NAMES
from nlpseq.errors import UserError

_LIST = re.compile(r"\s*\[.*\]\s*", re.DOTALL)
_WORD = re.compile(r"[^ \t\r\n]+")
_SAMPLE = 1000
_MOST_TAGS = 200
_FEWEST_WORDS = 1.5  # mean of a row
_TAG = re.compile(
    r"[BIOESMLU]-\S+|[!-`{-~]+"
)  # B-per, or characters of ASCII that are no small letters: NOUN, PRP$


def settle_tag_texts(
    splits: Mapping[str, Split], tokens: str = "tokens", tags: str = "tags"
) -> dict[str, Split]:
    """Cut texts in the columns of tokens and of tags into lists; columns of lists stay as they are.

    Args:
        splits: with both columns; a split may lack the tags.
        tokens: column of the tokens.
        tags: column of their tags.

    Raises:
        UserError: a text has more or fewer words than tags; the row is named.
    """
    return {name: _settle(split, tokens, tags) for name, split in splits.items()}


def _settle(split: Split, tokens: str, tags: str) -> Split:
    present = [name for name in (tokens, tags) if name in split.rows.column_names]
    cut = {name: _cut_column(split, name) for name in present if _holds_texts(split, name)}
    if not cut:
        return split
    if len(present) == 2 and split.labelled:
        _check_lengths(split, tokens, tags, cut)
    for name, rows in cut.items():
        split = with_column(split, name, rows, "list")
    names = " and ".join(repr(split.name_of(name)) for name in cut)
    return split.with_note(f"{names}: texts with blanks between words, one tag for each")


def _holds_texts(split: Split, name: str) -> bool:
    return getattr(split.rows.features[name], "dtype", None) in ("string", "large_string")


def _cut_column(split: Split, name: str) -> list[list[str] | None]:
    values = split.rows[name][:]
    texts = [value for value in values if value is not None and value.strip()]
    spelled = bool(texts) and all(map(_LIST.fullmatch, texts)) and _spelled(texts[0]) is not None
    rows: list[list[str] | None] = []
    for number, value in enumerate(values, 1):
        words: list[str] | None = []
        if value is not None and value.strip():
            words = _spelled(value) if spelled else _words(value)
        if words is None:
            raise UserError(
                f"{split.origin}: row {number} of the {split.name} split has {value!r:.60} in column "
                f"{split.name_of(name)!r}, which spells no list of texts as other rows do"
            )
        rows.append(None if value is None else words)
    return rows


def _words(text: str) -> list[str]:
    """Return the words between blanks, tabs and line ends; a no-break space may be inside one."""
    return _WORD.findall(text)


def _spelled(text: str) -> list[str] | None:
    """Return the list that a text spells, None if it spells none."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, list) or any(isinstance(item, list | dict) for item in value):
        return None
    return [str(item) for item in value]


def _check_lengths(
    split: Split, tokens: str, tags: str, cut: Mapping[str, Sequence[list[str] | None]]
) -> None:
    words = cut.get(tokens) or split.rows[tokens][:]
    given = cut.get(tags) or split.rows[tags][:]
    for number, (row, other) in enumerate(zip(words, given, strict=True), 1):
        if not isinstance(row, list) or not isinstance(other, list) or not other:
            continue  # a row without tags is settled as one without a label
        if len(row) != len(other):
            raise UserError(
                f"{split.origin}: row {number} of the {split.name} split has {len(row)} words between blanks in "
                f"{split.name_of(tokens)!r} and {len(other)} tags in {split.name_of(tags)!r}: write a blank between "
                "any two tokens, punctuation too"
            )


def joins_tags(split: Split, tags: str) -> bool:
    """Return whether texts in a column have several words, so that they may be one tag for each word of a text."""
    if tags not in split.rows.column_names or not _holds_texts(split, tags):
        return False
    sample = split.rows.select(range(min(len(split), _SAMPLE)))
    return any(len(_words(value or "")) > 1 for value in sample[tags][:])


def recognise(split: Split, tags: str = "") -> tuple[str, str, tuple[str, ...]] | None:
    """Return the columns of words and of tags, and others that may hold tags.

    A text of tags has as many words as the text beside it, in every row. Two languages may have that too, so the
    tags are spelled like tags, or their column is named like one.

    Args:
        split: as it was read.
        tags: the column of tags, if the user names it.
    """
    sample = split.rows.select(range(min(len(split), _SAMPLE)))
    rows = {
        name: _rows_of(sample[name][:]) for name in sample.column_names if _holds_texts(split, name)
    }
    columns = [tags] if tags in rows else [name for name in rows if _are_tags(name, rows[name])]
    fitting: dict[str, str] = {}  # tags -> words
    for name in columns:
        alike = [other for other in rows if _same_lengths(rows[other], rows[name])]
        words = max(alike, key=lambda other: len({word for row in rows[other] for word in row}))
        if words != name:
            fitting[name] = words
    clear = [name for name in fitting if name.strip().lower() in CLEAR_TAG_NAMES]
    chosen = clear[0] if len(clear) == 1 else next(iter(fitting), "")
    if not chosen or (len(fitting) > 1 and not clear):
        return None
    return fitting[chosen], chosen, tuple(name for name in fitting if name != chosen)


def _rows_of(values: Sequence[str | None]) -> list[list[str]]:
    """Return the words of texts, or the items of spelled lists."""
    texts = [value for value in values if value is not None and value.strip()]
    if texts and all(map(_LIST.fullmatch, texts)):
        return [_spelled(value or "[]") or [] for value in values]
    return [_words(value or "") for value in values]


def _are_tags(name: str, rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the texts of a column have several words each, and few different ones, which look like tags."""
    distinct = {word for words in rows for word in words}
    total = sum(map(len, rows))
    if name.strip().lower() not in CLEAR_TAG_NAMES and not all(map(_TAG.fullmatch, distinct)):
        return False
    return total > _FEWEST_WORDS * len(rows) and 1 < len(distinct) <= min(_MOST_TAGS, total / 4)


def _same_lengths(words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> bool:
    return all(len(row) == len(other) for row, other in zip(words, tags, strict=True))
