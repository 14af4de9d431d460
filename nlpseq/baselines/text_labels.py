"""Baselines of several labels: the most frequent set, and TF-IDF with a logistic regression for each label."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nlpseq.baselines.text_classifiers import (
    MAX_CELLS,
    MAX_WEIGHTS,
    STRENGTHS,
    PairTfidfFeatures,
    TfidfFeatures,
    fit_regression,
)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ChooseThresholds = Callable[[Floats, Flags], Sequence[float]]
"""Returns a threshold for each label from probabilities (N, K) and gold labels (N, K)."""


class LabelGuess(NamedTuple):
    """Predicted labels, and the probability of every label."""

    labels: list[str]
    probabilities: dict[str, float]


class MostFrequentLabels:
    """Predicts the most frequent set of labels of train, with the share of each label as its probability."""

    def fit(self, targets: Sequence[Collection[str]], labels: Sequence[str]) -> Self:
        """Count the sets; of equally frequent ones the first by name is taken."""
        sets = Counter(tuple(sorted(target)) for target in targets)
        chosen = min(sets, key=lambda names: (-sets[names], names))
        counts = Counter(label for target in targets for label in target)
        shares = {label: counts[label] / len(targets) for label in labels}
        self.guess = LabelGuess([label for label in labels if label in chosen], shares)
        return self

    def predict(self, texts: Sequence[Any]) -> list[LabelGuess]:
        """Return the same labels for every text."""
        return [self.guess] * len(texts)


class TfidfLabels:
    """A logistic regression on TF-IDF weights for each label, by scikit-learn (one versus rest).

    Args:
        labels: of train.
        choose: chooses thresholds on validation; 0.5 without validation.
        features: `TfidfFeatures` of texts, or `PairTfidfFeatures` of pairs of texts.
    """

    def __init__(
        self,
        labels: Sequence[str],
        choose: ChooseThresholds,
        features: type[TfidfFeatures] | type[PairTfidfFeatures] = TfidfFeatures,
    ) -> None:
        self.labels = list(labels)
        self._choose, self._kind = choose, features

    def fit(
        self, texts: Sequence[Any], gold: Flags, validation: tuple[Sequence[Any], Flags] | None
    ) -> Self:
        """Train on tokenized texts.

        Args:
            texts: tokens of each text, or of both texts of each pair.
            gold: (N, K) whether each label holds.
            validation: texts and labels that choose the penalty, by micro F1, and the thresholds.
        """
        size = len(self.labels)
        self._features = self._kind(max(MAX_WEIGHTS // size, 1))
        matrix = self._features.fit_transform(texts)
        if not matrix.shape[1]:
            raise ValueError("no text has a token")
        held_out = None if validation is None or not len(validation[0]) else validation
        several = held_out is not None and matrix.nnz * size <= 10 * MAX_CELLS
        best = -1.0
        for strength in STRENGTHS if several else STRENGTHS[1:2]:
            models = [_fit_label(strength, matrix, gold[:, column]) for column in range(size)]
            thresholds, score = [0.5] * size, 0.0
            if held_out is not None:
                values = _probabilities(models, self._features.transform(held_out[0]))
                thresholds = [*self._choose(values, held_out[1])]
                score = _micro_f1(values >= np.array(thresholds), held_out[1])
            if score > best:
                best, self._models, self.thresholds = score, models, thresholds
        return self

    def predict(self, texts: Sequence[Any]) -> list[LabelGuess]:
        """Return labels and probabilities for each text."""
        if not texts:
            return []
        guesses = []
        for row in _probabilities(self._models, self._features.transform(texts)).tolist():
            by_label = dict(zip(self.labels, row, strict=True))
            limits = zip(self.labels, self.thresholds, strict=True)
            chosen = [label for label, limit in limits if by_label[label] >= limit]
            guesses.append(LabelGuess(chosen, by_label))
        return guesses


def _fit_label(strength: float, matrix: Any, holds: npt.NDArray[np.bool_]) -> Any:
    """Train on a label; the probability itself where it always or never holds."""
    if holds.all() or not holds.any():
        return float(holds.mean())
    return fit_regression(strength, matrix, holds)


def _probabilities(models: Sequence[Any], matrix: Any) -> Floats:
    """Return the probability of each label: (N, K)."""
    size = matrix.shape[0]
    columns = [
        np.full(size, model) if isinstance(model, float) else model.predict_proba(matrix)[:, 1]
        for model in models
    ]
    return np.stack(columns, axis=1)


def _micro_f1(predicted: Flags, gold: Flags) -> float:
    total = int(predicted.sum()) + int(gold.sum())
    return 2 * int((predicted & gold).sum()) / total if total else 0.0
