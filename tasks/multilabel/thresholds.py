"""The labels of a model with a threshold for each, as they are saved with it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.errors import UserError
from nlpseq.stored_values import StoredValues

from ..base.label_names import names_by_id

_BOUNDS = (-0.01, 1.01)  # of a probability, 0 and 1 included


class Thresholds(NamedTuple):
    """The labels, in the order of the model's outputs, and the smallest probability at which each is predicted."""

    labels: tuple[str, ...]
    values: tuple[float, ...]

    def choose(self, probabilities: Sequence[float]) -> list[str]:
        """Return the labels of a text, the likeliest first."""
        rows = zip(self.labels, self.values, probabilities, strict=True)
        chosen = [(value, label) for label, limit, value in rows if value >= limit]
        return [label for _, label in sorted(chosen, key=lambda pair: -pair[0])]

    def describe(self) -> str:
        """Return the thresholds in a few words."""
        if len({*self.values}) == 1:
            return f"{self.values[0]:.3f} for all labels"
        lowest, highest = min(self.values), max(self.values)
        return f"from {lowest:.3f} to {highest:.3f}, by label"

    def to_json(self) -> dict[str, Any]:
        """Return what config.json has of them."""
        return {
            "id2label": dict(enumerate(self.labels)),
            "thresholds": dict(zip(self.labels, self.values, strict=True)),
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Thresholds":
        """Return the thresholds that config.json has.

        Raises:
            UserError: they are damaged.
        """
        labels = names_by_id(state["id2label"])
        values = state.get("thresholds")
        if not isinstance(values, Mapping) or {*values} != {*labels}:
            raise UserError("config.json: learnt.thresholds is damaged: it has one for each label")
        stored = StoredValues(values, "config.json: learnt.thresholds")
        return cls(tuple(labels), tuple(stored.number(label, *_BOUNDS) for label in labels))
