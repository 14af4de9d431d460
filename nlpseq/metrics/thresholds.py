"""Thresholds of several labels, chosen on validation: the smallest probability at which a label is predicted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DEFAULT = 0.5
FEWEST = 5
"""Texts with a label below which it has the threshold of all labels."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def best_threshold(probabilities: Floats, gold: Flags, missed: int = 0) -> float:
    """Return the threshold with the highest F1; of equal ones the nearest to 0.5, and 0.5 if nothing is gold.

    Thresholds lie in the middle between two neighbouring probabilities.

    Args:
        probabilities: (N,)
        gold: (N,) whether each label holds.
        missed: further gold labels, which no threshold finds.
    """
    if not gold.any():
        return DEFAULT
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(gold[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + gold.sum() + missed)
    below = np.append(ranked[1:], 0.0)
    cuts = (ranked + below) / 2
    f1[(ranked == below) | (cuts <= below)] = -1.0  # equal ones are not separated
    if f1.max() <= 0:
        return DEFAULT
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(cuts[best[np.argmin(np.abs(cuts[best] - DEFAULT))]])


def choose_thresholds(
    probabilities: Floats, gold: Flags, rule: str | float, missed: int = 0
) -> list[float]:
    """Choose a threshold for each of K labels.

    Args:
        probabilities: (N, K)
        gold: (N, K) whether each label holds.
        rule: `global`: one for all labels, with the highest micro F1; `per_label`: each with the highest F1 of
            its label, the one for all where fewer than `FEWEST` texts have the label; or a number for all labels.
        missed: gold labels without a column.
    """
    size = probabilities.shape[1]
    if not isinstance(rule, str):
        return [rule] * size
    shared = best_threshold(probabilities.ravel(), gold.ravel(), missed)
    if rule == "global":
        return [shared] * size
    return [
        best_threshold(probabilities[:, label], gold[:, label])
        if gold[:, label].sum() >= FEWEST
        else shared
        for label in range(size)
    ]


def label_matrix(targets: Sequence[Sequence[str]], labels: Sequence[str]) -> Flags:
    """Return whether each label holds for each target: (N, K); other labels have no column."""
    index = {label: column for column, label in enumerate(labels)}
    matrix = np.zeros((len(targets), len(labels)), dtype=np.bool_)
    for row, target in enumerate(targets):
        for label in target:
            if label in index:
                matrix[row, index[label]] = True
    return matrix
