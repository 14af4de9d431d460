"""Recall over long distances: accuracy on the determined tokens (answers), in total and by distance.

The statistics of a sequence are (nll of its answers in nats, number of answers, number of correct answers).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from nlpseq.metrics.base import Scores
from nlpseq.metrics.perplexity import Perplexity


class RecallScores:
    """Accuracy and perplexity of the answers; the other tokens of a sequence do not count."""

    def statistics(self, prediction: Sequence[float], target: Sequence[bool]) -> tuple[float, ...]:
        """Return the statistics vector of one sequence.

        Args:
            prediction: nll of each answer, in nats.
            target: for each answer, whether the most probable token was correct.
        """
        return (float(sum(prediction)), len(target), sum(target))

    def score(self, total: Sequence[float]) -> Scores:
        """Return scores from a sum of vectors.

        Raises:
            ValueError: there is no answer.
        """
        nll, answers, correct = total
        perplexity = Perplexity().score((nll, answers, 0, 0))
        return {"accuracy": correct / max(answers, 1), **perplexity}


def accuracy_by_distance(
    answers: Iterable[tuple[int, bool]],
) -> dict[str, dict[str, float]]:
    """Return accuracy and number of answers at each distance, sorted by distance.

    Args:
        answers: distance of each answer, and whether it was correct.
    """
    counts: Counter[int] = Counter()
    correct: Counter[int] = Counter()
    for distance, is_correct in answers:
        counts[distance] += 1
        correct[distance] += is_correct
    return {
        str(distance): {"accuracy": correct[distance] / counts[distance], "answers": count}
        for distance, count in sorted(counts.items())
    }


def best_constant(answers: Iterable[Any]) -> float:
    """Return the accuracy of always predicting the most frequent answer; 0 if there is no answer."""
    counts = Counter(answers)
    return max(counts.values(), default=0) / max(counts.total(), 1)
