"""Which way a score is better, and in what unit people speak of it."""

from typing import Any, NamedTuple

from nlpseq.reporting.formats import PERCENT, readable_name
from nlpseq.task import Task


class Unit(NamedTuple):
    """How a score is read.

    Attributes:
        higher_is_better: None where neither way is.
        factor: what it is multiplied by when it is told.
        worth: the difference, as it is told, that one would want to be able to see.
        name: behind a difference.
        label: of the score itself.
    """

    higher_is_better: bool | None
    factor: float
    worth: float
    name: str
    label: str

    @property
    def told(self) -> str:
        """The label, with the unit in which it is told."""
        return f"{self.label} (%)" if self.factor == 100 else self.label


_POINTS = ("bleu", "bleu_lowercased_tokenized", "chrf", "rouge1", "rouge2", "rougeL", "rougeLsum")


def _percent_unit(name: str) -> Unit:
    label = readable_name(name)
    return Unit(True, 100, 0.5, label if label[-2:] == "F1" else f"points of {label}", label)


_UNITS = {
    **{name: _percent_unit(name) for name in PERCENT},
    **{name: Unit(True, 1, 0.5, readable_name(name), readable_name(name)) for name in _POINTS},
    "ter": Unit(False, 1, 0.5, "TER", "TER"),
    "perplexity": Unit(False, 1, 0.5, "perplexity", "perplexity"),
    "nll_per_token": Unit(False, 1, 0.01, "nats per token", "nll per token"),
    "bits_per_character": Unit(False, 1, 0.01, "bits per character", "bits per character"),
    "bits_per_byte": Unit(False, 1, 0.01, "bits per byte", "bits per byte"),
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
    words = name.replace("_", " ")
    return Unit(direction, 1, 0.5, words, words)
