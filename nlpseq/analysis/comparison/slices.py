"""Scores on slices of the test set: by length of the input, and by how rare its words are in train.

The texts are read again from the data of the recipe, and their fingerprint is compared with that of the runs.
Words are the tokens of data that come as tokens, else those of `nlpseq.data.word_tokenizer.split_words`, in
lower case: the same for all models, whatever their tokenization.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlpseq.data.hub_access import cache_only
from nlpseq.data.in_memory import LocalData
from nlpseq.data.split import Split
from nlpseq.data.word_tokenizer import split_words
from nlpseq.errors import UserError
from nlpseq.run_data import changed_splits, load_splits_of_run

from .runs import Candidate, TrainedRun

RARE = 5  # a word is rare up to this count in train
CHANGED = "The train split has changed since the runs were trained: no scores by rare words, which are counted in it"
PARTS = 4  # by length, with about the same number of examples


@dataclass(frozen=True)
class Slice:
    """Scores on some of the examples.

    Attributes:
        name: which examples, such as `4 to 7`.
        examples: their number.
        scores: mean over the runs of each model; None if undefined, such as F1 without an entity.
    """

    name: str
    examples: int
    scores: dict[str, float | None]


def slices(
    candidates: Sequence[Candidate], score: str, split: str, local_data: LocalData | None
) -> tuple[dict[str, list[Slice]], list[str]]:
    """Score slices of the test set.

    Args:
        candidates: that can be compared.
        score: name of the score.
        split: the split that was scored.
        local_data: folder of local files, or data in memory; data on the Hub are read if they were downloaded before.

    Returns:
        Slices by the property that defines them, and a note if the texts cannot be read.
    """
    first = candidates[0].runs[0]
    try:
        with cache_only():
            data = load_splits_of_run(first.folder, first.task, local_data, wanted=[split])
    except UserError as error:
        where = (
            "" if local_data or "--data-dir" in str(error) else "; give local files with --data-dir"
        )
        return {}, [
            "The stored predictions are compared, without scores by length and rare words, because the texts are "
            f"not available: {error}{where}"
        ]
    if split not in data or data[split].fingerprint != first.fingerprint:
        return {}, [
            f"The {split} split has changed since the runs were scored: their stored predictions are compared, "
            "without scores by length and rare words"
        ]
    fields = first.task.text_fields
    texts = list(words_of(data[split], fields))
    chosen = [texts[index] for index in first.index]
    parts = {"input length (words)": by_length([len(words) for words in chosen])}
    changed = "train" in data and bool(changed_splits(first.folder, data, ["train"]))
    notes = [CHANGED] if changed else []
    if "train" in data and not changed and {*fields} <= {*data["train"].rows.column_names}:
        known = Counter(word for words in words_of(data["train"], fields) for word in words)
        parts["rarest input word"] = by_rarity(chosen, known)
    return {
        title: [
            _slice(candidates, score, name, indices)
            for name, indices in by_name.items()
            if len(indices)
        ]
        for title, by_name in parts.items()
    }, notes


Input = str | tuple[str, ...]
"""A text, or the two texts of a pair."""


def inputs(run: TrainedRun, split: str, local_data: LocalData | None) -> list[Input]:
    """Return the raw inputs of a split, texts or pairs; lists of words are joined with spaces.

    Raises:
        UserError: the texts are not available, or have changed.
    """
    with cache_only():
        data = load_splits_of_run(run.folder, run.task, local_data, wanted=[split])
    if split not in data or data[split].fingerprint != run.fingerprint:
        raise UserError(f"the data have changed since split {split!r} of {run.folder} was scored")
    columns = [
        [" ".join(map(str, row)) if isinstance(row, list) else str(row) for row in column]
        for column in map(data[split].column, run.task.text_fields)
    ]
    return [*columns[0]] if len(columns) == 1 else [*zip(*columns, strict=True)]


def words_of(split: Split, fields: Sequence[str]) -> Iterator[list[str]]:
    """Yield the words of each example, of both texts of a pair."""
    for rows in zip(*map(split.column, fields), strict=True):
        yield [word for row in rows for word in words_in(row)]


def words_in(row: Any) -> list[str]:
    """Return the words of a text, or of its tokens, in lower case."""
    if isinstance(row, list | tuple):
        return [str(token).lower() for token in row]
    return [word.text.lower() for word in split_words(str(row))]


Indices = np.ndarray[Any, np.dtype[np.int64]]


def by_length(lengths: Sequence[int]) -> dict[str, Indices]:
    """Split examples by length into parts of about equal size; equal lengths stay together."""
    counts = np.array(lengths)
    cuts = np.unique(np.quantile(counts, np.arange(1, PARTS) / PARTS, method="higher"))
    parts = {}
    for low, high in zip([counts.min(), *cuts], [*cuts, counts.max() + 1], strict=True):
        if low < high:
            name = str(low) if high == low + 1 else f"{low} to {high - 1}"
            parts[name] = np.flatnonzero((counts >= low) & (counts < high))
    return parts


def by_rarity(texts: Sequence[Sequence[str]], known: Counter[str]) -> dict[str, Indices]:
    """Split examples by how often train has the rarest word of each."""
    least = np.array([min((known[word] for word in words), default=RARE + 1) for words in texts])
    return {
        "not in train": np.flatnonzero(least == 0),
        f"1 to {RARE} times in train": np.flatnonzero((least >= 1) & (least <= RARE)),
        f"more than {RARE} times": np.flatnonzero(least > RARE),
    }


def _slice(candidates: Sequence[Candidate], score: str, name: str, indices: Indices) -> Slice:
    scores = {candidate.name: _mean(candidate, score, indices) for candidate in candidates}
    return Slice(name, len(indices), scores)


def _mean(candidate: Candidate, score: str, indices: Indices) -> float | None:
    values = []
    for run in candidate.runs:
        try:
            total = run.statistics[indices].sum(axis=0).tolist()
            values.append(run.task.metric.score(total)[score])
        except (ValueError, KeyError):  # a metric that is undefined without examples
            return None
    return float(np.mean(values))
