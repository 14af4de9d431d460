"""Tables with one token in a row: a column numbers the sentences, in every row or only in the first of each.

Rows with one number become one row: every other column becomes the list of its values.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nlpseq.data.split import Split
from nlpseq.errors import UserError, suggest
from nlpseq.wording import format_count

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "data.sentence_id"
"""The key of a recipe that names the column."""
TOKEN_NAMES = ("tokens", "token", "words", "word", "form", "text")
TAG_NAMES = (
    *("tags", "tag", "ner_tags", "ner_tag", "ner", "labels", "label", "bio", "entity", "iob"),
    *("pos", "pos_tag", "upos", "xpos", "chunk", "chunk_tag"),
)
CLEAR_TAG_NAMES = TAG_NAMES[:10]
"""Names of the column of tags where others, such as parts of speech, may be tags too."""
_NUMBERED = re.compile(
    r"sent(ence)?s?[\W_]*(id|idx|index|no|nr|nb|num|number)?[\W_]*", re.IGNORECASE
)
_SAMPLE = 2000
_MOST_SENTENCES = 0.7  # of the rows
_SINGLE = 1.05  # mean words of a column of tokens


@dataclass(frozen=True)
class TokenColumns:
    """Columns of a table with one token in a row.

    Attributes:
        sentence: numbers the sentences.
        tokens: holds the tokens.
        tags: holds the tags; '' if there is a doubt.
        others: may hold tags too.
    """

    sentence: str
    tokens: str
    tags: str = ""
    others: tuple[str, ...] = ()


def recognise(split: Split) -> TokenColumns | None:
    """Return the columns of a table with one token in a row; None if it is none, by names and a sample of values."""
    sample = split.rows.select(range(min(len(split), _SAMPLE)))
    for name in sample.column_names:
        if not _NUMBERED.fullmatch(name.strip()) or not _are_single(sample, name):
            continue
        filled = _filled(sample.data.table.column(name))
        if len(_starts(filled)) <= _MOST_SENTENCES * len(sample):
            return columns_of(split, name)
    return None


def columns_of(split: Split, sentence: str) -> TokenColumns | None:
    """Return the columns beside the one that numbers the sentences; None if no column holds tokens."""
    sample = split.rows.select(range(min(len(split), _SAMPLE)))
    single = [
        name
        for name in sample.column_names
        if name != sentence
        and _are_single(sample, name)
        and _mean_words(sample[name][:]) <= _SINGLE
    ]
    by_name = {name.strip().lower(): name for name in reversed(single)}
    tokens = next((by_name[name] for name in TOKEN_NAMES if name in by_name), "")
    if not tokens:
        return None
    tags = [by_name[name] for name in TAG_NAMES if name in by_name and by_name[name] != tokens]
    clear = next((name for name in tags if name.strip().lower() in CLEAR_TAG_NAMES), "")
    chosen = clear or (tags[0] if len(tags) == 1 else "")
    return TokenColumns(sentence, tokens, chosen, tuple(name for name in tags if name != chosen))


def gather_sentences(splits: Mapping[str, Split], sentence: str) -> dict[str, Split]:
    """Return splits whose rows are sentences.

    Args:
        splits: with one token in a row.
        sentence: column that numbers the sentences; '': the rows are examples already.

    Raises:
        UserError: there is no such column, or the rows hold lists already.
    """
    if not sentence:
        return dict(splits)
    return {name: _gather(split, sentence) for name, split in splits.items()}


def _gather(split: Split, sentence: str) -> Split:
    import pyarrow as pa
    from datasets import Dataset, DatasetInfo, Features
    from datasets import Sequence as ListFeature
    from datasets.fingerprint import generate_random_fingerprint

    _check(split, sentence)
    rows = split.rows.flatten_indices() if split.rows._indices is not None else split.rows
    table, empty = _without_empty_rows(rows.data.table, sentence)
    filled = _filled(table.column(sentence))
    starts = _starts(filled)
    offsets = pa.array(np.r_[starts, len(filled)], pa.int32())
    arrays: dict[str, Any] = {}
    features: dict[str, Any] = {}
    for name in table.column_names:
        values = _in_one(table.column(name))
        feature = rows.features[name]
        if name == sentence:
            arrays[name], features[name] = values.take(pa.array(starts)), feature
        else:
            arrays[name] = pa.ListArray.from_arrays(offsets, values)
            features[name] = ListFeature(feature)
    gathered = Dataset(
        pa.table(arrays),
        info=DatasetInfo(features=Features(features)),
        fingerprint=generate_random_fingerprint(),
    )
    split = replace(split, rows=gathered)
    note = f"a row is a token: {len(table):,} rows are {format_count(len(starts), 'sentence')} ({KEY} = {sentence!r})"
    split = split.with_note(note)
    if empty:
        split = split.with_note(f"{format_count(empty, 'empty row')} left out")
    again = len(starts) - len(set(filled[starts].tolist()))
    if again:
        split = split.with_note(
            f"{format_count(again, 'number')} of sentences come again later: neighbours with one number are a sentence"
        )
    return split


def _check(split: Split, sentence: str) -> None:
    names = split.rows.column_names
    if sentence not in names:
        raise UserError(
            f"{KEY} = {sentence!r}: the {split.name} split of {split.origin} has no such column, it has "
            f"{', '.join(names)}{suggest(sentence, names)}".removesuffix(".")
        )
    if not _are_single(split.rows, sentence):
        raise UserError(
            f"{KEY} = {sentence!r}: the column holds lists; it numbers the sentence of each token"
        )
    lists = [name for name in names if not _are_single(split.rows, name)]
    if lists:
        raise UserError(
            f"{KEY} = {sentence!r}: column {lists[0]!r} of the {split.name} split holds lists already, so a row is "
            "no single token; leave the key out"
        )


def _without_empty_rows(table: "pa.Table", sentence: str) -> "tuple[pa.Table, int]":
    """Leave out rows in which no column has a value; return how many they are."""
    import pyarrow as pa
    from pyarrow import compute

    used = np.zeros(len(table), bool)
    for name in table.column_names:
        column = table.column(name)
        present = compute.is_valid(column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            present = compute.and_(present, compute.fill_null(compute.not_equal(column, ""), False))
        used |= present.to_numpy()
    empty = int((~used).sum())
    return (table.filter(pa.array(used)), empty) if empty else (table, 0)


def _filled(column: "pa.ChunkedArray") -> Any:
    """Return the numbers of sentences as texts; a missing or empty one is that of the row before."""
    import pyarrow as pa
    from pyarrow import compute

    texts = compute.utf8_trim_whitespace(column.cast(pa.large_string()))
    blank = compute.or_kleene(compute.equal(texts, ""), compute.equal(texts, "nan"))
    texts = compute.fill_null_forward(compute.if_else(blank, None, texts))
    return np.asarray(compute.fill_null(texts, "").to_pylist(), object)


def _starts(filled: Any) -> Any:
    """Return the row at which each sentence begins."""
    if not len(filled):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.r_[True, filled[1:] != filled[:-1]])


def _in_one(column: "pa.ChunkedArray") -> "pa.Array":
    """Return a column in one piece, which may hold more than 2 GB of text."""
    import pyarrow as pa

    if pa.types.is_string(column.type) and column.nbytes > 1 << 30:
        column = column.cast(pa.large_string())
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _are_single(rows: Any, name: str) -> bool:
    """Return whether a column holds single values, no lists and no records."""
    return isinstance(getattr(rows.features[name], "dtype", None), str)


def _mean_words(values: Collection[Any]) -> float:
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    return sum(len(text.split()) for text in texts) / len(texts) if texts else 0.0
