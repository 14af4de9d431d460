"""Our metrics as `evaluate.Metric`, for those who score with Hugging Face's tools.

    from nlpseq.metrics.faces import SpanF1
    SpanF1().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "I-PER"]])

They need no network: nothing is loaded by name. Nobody in the library imports this module, for `evaluate`
is slow to import.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from nlpseq.metrics.classification import ClassificationScores
from nlpseq.metrics.spans import SpanScores


def _sum(vectors: Iterable[Sequence[float]]) -> list[float]:
    return [sum(column) for column in zip(*vectors, strict=True)]


def _info(description: str, inputs: str, kind: Any) -> evaluate.MetricInfo:
    return evaluate.MetricInfo(
        description=description,
        citation="",
        inputs_description=inputs,
        features=Features({"predictions": kind, "references": kind}),
    )


class SpanF1(evaluate.Metric):  # type: ignore[misc]  # untyped
    """The scores of `SpanScores`, and its table as `per_type`, over all types that occur."""

    def _info(self) -> evaluate.MetricInfo:
        return _info(
            "Precision, recall and F1 of whole entities, strict and as conlleval counts them.",
            "predictions, references: a list of tags for each sentence. scheme: 'BIO' or 'BIOES'.",
            ListOf(Value("string")),
        )

    def _compute(
        self,
        predictions: Sequence[Sequence[str]],
        references: Sequence[Sequence[str]],
        scheme: Literal["BIO", "BIOES"] = "BIO",
    ) -> dict[str, Any]:
        every = [tag for tags in (*predictions, *references) for tag in tags]
        metric = SpanScores({tag[2:] for tag in every if tag != "O"}, scheme)
        total = _sum(map(metric.statistics, predictions, references))
        return {**metric.score(total), "per_type": metric.per_type(total)}


class Classification(evaluate.Metric):  # type: ignore[misc]  # untyped
    """The scores of `ClassificationScores` for labels that are integers, and its table as `per_class`."""

    def _info(self) -> evaluate.MetricInfo:
        return _info(
            "Accuracy, macro and weighted F1.",
            "predictions, references: a label for each example. labels: the classes that training "
            "knew; by default all that occur.",
            Value("int64"),
        )

    def _compute(
        self,
        predictions: Sequence[int],
        references: Sequence[int],
        labels: Sequence[int] | None = None,
    ) -> dict[str, Any]:
        classes = sorted({*predictions, *references}) if labels is None else labels
        metric = ClassificationScores([str(label) for label in classes])
        pairs = zip(predictions, references, strict=True)
        total = _sum(metric.statistics(str(label), str(target)) for label, target in pairs)
        return {**metric.score(total), "per_class": metric.per_class(total)}
