"""Where models differ: scores by length of the input, and by how rare its words are in train.

The texts are read again from the data of the recipe, and their fingerprint is held against that of the runs.
A word is what the data themselves cut into tokens, else what `nlpseq.data.word_tokenizer.split_words` finds, in lower
case: the same for all models, whatever their tokenization.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlpseq.data.hub_access import cache_only
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.data.word_tokenizer import split_words
from nlpseq.errors import UserError

from .runs import Candidate, TrainedRun

RARE = 5  # a word seen so often in train, or less, is rare
PARTS = 4  # of about as many examples, by length


@dataclass(frozen=True)
class Slice:
    """Some of the examples.

    Attributes:
        name: which.
        examples: how many.
        scores: of each model, the mean over its runs; None where they have none, as F1 of no entity.
    """

    name: str
    examples: int
    scores: dict[str, float | None]


def slices(
    contenders: Sequence[Candidate], score: str, split: str, data_dir: Path | None
) -> tuple[dict[str, list[Slice]], list[str]]:
    """Scores of parts of the test set.

    Args:
        contenders: that can be compared.
        score: the score.
        split: the split that was scored.
        data_dir: where local files lie; data of the Hub are read if they were downloaded earlier.

    Returns:
        Slices by what they are cut by, and notes on what could not be cut.
    """
    first = contenders[0].runs[0]
    try:
        with cache_only():
            data = _read(first, data_dir)
    except UserError as error:
        where = (
            ""
            if data_dir or "--data-dir" in str(error)
            else "; local files are read with --data-dir"
        )
        return {}, [
            f"no scores by length and rare words, as the texts are not at hand: {error}{where}"
        ]
    if split not in data or data[split].fingerprint != first.fingerprint:
        return {}, [
            "no scores by length and rare words: the texts at hand are not those of the runs"
        ]
    field = first.task.fields[0]
    texts = [_words(row) for row in data[split].column(field)]
    found = [texts[index] for index in first.index]
    parts = {"words of the input": _by_length([len(words) for words in found])}
    if field in data["train"].rows.column_names:
        known = Counter(word for row in data["train"].column(field) for word in _words(row))
        parts["rarest word of the input"] = _by_rarity(found, known)
    return {
        title: [
            _slice(contenders, score, name, places) for name, places in cut.items() if len(places)
        ]
        for title, cut in parts.items()
    }, []


def inputs(run: TrainedRun, split: str, data_dir: Path | None) -> list[str]:
    """The raw inputs of a split, words of data that come as words joined by spaces.

    Raises:
        UserError: they are not at hand, as in `slices`.
    """
    with cache_only():
        data = _read(run, data_dir)
    if split not in data or data[split].fingerprint != run.fingerprint:
        raise UserError(f"the texts at hand are not those of split {split!r} of {run.folder}")
    rows = data[split].column(run.task.fields[0])
    return [" ".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]


def _read(run: TrainedRun, data_dir: Path | None) -> dict[str, Split]:
    task = run.task
    return load_splits(
        task.recipe.data, data_dir=data_dir, fields=task.fields, further_fields=task.further_fields
    )


def _words(row: Any) -> list[str]:
    if isinstance(row, list):
        return [str(token).lower() for token in row]
    return [word.text.lower() for word in split_words(str(row))]


Places = np.ndarray[Any, np.dtype[np.int64]]


def _by_length(lengths: Sequence[int]) -> dict[str, Places]:
    """Parts of about equal size; examples of one length stay together."""
    counts = np.array(lengths)
    cuts = np.unique(np.quantile(counts, np.arange(1, PARTS) / PARTS, method="higher"))
    found = {}
    for low, high in zip([counts.min(), *cuts], [*cuts, counts.max() + 1], strict=True):
        if low < high:
            name = str(low) if high == low + 1 else f"{low} to {high - 1}"
            found[name] = np.flatnonzero((counts >= low) & (counts < high))
    return found


def _by_rarity(texts: Sequence[Sequence[str]], known: Counter[str]) -> dict[str, Places]:
    """By the word of each text that train has least often."""
    least = np.array([min((known[word] for word in words), default=RARE + 1) for words in texts])
    return {
        "not in train": np.flatnonzero(least == 0),
        f"1 to {RARE} times in train": np.flatnonzero((least >= 1) & (least <= RARE)),
        f"more than {RARE} times": np.flatnonzero(least > RARE),
    }


def _slice(contenders: Sequence[Candidate], score: str, name: str, places: Places) -> Slice:
    scores = {contender.name: _mean(contender, score, places) for contender in contenders}
    return Slice(name, len(places), scores)


def _mean(contender: Candidate, score: str, places: Places) -> float | None:
    values = []
    for run in contender.runs:
        try:
            total = run.statistics[places].sum(axis=0).tolist()
            values.append(run.task.metric.score(total)[score])
        except (ValueError, KeyError):  # a metric of nothing
            return None
    return float(np.mean(values))
