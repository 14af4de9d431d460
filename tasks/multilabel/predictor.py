"""A trained model of several labels: raw texts in, labels out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nlpseq.data.text_pipeline import Text
from nlpseq.metrics.base import Scores, sum_statistics
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.predictor import LabelledText

from ..base.sides import SideReader
from ..base.vector_model import VectorModel
from ..base.vector_predictor import VectorPredictor
from .thresholds import Thresholds


class MultilabelPredictor(VectorPredictor[LabelledText]):
    """A trained model of several labels.

    Args:
        reader: makes features and batches of texts, as in training.
        thresholds: labels in the order of the model's outputs, and the threshold of each.
        model: trained.
        device: where to run.
    """

    name: ClassVar[str] = "text labeller"
    prediction_type: ClassVar[type[LabelledText]] = LabelledText

    def __init__(
        self,
        reader: SideReader,
        thresholds: Thresholds,
        model: VectorModel,
        device: torch.device,
    ) -> None:
        super().__init__(reader, model, device)
        self.thresholds = thresholds

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the model's outputs."""
        return list(self.thresholds.labels)

    def activate(self, logits: Tensor) -> Tensor:
        """Return the probability of each label."""
        return logits.sigmoid()

    def to_prediction(
        self, text: str, values: Sequence[float], evidence: Mapping[str, Any]
    ) -> LabelledText:
        """Return the labels whose probability reaches their threshold, and all probabilities."""
        chosen = self.thresholds.choose(values)
        probabilities = dict(zip(self.thresholds.labels, values, strict=True))
        return LabelledText(text, tuple(chosen), probabilities, **evidence)

    def explained_outputs(self, predictions: Sequence[LabelledText]) -> Tensor:
        """Explain the mean logit of the predicted labels; without any, that of the likeliest label."""
        labels = self.labels
        weights = torch.zeros(len(predictions), len(labels))
        for row, prediction in enumerate(predictions):
            by_label = prediction.probabilities
            explained = prediction.labels or (max(by_label, key=by_label.__getitem__),)
            for label in explained:
                weights[row, labels.index(label)] = 1 / len(explained)
        return weights

    def evaluate(
        self,
        texts: Iterable[Text | Sequence[Text]],
        labels: Sequence[Sequence[str]],
        *,
        pretokenized: bool = False,
    ) -> Scores:
        """Return the scores on texts whose labels are known."""
        metric = MultilabelScores(self.labels).with_targets(labels)
        predictions = self.predict(texts, pretokenized=pretokenized)
        return metric.score(
            sum_statistics(
                metric.statistics(LabelSet(prediction.labels, prediction.probabilities), target)
                for prediction, target in zip(predictions, labels, strict=True)
            )
        )
