"""Likely label errors by confident learning (Northcutt, Jiang and Chuang 2021) from out-of-sample probabilities.

A class j has the threshold t_j, the mean probability of j over the examples labelled j. An example labelled i is
counted in C[i, j] for the class j that is likeliest among those with p_j >= t_j; off the diagonal its label is likely
wrong. C, with rows scaled to the numbers of labels, estimates the joint distribution of given and true labels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .examples import Example
from .results import LabelErrors, LabelIssue

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
FEWEST = 20
"""Examples below which thresholds say nothing."""
MANY = 0.25
"""Estimated share of wrong labels above which the model is doubted instead."""
WEAK = (
    "so many labels are unlikely to be wrong: the model is too weak to judge them; train a better one first, or read "
    "only the top of the list"
)
NO_PROBABILITIES = (
    "no likely label errors: they need the probabilities of the classes, which these predictions lack; score the split "
    "again with nlpseq evaluate"
)


class ConfidentJoint(NamedTuple):
    """Counts of given and likely true labels.

    Attributes:
        counts: C (K, K).
        likely: (N,) likely true class of each example; -1: no class passes its threshold.
    """

    counts: Integers
    likely: Integers


def confident_joint(given: Integers, probabilities: Floats) -> ConfidentJoint:
    """Count examples by given and likely true label.

    Args:
        given: (N,) class of each example.
        probabilities: (N, K) of a model that was not trained on the examples.
    """
    count = probabilities.shape[1]
    thresholds = np.full(count, np.inf)
    for label in range(count):
        of_label = probabilities[given == label, label]
        if len(of_label):
            thresholds[label] = of_label.mean()
    confident = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    likely = np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), -1)
    counts = np.zeros((count, count), np.int64)
    sure = likely >= 0
    np.add.at(counts, (given[sure], likely[sure]), 1)
    return ConfidentJoint(counts, likely)


def estimate_errors(joint: ConfidentJoint, given: Integers) -> float:
    """Return the estimated number of wrong labels: the joint off its diagonal, times N."""
    sums = joint.counts.sum(axis=1)
    labelled = np.bincount(given, minlength=len(sums))
    shares = np.divide(
        joint.counts, sums[:, None], out=np.zeros(joint.counts.shape), where=sums[:, None] > 0
    )
    scaled = shares * labelled[:, None]
    return float(scaled.sum() - np.trace(scaled))


def find_label_errors(examples: Sequence[Example], limit: int) -> LabelErrors:
    """Return the likeliest label errors, by the margin of the given label, then by its probability.

    Args:
        examples: with the probabilities of classes in their predictions.
        limit: number of issues to return.
    """
    known = [example for example in examples if example.target in _probabilities(example)]
    if any(not _probabilities(example) for example in examples):
        return LabelErrors(note=NO_PROBABILITIES)
    if len(known) < FEWEST:
        return LabelErrors(
            note=f"likely label errors need {FEWEST} examples, there are {len(known)}"
        )
    names = sorted({name for example in known for name in _probabilities(example)})
    columns = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(known), len(names)))
    for row, example in enumerate(known):
        for name, probability in _probabilities(example).items():
            matrix[row, columns[name]] = probability
    given = np.array([columns[example.target] for example in known], np.int64)
    joint = confident_joint(given, matrix)
    rows = np.flatnonzero((joint.likely >= 0) & (joint.likely != given))
    own = matrix[rows, given[rows]]
    margins = own - matrix[rows, joint.likely[rows]]
    order = np.lexsort((own, margins))
    issues = tuple(
        LabelIssue(
            known[rows[number]].case(float(own[number])),
            names[joint.likely[rows[number]]],
            float(margins[number]),
        )
        for number in order[:limit]
    )
    estimated = estimate_errors(joint, given)
    return LabelErrors(estimated, issues, len(rows), WEAK if estimated > MANY * len(given) else "")


def _probabilities(example: Example) -> Mapping[str, float]:
    stored: Mapping[str, float] = example.prediction.get("probabilities", {})
    return stored
