"""A trained classifier: raw texts in, classes out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from nlpseq.data.batch import ModelInput, Tokens
from nlpseq.data.batching import bucket_batches
from nlpseq.data.feature_batches import FeatureCollator
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.errors import UserError
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.predictor import Classification, as_cut_texts, as_texts, joined

from ..base.predictor_repr import PredictorRepr
from .model import Classifier, classify, relative_score

ATTRIBUTION_METHODS = {
    "gradients": "integrated gradients",
    "leave-one-out": "leave-one-out",
}
"""Methods of `explain`, and their names in predictions."""
FREQUENT = 1000
"""Tokens whose average vector is a baseline of integrated gradients."""


class TextClassifierPredictor(PredictorRepr):
    """A trained text classifier.

    Args:
        pipeline: makes features of texts, as in training.
        collator: makes batches of features.
        labels: classes, in the order of the model's outputs.
        model: trained classifier.
        device: where to run.
        batch_size: number of texts classified at once.
    """

    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification

    def __init__(
        self,
        pipeline: TextPipeline,
        collator: FeatureCollator,
        labels: Sequence[str],
        model: Classifier,
        device: torch.device,
        *,
        batch_size: int,
    ) -> None:
        self.pipeline = pipeline
        self.collator = collator
        self.labels = list(labels)
        self.model = model.to(device).eval()
        self.device = device
        self._batch_size = batch_size

    def predict(
        self, texts: Iterable[Text], /, *, pretokenized: bool = False
    ) -> list[Classification]:
        """Classify texts.

        Args:
            texts: raw texts.
            pretokenized: the texts are cut as the training data are: words between white space, or lists of words.

        Returns:
            the predictions, in the order of the texts. The label of a text without a token is None. With
            attention, a prediction has `tokens` and `weights`; in a hierarchical network also `sentences`
            and `sentence_weights`.

        Raises:
            UserError: `texts` is not an iterable of strings; a wrong one is named by its index.
        """
        given: Sequence[Text] = as_cut_texts(texts) if pretokenized else as_texts(texts)
        predictions = [Classification(joined(text), None, {}) for text in given]
        indices = [index for index, text in enumerate(given) if joined(text).strip()]
        used = [given[index] for index in indices]
        features = encode_texts(self.pipeline, used, pretokenized=pretokenized)
        lengths = [len(text) for text in features]
        for batch in bucket_batches(lengths, batch_size=self._batch_size, shuffle=False):
            results = self._classify(
                [used[number] for number in batch],
                [features[number] for number in batch],
                pretokenized,
            )
            for number, prediction in zip(batch, results, strict=True):
                predictions[indices[number]] = prediction
        return predictions

    def explain(
        self,
        texts: Iterable[Text],
        /,
        *,
        method: str = "gradients",
        pretokenized: bool = False,
    ) -> list[Classification]:
        """Classify texts, and compute how much each token contributes to the label.

        Args:
            texts: raw texts.
            method: `gradients` (integrated gradients), or `leave-one-out`.
            pretokenized: as in `predict`.

        Returns:
            as `predict`, with `tokens`, `attributions` and `attribution_method`. Attributions are parts of the
            label's logit less the mean logit of all classes. With `gradients` they add up to its difference
            from a text of the same length without words: the mean over two, one of zero vectors and one of
            the average vector of frequent tokens.

        Raises:
            UserError: as `predict`, or there is no such method.
        """
        if method not in ATTRIBUTION_METHODS:
            raise UserError(f"method {method!r}: choose {' or '.join(ATTRIBUTION_METHODS)}")
        given: list[Text] = [*(as_cut_texts(texts) if pretokenized else as_texts(texts))]
        predictions = self.predict(given, pretokenized=pretokenized)
        used = [index for index, item in enumerate(predictions) if item.label is not None]
        features = encode_texts(
            self.pipeline, [given[index] for index in used], pretokenized=pretokenized
        )
        lengths = [len(text) for text in features]
        for batch in bucket_batches(lengths, batch_size=self._batch_size, shuffle=False):
            labels = [self.labels.index(str(predictions[used[n]].label)) for n in batch]
            rows = self._attribute([features[n] for n in batch], labels, method)
            for number, row in zip(batch, rows, strict=True):
                index = used[number]
                tokens = self.pipeline.spellings(given[index], pretokenized=pretokenized)
                predictions[index] = replace(
                    predictions[index],
                    tokens=tuple(tokens),
                    attributions=tuple(row[: len(tokens)]),
                    attribution_method=ATTRIBUTION_METHODS[method],
                )
        return predictions

    def _attribute(
        self, features: Sequence[Features], labels: Sequence[int], method: str
    ) -> list[list[float]]:
        """Return the attributions of a batch of texts to their labels, row by row."""
        from nlpseq.analysis.attribution import integrated_gradients, leave_one_out

        tokens = self.collator.collate(features).to(self.device)
        ids = torch.tensor(labels, device=self.device)
        with torch.no_grad():
            vectors = self.model.embedding(tokens)
        if tokens.mask is not None:
            vectors = vectors.masked_fill(~tokens.mask.unsqueeze(2), 0)
        if method == "gradients":

            def row_scores(scaled: Tensor, rows: Tensor) -> Tensor:
                return relative_score(self.model, scaled, tokens.select_rows(rows), ids[rows])

            baselines = [vector.expand_as(vectors) for vector in self._baseline_vectors]
            if tokens.mask is not None:
                padding = ~tokens.mask.unsqueeze(2)
                baselines = [baseline.masked_fill(padding, 0) for baseline in baselines]
            parts = [integrated_gradients(row_scores, vectors, each) for each in baselines]
            values = torch.stack(parts).mean(0)
            return [row[: len(text)] for row, text in zip(values.tolist(), features, strict=True)]

        rows = []
        for row, text in enumerate(features):  # the label differs from text to text
            one = tokens.select_rows(slice(row, row + 1))
            label = ids[row]

            def score(part: Tensor, rest: Tokens, label: Tensor = label) -> Tensor:
                return relative_score(self.model, part, rest, label.expand(len(part)))

            values = leave_one_out(score, vectors[row : row + 1], one)
            rows.append(values[0, : len(text)].tolist())
        return rows

    @cached_property
    def _baseline_vectors(self) -> list[Tensor]:
        """The vectors (D,) that say nothing: zero, and the mean of frequent tokens.

        The vocabulary begins with frequent tokens; their frequency is about 1 / rank (Zipf's law). Zero alone
        is far from every word where characters are read.
        """
        tokenizer = self.pipeline.tokenizer
        special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id}
        ids = [index for index in range(len(tokenizer)) if index not in special][:FREQUENT]
        words = tokenizer.vocabulary
        features = [
            Features(
                [index],
                [words[index]] if self.pipeline.spells else (),
                [0] if self.pipeline.segments else (),
            )
            for index in ids
        ]
        tokens = self.collator.collate(features).to(self.device)
        with torch.no_grad():
            vectors = self.model.embedding(tokens)[:, 0]  # (N, D)
        weights = 1 / torch.arange(2, len(ids) + 2, device=self.device)
        mean = (weights @ vectors) / weights.sum()
        return [torch.zeros_like(mean), mean]

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode texts as the model reads them."""
        features = encode_texts(self.pipeline, texts)
        tokens = self.collator.collate(features).to(self.device)
        return ModelInput(tokens, [self.pipeline.spellings(text) for text in texts])

    def evaluate(
        self, texts: Iterable[Text], labels: Sequence[str], *, pretokenized: bool = False
    ) -> Scores:
        """Return the scores on texts whose classes are known."""
        metric = ClassificationScores(self.labels)
        predictions = self.predict(texts, pretokenized=pretokenized)
        return metric.score(
            sum_statistics(
                metric.statistics(str(prediction.label), label)
                for prediction, label in zip(predictions, labels, strict=True)
            )
        )

    @torch.no_grad()
    def _classify(
        self, texts: Sequence[Text], features: Sequence[Features], pretokenized: bool
    ) -> list[Classification]:
        """Classify a batch: texts as given, and their features."""
        output = classify(self.model, self.collator.collate(features).to(self.device))
        predictions = []
        for row, probabilities in enumerate(output.logits.softmax(1).tolist()):
            by_label = dict(zip(self.labels, probabilities, strict=True))
            tokens: Sequence[str] = ()
            weights: Sequence[float] = ()
            sentences: Sequence[str] = ()
            sentence_weights: Sequence[float] = ()
            if output.weights is not None:
                tokens = self.pipeline.spellings(texts[row], pretokenized=pretokenized)
                weights = output.weights[row, : len(tokens)].tolist()
            if output.sentence_weights is not None:
                sentences = _join_sentences(tokens, features[row].segments)
                sentence_weights = output.sentence_weights[row, : len(sentences)].tolist()
            predictions.append(
                Classification(
                    joined(texts[row]),
                    max(by_label, key=by_label.__getitem__),
                    by_label,
                    tuple(tokens),
                    tuple(weights),
                    tuple(sentences),
                    tuple(sentence_weights),
                )
            )
        return predictions


def encode_texts(
    pipeline: TextPipeline, texts: Sequence[Text], *, pretokenized: bool = False
) -> list[Features]:
    """Make features of texts; a text without a token is one unknown token."""
    unknown = Features([pipeline.tokenizer.unk_id], [""], [0] if pipeline.segments else ())
    features = pipeline.read(texts, pretokenized=pretokenized)
    return [text if len(text) else unknown for text in features]


def _join_sentences(tokens: Sequence[str], segments: Sequence[int]) -> list[str]:
    """Join tokens to sentences by the sentence number of each token."""
    sentences: list[list[str]] = [[] for _ in range(segments[-1] + 1)]
    for token, number in zip(tokens, segments, strict=True):
        sentences[number].append(token)
    return [" ".join(sentence) for sentence in sentences]
