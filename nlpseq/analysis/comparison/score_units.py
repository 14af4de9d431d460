"""The direction of each score, and the unit in which people read its differences."""

from typing import Any, NamedTuple

from nlpseq.reporting.formats import LABELS, PERCENT, readable_name
from nlpseq.task import Task


class Unit(NamedTuple):
    """The unit and the direction in which people read a score.

    Attributes:
        higher_is_better: None if neither direction is.
        factor: by which it is multiplied for people.
        worth: default of the smallest difference of interest, multiplied by `factor`.
        name: unit of a difference.
        label: of the score itself.
    """

    higher_is_better: bool | None
    factor: float
    worth: float
    name: str
    label: str

    @property
    def full_label(self) -> str:
        """Return the label with its unit: `accuracy (%)`."""
        return f"{self.label} (%)" if self.factor == 100 else self.label


_POINTS = [name for name in LABELS if name.startswith(("bleu", "chrf", "rouge"))]
_UNITS = {
    **{
        name: Unit(True, 100, 0.5, label if label[-2:] == "F1" else f"points of {label}", label)
        for name, label in ((name, readable_name(name)) for name in PERCENT)
    },
    **{name: Unit(True, 1, 0.5, LABELS[name], LABELS[name]) for name in _POINTS},
    "ter": Unit(False, 1, 0.5, "TER", "TER"),
    "perplexity": Unit(False, 1, 0.5, "perplexity", "perplexity"),
    "nll_per_token": Unit(False, 1, 0.01, "nats per token", "nll per token"),
    "bits_per_character": Unit(False, 1, 0.01, "bits per character", "bits per character"),
    "rmse": Unit(False, 1, 0.01, "RMSE", "RMSE"),
    "mae": Unit(False, 1, 0.01, "MAE", "MAE"),
    "pearson": Unit(True, 1, 0.01, "Pearson's r", "Pearson's r"),
    "bits_per_byte": Unit(False, 1, 0.01, "bits per byte", "bits per byte"),
}
PER_TOKEN = ("perplexity", "nll_per_token")
"""Scores per token, which cannot be compared across vocabularies."""
PER_TEXT = ("bits_per_byte", "bits_per_character")
"""The same, relative to the size of the raw text."""


def unit_of(name: str, task: Task[Any]) -> Unit:
    """Return the unit of a score; for an unknown main score, the task knows the direction."""
    known = _UNITS.get(name)
    worth = task.smallest_difference(name)
    if known is not None:
        return known if worth is None else known._replace(worth=worth * known.factor)
    direction = task.higher_is_better if name == task.main_metric else None
    words = readable_name(name)
    return Unit(direction, 1, 0.5, words, words)
