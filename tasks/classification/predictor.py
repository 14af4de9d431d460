"""A trained classifier: raw texts in, classes out."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch

from nlpseq.data.batch import ModelInput
from nlpseq.data.batching import bucket_batches
from nlpseq.data.features import FeatureReader, Features
from nlpseq.data.word_tokenizer import tokenize_words
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.predictor import Classification, as_texts

from ..base.predictor_repr import PredictorRepr
from .model import Classifier, classify


class TextClassifierPredictor(PredictorRepr):
    """A trained text classifier.

    Args:
        reader: makes features of texts, as in training.
        labels: classes, in the order of the model's outputs.
        model: trained classifier.
        device: where to run.
        batch_size: number of texts classified at once.
        by_words: cut raw texts into words first, as the training data are.
    """

    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification

    def __init__(
        self,
        reader: FeatureReader,
        labels: Sequence[str],
        model: Classifier,
        device: torch.device,
        *,
        batch_size: int,
        by_words: bool,
    ) -> None:
        self.reader = reader
        self.labels = list(labels)
        self.model = model.to(device).eval()
        self.device = device
        self._batch_size = batch_size
        self._by_words = by_words

    def predict(self, texts: Iterable[str], /) -> list[Classification]:
        """Classify texts.

        Returns:
            the predictions, in the order of the texts. The label of a text without a token is None. With
            attention, a prediction has `tokens` and `weights`; in a hierarchical network also `sentences`
            and `sentence_weights`.

        Raises:
            UserError: `texts` is not an iterable of strings; a wrong one is named by its index.
        """
        texts = as_texts(texts)
        cut = self._cut(texts)
        predictions = [Classification(text, None, {}) for text in texts]
        indices = [index for index, text in enumerate(cut) if text.split()]
        features = encode_texts(self.reader, [cut[index] for index in indices])
        lengths = [len(text) for text in features]
        for batch in bucket_batches(lengths, batch_size=self._batch_size, shuffle=False):
            rows = [indices[number] for number in batch]
            results = self._classify(
                [texts[row] for row in rows],
                [cut[row] for row in rows],
                [features[number] for number in batch],
            )
            for row, prediction in zip(rows, results, strict=True):
                predictions[row] = prediction
        return predictions

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode texts as the model reads them."""
        cut = self._cut(texts)
        tokens = self.reader.collate(encode_texts(self.reader, cut)).to(self.device)
        return ModelInput(tokens, [self._spell(text) for text in cut])

    def evaluate(self, texts: Iterable[str], labels: Sequence[str]) -> Scores:
        """Return the scores on texts whose classes are known."""
        metric = ClassificationScores(self.labels)
        predictions = self.predict(texts)
        return metric.score(
            sum_statistics(
                metric.statistics(str(prediction.label), label)
                for prediction, label in zip(predictions, labels, strict=True)
            )
        )

    def _cut(self, texts: Sequence[str]) -> list[str]:
        return [tokenize_words(text) for text in texts] if self._by_words else list(texts)

    @torch.no_grad()
    def _classify(
        self, texts: Sequence[str], cut: Sequence[str], features: Sequence[Features]
    ) -> list[Classification]:
        """Classify a batch: texts as given, the same texts as they are tokenized, and their features."""
        output = classify(self.model, self.reader.collate(features).to(self.device))
        predictions = []
        for row, probabilities in enumerate(output.logits.softmax(1).tolist()):
            by_label = dict(zip(self.labels, probabilities, strict=True))
            tokens: Sequence[str] = ()
            weights: Sequence[float] = ()
            sentences: Sequence[str] = ()
            sentence_weights: Sequence[float] = ()
            if output.weights is not None:
                tokens = self._spell(cut[row])
                weights = output.weights[row, : len(tokens)].tolist()
            if output.sentence_weights is not None:
                sentences = _join_sentences(tokens, features[row].segments)
                sentence_weights = output.sentence_weights[row, : len(sentences)].tolist()
            predictions.append(
                Classification(
                    texts[row],
                    max(by_label, key=by_label.__getitem__),
                    by_label,
                    tuple(tokens),
                    tuple(weights),
                    tuple(sentences),
                    tuple(sentence_weights),
                )
            )
        return predictions

    def _spell(self, text: str) -> list[str]:
        """Return each token as it is spelt in the text, known or not; the text if it has no token."""
        encoding = self.reader.tokenizer.backend.encode(text, add_special_tokens=False)
        pieces = [text[begin:end] for begin, end in encoding.offsets] or [text]
        return [piece.strip() or piece for piece in pieces]


def encode_texts(reader: FeatureReader, texts: Sequence[str]) -> list[Features]:
    """Make features of texts that are cut as in training; a text without a token is one unknown token."""
    unknown = Features([reader.tokenizer.unk_id], [""], [0] if reader.segments else ())
    return [features if len(features) else unknown for features in reader.read_texts(texts)]


def _join_sentences(tokens: Sequence[str], segments: Sequence[int]) -> list[str]:
    """Join tokens to sentences by the sentence number of each token."""
    sentences: list[list[str]] = [[] for _ in range(segments[-1] + 1)]
    for token, number in zip(tokens, segments, strict=True):
        sentences[number].append(token)
    return [" ".join(sentence) for sentence in sentences]
