"""Baselines of numbers for texts: the mean of train, and TF-IDF with ridge regression."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from nlpseq.baselines.text_classifiers import MAX_CELLS, PairTfidfFeatures, TfidfFeatures

PENALTIES = (0.1, 1.0, 10.0)
"""L2 penalties from which validation chooses; without validation the middle value."""


class MeanNumber:
    """Predicts the mean of train."""

    def fit(self, numbers: Sequence[float]) -> Self:
        """Compute the mean."""
        self.mean = float(np.mean(numbers))
        return self

    def predict(self, texts: Sequence[Any]) -> list[float]:
        """Return the same number for every text."""
        return [self.mean] * len(texts)


class TfidfRidge:
    """Ridge regression on TF-IDF weights, by scikit-learn.

    Args:
        features: `TfidfFeatures` of texts, or `PairTfidfFeatures` of pairs of texts.
    """

    def __init__(
        self, features: type[TfidfFeatures] | type[PairTfidfFeatures] = TfidfFeatures
    ) -> None:
        self._kind = features

    def fit(
        self,
        texts: Sequence[Any],
        numbers: Sequence[float],
        validation: tuple[Sequence[Any], Sequence[float]] | None,
    ) -> Self:
        """Train on tokenized texts.

        Args:
            texts: tokens of each text, or of both texts of each pair.
            numbers: of the texts, not all equal.
            validation: texts and numbers that choose the penalty, by the squared error.
        """
        self._features = self._kind()
        matrix = self._features.fit_transform(texts)
        if not matrix.shape[1]:
            raise ValueError("no text has a token")
        target = np.array(numbers)
        self._mean, self._deviation = target.mean(), target.std()
        target = (target - self._mean) / self._deviation
        if validation is None or not len(validation[0]) or matrix.nnz > MAX_CELLS:
            self._model = _ridge(PENALTIES[1], matrix, target)
            return self
        held_out, lowest = self._features.transform(validation[0]), np.inf
        wanted = (np.array(validation[1]) - self._mean) / self._deviation
        for penalty in PENALTIES:
            model = _ridge(penalty, matrix, target)
            error = float(np.mean((model.predict(held_out) - wanted) ** 2))
            if error < lowest:
                lowest, self._model = error, model
        return self

    def predict(self, texts: Sequence[Any]) -> list[float]:
        """Return a number for each text."""
        if not texts:
            return []
        values = self._model.predict(self._features.transform(texts))
        numbers: list[float] = (values * self._deviation + self._mean).tolist()
        return numbers


def _ridge(penalty: float, matrix: Any, target: Any) -> Any:
    from sklearn.linear_model import Ridge  # late: scikit-learn takes a second to import

    return Ridge(alpha=penalty).fit(matrix, target)
