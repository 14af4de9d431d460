"""How many of the tokens that can be known are known: accuracy over answers, and against their distance.

The statistics of a sequence are (nll in nats of its answers, answers, correct ones).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from nlpseq.metrics.base import Scores
from nlpseq.metrics.perplexity import Perplexity


class RecallScores:
    """Accuracy and perplexity of the answers alone; whatever else a sequence holds counts nothing."""

    def statistics(self, prediction: Sequence[float], target: Sequence[bool]) -> tuple[float, ...]:
        """Vector of one sequence.

        Args:
            prediction: the nll in nats of each of its answers.
            target: whether the likeliest token was the right one.
        """
        return (float(sum(prediction)), len(target), sum(target))

    def score(self, total: Sequence[float]) -> Scores:
        """Scores from a sum of vectors.

        Raises:
            ValueError: there is no answer.
        """
        nll, answers, correct = total
        perplexity = Perplexity().score((nll, answers, 0, 0))
        return {"accuracy": correct / max(answers, 1), **perplexity}


def accuracy_by_distance(
    answers: Iterable[tuple[int, bool]],
) -> dict[str, dict[str, float]]:
    """Accuracy and number of the answers at each distance, the nearest first.

    Args:
        answers: the distance of each, and whether it was right.
    """
    counts: Counter[int] = Counter()
    correct: Counter[int] = Counter()
    for distance, right in answers:
        counts[distance] += 1
        correct[distance] += right
    return {
        str(distance): {"accuracy": correct[distance] / counts[distance], "answers": count}
        for distance, count in sorted(counts.items())
    }


def best_constant(answers: Iterable[Any]) -> float:
    """The accuracy of who always gives the most frequent answer; 0 if there is none."""
    counts = Counter(answers)
    return max(counts.values(), default=0) / max(counts.total(), 1)
