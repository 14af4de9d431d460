"""Scores of several labels equal those of scikit-learn."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    label_ranking_average_precision_score,
    precision_score,
    recall_score,
)

from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.multilabel import LabelSet, MultilabelScores
from nlpseq.metrics.thresholds import best_threshold, choose_thresholds, label_matrix

KNOWN = ["art", "law", "sea", "war"]
Examples = list[tuple[LabelSet, list[str]]]


def drawn(seed: int, size: int, labels: Sequence[str]) -> Examples:
    generator = random.Random(seed)
    examples = []
    for _ in range(size):
        # few values, so that there are ties
        scores = {label: generator.randint(0, 6) / 6 for label in KNOWN}
        chosen = [label for label in KNOWN if scores[label] >= 0.5]
        gold = [label for label in labels if generator.random() < 0.35]
        examples.append((LabelSet(chosen, scores), gold))
    return examples


@pytest.mark.parametrize("labels", [KNOWN, [*KNOWN, "tax"], [*KNOWN, "tax", "zoo"], KNOWN[:2]])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_scores_are_those_of_scikit_learn(labels: list[str], size: int) -> None:
    examples = drawn(size, size, labels)
    metric = MultilabelScores(KNOWN).with_targets(gold for _, gold in examples)
    columns = [*KNOWN, *metric.unseen]
    gold = label_matrix([gold for _, gold in examples], columns)
    predicted = label_matrix([[*guess.labels] for guess, _ in examples], columns)
    ranks = np.array([[guess.scores.get(c, -1.0) for c in columns] for guess, _ in examples])
    scores = metric.score(sum_statistics(metric.statistics(*example) for example in examples))
    expected = {
        "micro_f1": f1_score(gold, predicted, average="micro", zero_division=0),
        "macro_f1": np.nan_to_num(f1_score(gold, predicted, average="macro", zero_division=np.nan)),
        "subset_accuracy": accuracy_score(gold, predicted),
        "label_ranking_average_precision": label_ranking_average_precision_score(gold, ranks),
        "micro_precision": precision_score(gold, predicted, average="micro", zero_division=0),
        "micro_recall": recall_score(gold, predicted, average="micro", zero_division=0),
    }
    assert scores == pytest.approx(expected)


def test_a_label_that_train_lacks_is_wrong_everywhere() -> None:
    metric = MultilabelScores(["a"]).with_targets([["a", "new"], ["new"]])
    right = LabelSet(["a"], {"a": 0.9})
    vectors = [metric.statistics(right, ["a", "new"]), metric.statistics(right, ["new"])]
    total = sum_statistics(vectors)
    assert metric.score(total)["subset_accuracy"] == 0.0
    assert metric.score(total)["micro_recall"] == pytest.approx(1 / 3)
    assert metric.per_label(total)["new"] == {"precision": 0, "recall": 0, "f1": 0, "support": 2}


def test_the_threshold_of_the_highest_f1_by_trying_all() -> None:
    generator = np.random.default_rng(4)
    for size in (1, 2, 5, 30):
        probabilities = generator.integers(0, 8, size) / 10
        gold = generator.random(size) < probabilities

        def f1(threshold: float, values: object = probabilities, gold: object = gold) -> float:
            return float(f1_score(gold, np.asarray(values) >= threshold, zero_division=0))

        chosen = best_threshold(probabilities, gold)
        assert 0 < chosen < 1
        assert f1(chosen) == pytest.approx(max(f1(limit) for limit in np.arange(0.025, 1, 0.05)))


def test_a_threshold_lies_between_probabilities_and_near_one_half() -> None:
    assert best_threshold(np.array([0.9, 0.2]), np.array([True, False])) == pytest.approx(0.55)
    assert best_threshold(np.array([0.3, 0.2]), np.array([False, False])) == 0.5
    assert best_threshold(np.zeros(3), np.array([True, False, True])) == 0.5


def test_rules_of_thresholds() -> None:
    probabilities = np.array([[0.9, 0.30, 0.6]] * 6 + [[0.8, 0.10, 0.2]] * 6)
    gold = np.array([[True, True, False]] * 6 + [[False, False, False]] * 6)
    gold[6, 2] = True  # too rare for a threshold of its own
    shared, *_ = choose_thresholds(probabilities, gold, "global")
    assert choose_thresholds(probabilities, gold, "global") == [shared] * 3
    own = choose_thresholds(probabilities, gold, "per_label")
    assert own == pytest.approx([0.85, 0.2, shared])
    assert choose_thresholds(probabilities, gold, 0.4) == [0.4] * 3
