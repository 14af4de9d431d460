"""Mistakes of classifiers, and of models with several labels for each text."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from .examples import Example
from .results import Case, Confusion, TypeErrors

CASES = 5
"""Cases of one confusion."""


def confident_mistakes(examples: Sequence[Example], limit: int) -> tuple[Case, ...]:
    """Return the wrong examples with the highest probability of the predicted class."""
    wrong = [example for example in examples if example.prediction["label"] != example.target]
    wrong.sort(key=lambda example: -float(example.prediction["confidence"]))
    return tuple(example.case(float(example.prediction["confidence"])) for example in wrong[:limit])


def class_confusions(examples: Sequence[Example], limit: int) -> tuple[Confusion, ...]:
    """Return the confused pairs of classes, the most frequent first, each with its most confident mistakes."""
    sizes = Counter(example.target for example in examples)
    pairs: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        if example.prediction["label"] != example.target:
            pairs[example.target, example.prediction["label"]].append(example)
    ordered = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        Confusion(
            target,
            predicted,
            len(wrong),
            len(wrong) / sizes[target],
            confident_mistakes(wrong, CASES),
        )
        for (target, predicted), wrong in ordered[:limit]
    )


def label_set(prediction: Any) -> set[str]:
    """Return the predicted labels of a text that may have several."""
    return {*(prediction["labels"] if isinstance(prediction, dict) else prediction)}


def label_errors_by_label(examples: Sequence[Example]) -> tuple[TypeErrors, ...]:
    """Return for each label how often it was missed and spurious, the most errors first."""
    gold, predicted, both = Counter[str](), Counter[str](), Counter[str]()
    for example in examples:
        target, labels = {*example.target}, label_set(example.prediction)
        gold.update(target)
        predicted.update(labels)
        both.update(target & labels)
    rows = [
        TypeErrors(
            name,
            gold[name],
            predicted[name],
            both[name],
            missed=gold[name] - both[name],
            spurious=predicted[name] - both[name],
        )
        for name in gold | predicted
    ]
    return tuple(sorted(rows, key=lambda row: (-row.missed - row.spurious, row.type)))
