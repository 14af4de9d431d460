"""Baseline of recall: the most frequent answer of train, with the shares of all answers as probabilities."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from nlpseq.data.split import Split
from nlpseq.metrics.recall import RecallScores
from nlpseq.task import Baseline, Record


class AnsweredSequence(Protocol):
    """A sequence of token ids with the positions of its answers and their distances."""

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        ...

    @property
    def answers(self) -> list[int]:
        """Positions of the answers."""
        ...

    @property
    def distances(self) -> list[int]:
        """Distance of each answer from its cause."""
        ...


def train_baselines(
    splits: Mapping[str, Split],
    examples: Callable[[Split], Sequence[AnsweredSequence]],
    vocabulary: Sequence[str],
    metric: RecallScores,
) -> Iterator[Baseline]:
    """Count the answers of train; an answer that train lacks has one pseudo-count (Laplace)."""
    counts = Counter(
        example.ids[position]
        for example in examples(splits["train"])
        for position in example.answers
    )
    best = min(counts, key=lambda answer: (-counts[answer], answer))
    total = counts.total() + len(vocabulary)

    def records(split: Split) -> Iterator[Record]:
        for index, example in enumerate(examples(split)):
            positions = sorted(example.answers)
            answers = [example.ids[position] for position in positions]
            nll = [-math.log((counts[answer] + 1) / total) for answer in answers]
            statistics = metric.statistics(nll, [answer == best for answer in answers])
            distances = [example.distances[example.answers.index(p)] for p in positions]
            target = {"answers": [vocabulary[a] for a in answers], "distances": distances}
            yield Record(index, statistics, target, [vocabulary[best]] * len(answers))

    yield Baseline("most_frequent_answer", "most frequent answer", records)
