"""Scores of texts that were found for sources, beside the perplexity of their targets."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

from nlpseq.metrics.base import Metric, Scores


class TextMetric(Metric, Protocol):
    """A metric of texts that can say how it counts."""

    @property
    def signatures(self) -> dict[str, str]:
        """How each score was computed."""
        ...


class Seq2SeqScores:
    """The scores of a text metric, then perplexity = exp(total nll / total tokens) of the targets.

    The statistics of an example are the nll in nats, tokens, and those of the text metric.
    """

    def __init__(self, text: TextMetric) -> None:
        self.text = text

    def statistics(self, prediction: tuple[str, float, int], target: Any) -> tuple[float, ...]:
        """Vector of one example.

        Args:
            prediction: the text that was found, and the nll and the tokens of the target.
            target: what the text metric compares the text with.
        """
        output, nll, tokens = prediction
        return (nll, float(tokens), *self.text.statistics(output, target))

    def score(self, total: Sequence[float]) -> Scores:
        """Scores from a sum of vectors; where no source has a token, the mean nll is 0."""
        nll, tokens, *text = total
        mean = nll / tokens if tokens else 0.0
        return {
            **self.text.score(text),
            "nll_per_token": mean,
            "perplexity": math.exp(min(mean, 700)),
        }
