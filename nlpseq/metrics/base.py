"""What every metric is: a vector for each example, and scores from the sum of the vectors."""

from collections.abc import Sequence
from typing import Any, Protocol

Scores = dict[str, float]


class Metric(Protocol):
    """Additive statistics and their scores."""

    def statistics(self, prediction: Any, target: Any) -> tuple[float, ...]:
        """The vector of one example."""
        ...

    def score(self, total: Sequence[float]) -> Scores:
        """The scores of a set of examples, from the sum of their vectors."""
        ...
