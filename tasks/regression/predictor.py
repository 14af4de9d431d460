"""A trained regression: raw texts in, numbers out."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nlpseq.predictor import Regression

from ..base.sides import SideReader
from ..base.vector_model import VectorModel
from ..base.vector_predictor import VectorPredictor


class RegressionPredictor(VectorPredictor[Regression]):
    """A trained model of numbers.

    Args:
        reader: makes features and batches of texts, as in training.
        mean: of the numbers of train.
        deviation: their standard deviation.
        model: trained; its output is in these units.
        device: where to run.
    """

    name: ClassVar[str] = "text regression"
    prediction_type: ClassVar[type[Regression]] = Regression

    def __init__(
        self,
        reader: SideReader,
        mean: float,
        deviation: float,
        model: VectorModel,
        device: torch.device,
    ) -> None:
        super().__init__(reader, model, device)
        self.mean, self.deviation = mean, deviation

    def activate(self, logits: Tensor) -> Tensor:
        """Return the numbers."""
        return logits.cpu().double() * self.deviation + self.mean

    def to_prediction(
        self, text: str, values: Sequence[float], evidence: Mapping[str, Any]
    ) -> Regression:
        """Return the number."""
        return Regression(text, values[0], **evidence)

    def explained_outputs(self, predictions: Sequence[Regression]) -> Tensor:
        """Explain the number, in its own unit."""
        return torch.full((len(predictions), 1), self.deviation)
