"""Baselines of text to text: an output that is computed from the source without learning, such as a copy of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nlpseq.data.split import Split
from nlpseq.metrics.base import Metric
from nlpseq.task import Baseline, Record

NO_LIKELIHOOD = frozenset({"nll_per_token", "perplexity"})
"""Scores that need the probability of a target."""


def rule_baseline(
    name: str,
    label: str,
    output: Callable[[str], str],
    pairs: Callable[[Split], Sequence[tuple[str, str]]],
    references: Callable[[Split], Iterable[Any]],
    metric: Metric,
) -> Baseline:
    """Return the baseline whose outputs are `output(source)`.

    Args:
        name: of its files.
        label: in tables.
        output: computes the output for a source.
        pairs: returns the source and target of each example.
        references: returns the reference of each example for the metric of texts.
        metric: of the task; it takes (output, nll, number of tokens) as prediction.
    """

    def records(split: Split) -> Iterator[Record]:
        rows = zip(pairs(split), references(split), strict=True)
        for index, ((source, target), reference) in enumerate(rows):
            text = output(source)
            statistics = metric.statistics((text, 0.0, 0), reference)
            yield Record(index, statistics, target, text)

    return Baseline(name, label, records, NO_LIKELIHOOD)
