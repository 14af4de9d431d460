"""Errors by length of the input, and by how rare its words are in train."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from nlpseq.analysis.comparison.slices import by_length, by_rarity, words_in, words_of
from nlpseq.data.split import Split
from nlpseq.task import Task

from .examples import Example
from .results import ErrorSlice

LENGTH, RARITY = "input length (words)", "rarest input word"


def error_slices(
    examples: Sequence[Example],
    task: Task[Any],
    is_wrong: Callable[[Example], bool] | None,
    train: Split | None,
) -> dict[str, tuple[ErrorSlice, ...]]:
    """Score slices of a split.

    Args:
        examples: with texts.
        task: of the run.
        is_wrong: tells whether an example is wrong; None: examples are not just right or wrong.
        train: train split, in which words are counted; None: no slices by rare words.
    """
    texts = [[word for text in example.texts for word in words_in(text)] for example in examples]
    parts = {LENGTH: by_length([len(words) for words in texts])}
    fields = task.text_fields
    if train is not None and {*fields} <= {*train.rows.column_names}:
        known = Counter(word for words in words_of(train, fields) for word in words)
        parts[RARITY] = by_rarity(texts, known)
    return {
        title: tuple(
            _slice(name, [examples[index] for index in indices], task, is_wrong)
            for name, indices in by_name.items()
            if len(indices)
        )
        for title, by_name in parts.items()
    }


def _slice(
    name: str,
    examples: Sequence[Example],
    task: Task[Any],
    is_wrong: Callable[[Example], bool] | None,
) -> ErrorSlice:
    mistakes = None if is_wrong is None else sum(map(is_wrong, examples))
    return ErrorSlice(name, len(examples), mistakes, score_of(examples, task))


def score_of(examples: Sequence[Example], task: Task[Any]) -> float | None:
    """Return the main score of some examples; None if it is undefined."""
    total = [sum(column) for column in zip(*(row.statistics for row in examples), strict=True)]
    try:
        return float(task.metric.score(total)[task.main_metric])
    except (ValueError, KeyError, ZeroDivisionError):
        return None
