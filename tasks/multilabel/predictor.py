"""A trained model of several labels: raw texts in, labels out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nlpseq.data.text_pipeline import Text
from nlpseq.errors import UserError, suggest
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

    def explain(
        self,
        texts: Iterable[Text | Sequence[Text]],
        /,
        *,
        method: str = "gradients",
        pretokenized: bool = False,
        label: str | None = None,
    ) -> list[LabelledText]:
        """Predict, and compute how much each token contributes to a label.

        Args:
            texts: as in `predict`.
            method: `gradients` (integrated gradients), or `leave-one-out`.
            pretokenized: as in `predict`.
            label: the label, whether it is predicted or not; None: the mean of the predicted labels, or the
                likeliest where none is predicted.

        Returns:
            As `predict`, with `tokens`, `attributions` and `attribution_method`; attributions are parts of the
            logit of the label.

        Raises:
            UserError: as `predict`, or there is no such method or label.
        """
        if label is None:
            return super().explain(texts, method=method, pretokenized=pretokenized)
        if label not in self.labels:
            near = suggest(label, self.labels).removesuffix(".")
            raise UserError(f"label {label!r}: the model has {', '.join(self.labels)}{near}")
        column = torch.nn.functional.one_hot(
            torch.tensor(self.labels.index(label)), len(self.labels)
        ).float()

        def chosen_output(predictions: Sequence[LabelledText]) -> Tensor:
            return column.expand(len(predictions), -1)

        return self._explain(texts, method, chosen_output, pretokenized=pretokenized)

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
