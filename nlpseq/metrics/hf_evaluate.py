"""The metrics as `evaluate.Metric`, for scoring with Hugging Face's tools.

    from nlpseq.metrics.hf_evaluate import SpanF1
    SpanF1().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "I-PER"]])

They need no network, because nothing is loaded by name. The rest of the library does not import this module,
because `evaluate` is slow to import.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.bleu_tokenizers import choose_bleu_tokenizer
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.metrics.scripts import rouge_words
from nlpseq.metrics.spans import SpanScores
from nlpseq.metrics.summarization import SummaryScores, SummaryTarget
from nlpseq.metrics.translation import TranslationScores, TranslationTarget


def _info(description: str, inputs: str, kind: Any, **more: Any) -> evaluate.MetricInfo:
    return evaluate.MetricInfo(
        description=description,
        citation="",
        inputs_description=inputs,
        features=Features({"predictions": kind, "references": kind, **more}),
    )


class SpanF1(evaluate.Metric):  # type: ignore[misc]  # untyped
    """Scores of `SpanScores`, with its table as `per_type`, for all types that occur."""

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
        all_tags = [tag for tags in (*predictions, *references) for tag in tags]
        metric = SpanScores({tag[2:] for tag in all_tags if tag != "O"}, scheme)
        total = sum_statistics(map(metric.statistics, predictions, references))
        return {**metric.score(total), "per_type": metric.per_type(total)}


class Classification(evaluate.Metric):  # type: ignore[misc]  # untyped
    """Scores of `ClassificationScores` for integer labels, with its table as `per_class`."""

    def _info(self) -> evaluate.MetricInfo:
        return _info(
            "Accuracy, macro and weighted F1.",
            "predictions, references: a label for each example. labels: the classes of the training "
            "data; by default all that occur.",
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
        total = sum_statistics(
            metric.statistics(str(label), str(target)) for label, target in pairs
        )
        return {**metric.score(total), "per_class": metric.per_class(total)}


class Translation(evaluate.Metric):  # type: ignore[misc]  # untyped
    """Scores of `TranslationScores`, with its `signatures`; one reference for each translation."""

    def _info(self) -> evaluate.MetricInfo:
        return _info(
            "BLEU, chrF and TER on raw detokenized text, by sacrebleu.",
            "predictions, references: a text for each sentence. tokenized_language, such as 'de', and "
            "tokenized_references, lower-cased and tokenized, add the lower-cased tokenized BLEU. "
            "bleu_tokenizer: a name of sacrebleu; default: by the script of the references.",
            Value("string"),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        tokenized_language: str | None = None,
        tokenized_references: Sequence[str] | None = None,
        bleu_tokenizer: str | None = None,
    ) -> dict[str, Any]:
        tokenizer = bleu_tokenizer or choose_bleu_tokenizer(references).name
        metric = TranslationScores(tokenized_language, bleu_tokenizer=tokenizer)
        targets: Iterable[str | TranslationTarget] = references
        if tokenized_references is not None:
            targets = map(TranslationTarget, references, tokenized_references)
        total = sum_statistics(map(metric.statistics, predictions, targets))
        return {**metric.score(total), "signatures": metric.signatures}


class Summary(evaluate.Metric):  # type: ignore[misc]  # untyped
    """Scores of `SummaryScores`, with its `signatures`; `compute` and `add_batch` need `sources`, too."""

    def _info(self) -> evaluate.MetricInfo:
        return _info(
            "ROUGE-1, 2, L and Lsum by rouge-score; novel n-grams, copying, repetition, length.",
            "predictions, references: a summary of each text, one sentence on each line. sources: the texts.",
            Value("string"),
            sources=Value("string"),
        )

    def _compute(
        self, predictions: Sequence[str], references: Sequence[str], sources: Sequence[str]
    ) -> dict[str, Any]:
        metric = SummaryScores(rouge_words(references))
        targets = map(SummaryTarget, references, sources)
        total = sum_statistics(map(metric.statistics, predictions, targets))
        return {**metric.score(total), "signatures": metric.signatures}
