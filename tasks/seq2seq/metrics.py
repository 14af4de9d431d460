"""Scores of generated texts beside the perplexity of their targets, with confidence intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from nlpseq.metrics.base import Metric, Scores
from nlpseq.metrics.resampling import bootstrap_interval
from nlpseq.task import Record


class TextMetric(Metric, Protocol):
    """A metric of texts with signatures."""

    directions: ClassVar[Mapping[str, bool]]
    """Whether higher is better, for each score that may choose weights."""
    num_references: int
    """Number of references of each example; -1 if it varies."""

    @property
    def signatures(self) -> dict[str, str]:
        """Settings and versions of each score, as sacrebleu writes them."""
        ...


class Seq2SeqScores:
    """The scores of a text metric, then perplexity = exp(total nll / total tokens) of the targets.

    The statistics of an example are the nll in nats, the number of tokens, and those of the text metric.
    """

    def __init__(self, text: TextMetric) -> None:
        self.text = text

    def statistics(self, prediction: tuple[str, float, int], target: Any) -> tuple[float, ...]:
        """Return the vector of an example.

        Args:
            prediction: the output, and nll and number of tokens of the target.
            target: reference of the text metric.
        """
        output, nll, tokens = prediction
        return (nll, float(tokens), *self.text.statistics(output, target))

    def score(self, total: Sequence[float]) -> Scores:
        """Return the scores from a sum of vectors; if no source has a token, the mean nll is 0."""
        nll, tokens, *text = total
        mean = nll / tokens if tokens else 0.0
        return {
            **self.text.score(text),
            "nll_per_token": mean,
            "perplexity": math.exp(min(mean, 700)),
        }


def interval_details(
    records: Sequence[Record], text_metric: TextMetric, *, outputs: str = ""
) -> dict[str, Any]:
    """Return confidence intervals of the scores over examples, and how the scores were computed.

    Args:
        records: evaluated examples.
        text_metric: the metric of texts.
        outputs: how outputs became texts; empty if they needed no detokenizing.
    """
    vectors = np.array([record.statistics for record in records])
    signatures = dict(text_metric.signatures)
    if outputs:
        signatures["outputs"] = outputs
    return {
        "confidence_intervals": bootstrap_interval(vectors, Seq2SeqScores(text_metric).score),
        "signatures": signatures,
    }
