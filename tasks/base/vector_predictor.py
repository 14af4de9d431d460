"""A trained model of whole texts, or of pairs of texts: raw texts in, predictions out.

`VectorPredictor` has the batches, the attention and the attributions; a subclass turns K outputs into a prediction.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from nlpseq.data.batch import ModelInput
from nlpseq.data.batching import bucket_batches
from nlpseq.data.features import Features
from nlpseq.data.text_pipeline import Text
from nlpseq.errors import UserError
from nlpseq.predictor import ExplainablePrediction, as_cut_texts, as_pairs, as_texts, joined

from .predictor_repr import PredictorRepr
from .sides import SideReader, Sides, side_lengths
from .vector_attribution import ATTRIBUTION_METHODS, VectorAttribution
from .vector_model import TextVector, VectorModel, compute_outputs

PredictionT = TypeVar("PredictionT", bound=ExplainablePrediction)


class VectorPredictor(PredictorRepr, ABC, Generic[PredictionT]):
    """A trained model of whole texts.

    Args:
        reader: makes features and batches of texts, as in training.
        model: trained.
        device: where to run.
    """

    prediction_type: ClassVar[type[Any]]

    def __init__(self, reader: SideReader, model: VectorModel, device: torch.device) -> None:
        self.reader = reader
        self.model = model.to(device).eval()
        self.device = device
        self.attribution = VectorAttribution(reader.pipeline, reader.collator, self.model, device)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns of the training data that hold the texts: one, or two for a model of pairs."""
        return self.reader.text_columns

    # Defined by each task

    @abstractmethod
    def activate(self, logits: Tensor) -> Tensor:
        """Return what a prediction is made of, such as probabilities: (B, K) -> (B, K)."""

    @abstractmethod
    def to_prediction(
        self, text: str, values: Sequence[float], evidence: Mapping[str, Any]
    ) -> PredictionT:
        """Make a prediction.

        Args:
            text: the text, or the first text of a pair.
            values: a row of `activate`.
            evidence: further arguments of the prediction: `text2`, tokens and weights of attention.
        """

    @abstractmethod
    def explained_outputs(self, predictions: Sequence[PredictionT]) -> Tensor:
        """Return weights (B, K): attributions are parts of the outputs' sum with these weights."""

    # Predictions

    def predict(
        self, texts: Iterable[Text | Sequence[Text]], /, *, pretokenized: bool = False
    ) -> list[PredictionT]:
        """Predict for texts.

        Args:
            texts: raw texts; for a model of pairs, tuples of two texts.
            pretokenized: the texts are cut as the training data are: words between white space, or lists of words.

        Returns:
            the predictions, in the order of the texts. An empty text is read as one unknown token. With
            attention, a prediction has `tokens` and `weights`; in a hierarchical network also `sentences`
            and `sentence_weights`. Names of those of a second text end in 2.

        Raises:
            UserError: `texts` is not an iterable of strings (or pairs); a wrong one is named by its index.
        """
        given = self._check(texts, pretokenized=pretokenized)
        features = self._encode(given, pretokenized=pretokenized)
        predictions: dict[int, PredictionT] = {}
        for batch in self._batches(features):
            results = self._predict_batch(
                [given[index] for index in batch],
                [features[index] for index in batch],
                pretokenized,
            )
            predictions |= zip(batch, results, strict=True)
        return [predictions[index] for index in range(len(given))]

    def explain(
        self,
        texts: Iterable[Text | Sequence[Text]],
        /,
        *,
        method: str = "gradients",
        pretokenized: bool = False,
    ) -> list[PredictionT]:
        """Predict, and compute how much each token contributes to the prediction.

        Args:
            texts: raw texts; for a model of pairs, tuples of two texts.
            method: `gradients` (integrated gradients), or `leave-one-out`.
            pretokenized: as in `predict`.

        Returns:
            as `predict`, with `tokens`, `attributions` and `attribution_method`, of a second text `tokens2` and
            `attributions2`. Attributions of a class are parts of its logit less the mean logit of all classes. With
            `gradients` they add up to its difference from a text (or pair) of the same length without words: the
            mean over two, one of zero vectors and one of the average vector of frequent tokens.

        Raises:
            UserError: as `predict`, or there is no such method.
        """
        return self._explain(texts, method, self.explained_outputs, pretokenized=pretokenized)

    def _explain(
        self,
        texts: Iterable[Text | Sequence[Text]],
        method: str,
        explained_outputs: Callable[[Sequence[PredictionT]], Tensor],
        *,
        pretokenized: bool,
    ) -> list[PredictionT]:
        """Explain as `explain` does; `explained_outputs` as the method of this name."""
        if method not in ATTRIBUTION_METHODS:
            raise UserError(f"method {method!r}: choose {' or '.join(ATTRIBUTION_METHODS)}")
        given = self._check(texts, pretokenized=pretokenized)
        whole = [sides if self.reader.paired else sides[0] for sides in given]
        predictions = self.predict(whole, pretokenized=pretokenized)
        features = self._encode(given, pretokenized=pretokenized)
        for batch in self._batches(features):
            weights = explained_outputs([predictions[index] for index in batch])
            rows = self.attribution.attribute([features[index] for index in batch], weights, method)
            for index, row in zip(batch, rows, strict=True):
                evidence: dict[str, Any] = {"attribution_method": ATTRIBUTION_METHODS[method]}
                for suffix, text, values in zip(("", "2"), given[index], row, strict=False):
                    tokens = self.reader.spellings(text, pretokenized=pretokenized)
                    evidence[f"tokens{suffix}"] = tokens
                    evidence[f"attributions{suffix}"] = tuple(values[: len(tokens)])
                predictions[index] = replace(predictions[index], **evidence)
        return predictions

    def read_texts(self, texts: Sequence[Text | Sequence[Text]]) -> ModelInput:
        """Encode texts as the model reads them; of pairs, all first texts and then all second ones."""
        given = self._check(texts, pretokenized=False)
        rows = [text for column in self.reader.columns_of(given) for text in column]
        tokens = self.reader.collator.collate(self.reader.read([rows])).to(self.device)
        return ModelInput(tokens, [list(self.reader.spellings(text)) for text in rows])

    def _check(self, texts: object, *, pretokenized: bool) -> list[Sides]:
        if self.reader.paired:
            return [*as_pairs(texts, pretokenized=pretokenized)]
        given = as_cut_texts(texts) if pretokenized else as_texts(texts)
        return [(text,) for text in given]

    def _encode(self, examples: Sequence[Sides], *, pretokenized: bool) -> list[Features]:
        return self.reader.read(self.reader.columns_of(examples), pretokenized=pretokenized)

    def _batches(self, features: Sequence[Features]) -> list[list[int]]:
        size = self.reader.batch_size
        return bucket_batches(**side_lengths(features), batch_size=size, shuffle=False)

    def _is_truncated(self, sides: Sides, features: Features, pretokenized: bool) -> bool:
        """Return whether a text has more tokens than are read."""
        limit = self.reader.max_tokens
        return any(
            len(read) == limit
            and len(self.reader.pipeline.spellings(text, pretokenized=pretokenized)) > limit
            for text, read in zip(sides, features.sides, strict=True)
        )

    @torch.no_grad()
    def _predict_batch(
        self, examples: Sequence[Sides], features: Sequence[Features], pretokenized: bool
    ) -> list[PredictionT]:
        """Predict for a batch: texts as given, and their features."""
        output = compute_outputs(self.model, self.reader.collator.collate(features).to(self.device))
        first = TextVector(output.logits, output.weights, output.sentence_weights)
        vectors = [first, *([output.second] if output.second else [])]
        predictions = []
        for row, values in enumerate(self.activate(output.logits).tolist()):
            sides, evidence = examples[row], _second(examples[row])
            evidence["truncated"] = self._is_truncated(sides, features[row], pretokenized)
            parts = zip(("", "2"), sides, features[row].sides, vectors, strict=False)
            for suffix, text, text_features, vector in parts:
                if vector.weights is None:
                    continue
                tokens = self.reader.spellings(text, pretokenized=pretokenized)
                evidence[f"tokens{suffix}"] = tokens
                evidence[f"weights{suffix}"] = tuple(vector.weights[row, : len(tokens)].tolist())
                if vector.sentence_weights is not None:
                    sentences = _join_sentences(tokens, text_features.segments)
                    weights = vector.sentence_weights[row, : len(sentences)].tolist()
                    evidence[f"sentences{suffix}"] = tuple(sentences)
                    evidence[f"sentence_weights{suffix}"] = tuple(weights)
            predictions.append(self.to_prediction(joined(sides[0]), values, evidence))
        return predictions


def _second(sides: Sides) -> dict[str, Any]:
    """Return the second text of a pair as an argument of its prediction."""
    return {"text2": joined(sides[1])} if len(sides) == 2 else {}


def _join_sentences(tokens: Sequence[str], segments: Sequence[int]) -> list[str]:
    """Join tokens to sentences by the sentence number of each token."""
    sentences: list[list[str]] = [[] for _ in range(segments[-1] + 1)]
    for token, number in zip(tokens, segments, strict=True):
        sentences[number].append(token)
    return [" ".join(sentence) for sentence in sentences]
