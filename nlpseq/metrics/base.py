"""What every metric is: a vector for each example, and scores from the sum of the vectors."""

import math
from collections.abc import Iterable, Sequence
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


def sum_statistics(vectors: Iterable[Sequence[float]]) -> list[float]:
    """Return the component-wise sum of the vectors of examples, exact in whatever order they come."""
    return [math.fsum(components) for components in zip(*vectors, strict=True)]
