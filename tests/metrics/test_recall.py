"""Accuracy over answers, and by distance."""

import math

import pytest

from nlpseq.metrics.recall import RecallScores, accuracy_by_distance, best_constant


def test_sums_weigh_by_answers() -> None:
    metric = RecallScores()
    vectors = [metric.statistics([1.0], [True]), metric.statistics([2.0, 3.0, 2.0], [False] * 3)]
    scores = metric.score([sum(part) for part in zip(*vectors, strict=True)])
    assert scores["accuracy"] == 0.25
    assert scores["perplexity"] == pytest.approx(math.exp(2.0))
    assert scores["tokens"] == 4


def test_no_answer_has_no_score() -> None:
    with pytest.raises(ValueError, match="no tokens"):
        RecallScores().score((0.0, 0, 0))


def test_accuracy_at_each_distance_the_nearest_first() -> None:
    found = accuracy_by_distance([(20, True), (3, True), (20, False), (20, False)])
    assert list(found) == ["3", "20"]
    assert found["20"] == {"accuracy": pytest.approx(1 / 3), "answers": 3}


def test_the_best_constant_is_the_most_frequent_answer() -> None:
    assert best_constant("abaab") == 0.6
    assert best_constant([]) == 0.0
