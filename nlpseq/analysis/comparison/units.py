"""Which way a score is better, and in what unit people speak of it."""

from typing import Any, NamedTuple

from nlpseq.task import Task


class Unit(NamedTuple):
    """How a score is read.

    Attributes:
        higher_is_better: None where neither way is.
        factor: what it is multiplied by when it is told.
        worth: the difference, as it is told, that one would want to be able to see.
        name: behind a difference.
    """

    higher_is_better: bool | None
    factor: float
    worth: float
    name: str


_SHARES = {  # in [0, 1], told in percentage points
    "accuracy": "points of accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "precision": "points of precision",
    "recall": "points of recall",
    "f1": "F1",
    "conlleval_precision": "points of conlleval precision",
    "conlleval_recall": "points of conlleval recall",
    "conlleval_f1": "conlleval F1",
    "token_accuracy": "points of token accuracy",
}
_POINTS = {
    "bleu": "BLEU",
    "bleu_lowercased_tokenized": "lower-cased tokenized BLEU",
    "chrf": "chrF",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
}
_UNITS = {
    **{name: Unit(True, 100, 0.5, words) for name, words in _SHARES.items()},
    **{name: Unit(True, 1, 0.5, words) for name, words in _POINTS.items()},
    "ter": Unit(False, 1, 0.5, "TER"),
    "perplexity": Unit(False, 1, 0.5, "perplexity"),
    "nll_per_token": Unit(False, 1, 0.01, "nats per token"),
    "bits_per_character": Unit(False, 1, 0.01, "bits per character"),
    "bits_per_byte": Unit(False, 1, 0.01, "bits per byte"),
}
PER_TOKEN = ("perplexity", "nll_per_token")
"""Scores per token, which mean nothing across vocabularies."""
PER_TEXT = ("bits_per_byte", "bits_per_character")
"""The same by the size of the raw text."""


def unit_of(name: str, task: Task[Any]) -> Unit:
    """How a score is read; of one that nlpseq does not know, the task says which way is better."""
    known = _UNITS.get(name)
    if known is not None:
        return known
    direction = task.higher_is_better if name == task.main_metric else None
    return Unit(direction, 1, 0.5, name.replace("_", " "))
