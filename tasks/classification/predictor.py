"""A trained classifier: raw texts, or pairs of them, in; classes out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nlpseq.data.text_pipeline import Text
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.classification import ClassificationScores
from nlpseq.predictor import Classification

from ..base.sides import SideReader
from ..base.vector_model import VectorModel
from ..base.vector_predictor import VectorPredictor
from .calibration import class_probabilities


class TextClassifierPredictor(VectorPredictor[Classification]):
    """A trained text classifier.

    Args:
        reader: makes features and batches of texts, as in training.
        labels: classes, in the order of the model's outputs.
        model: trained classifier.
        device: where to run.
        temperature: by which logits are divided.
    """

    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification

    def __init__(
        self,
        reader: SideReader,
        labels: Sequence[str],
        model: VectorModel,
        device: torch.device,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(reader, model, device)
        self.temperature = temperature
        self.labels = list(labels)

    def activate(self, logits: Tensor) -> Tensor:
        """Return the probability of each class."""
        return class_probabilities(logits, self.temperature)

    def to_prediction(
        self, text: str, values: Sequence[float], evidence: Mapping[str, Any]
    ) -> Classification:
        """Return the likeliest class, and the probabilities."""
        by_label = dict(zip(self.labels, values, strict=True))
        label = max(by_label, key=by_label.__getitem__)
        return Classification(text, label, by_label, **evidence)

    def explained_outputs(self, predictions: Sequence[Classification]) -> Tensor:
        """Explain the label's logit less the mean logit of all classes.

        Predictions depend on differences of logits alone, so what moves all logits counts for no class.
        """
        ids = torch.tensor([self.labels.index(str(item.label)) for item in predictions])
        chosen = torch.nn.functional.one_hot(ids, len(self.labels))
        return chosen.float() - 1 / len(self.labels)

    def evaluate(
        self,
        texts: Iterable[Text | Sequence[Text]],
        labels: Sequence[str],
        *,
        pretokenized: bool = False,
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
