"""The interface of all metrics: statistics of an example, and scores from the sum of statistics."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Scores = dict[str, float]


class Metric(Protocol):
    """Scores that are computed from additive statistics."""

    def statistics(self, prediction: Any, target: Any) -> tuple[float, ...]:
        """Return the statistics vector of one example."""
        ...

    def score(self, total: Sequence[float]) -> Scores:
        """Return the scores of a set of examples from the sum of their vectors."""
        ...


def perfect_scores(metric: Metric, targets: Iterable[Any]) -> Scores:
    """Return the scores of predictions that equal their targets; none without a target."""
    total = sum_statistics(metric.statistics(target, target) for target in targets)
    return metric.score(total) if total else {}


def sum_statistics(vectors: Iterable[Sequence[float]]) -> list[float]:
    """Return the component-wise sum of the examples' vectors; it does not depend on their order."""
    return [math.fsum(components) for components in zip(*vectors, strict=True)]
