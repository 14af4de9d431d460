"""Confident learning on planted label noise, where the wrong labels are known."""

import numpy as np
import pytest

from nlpseq.analysis.errors.examples import Example
from nlpseq.analysis.errors.label_errors import (
    confident_joint,
    estimate_errors,
    find_label_errors,
)

NAMES = ("apple", "pear", "plum")


def drawn(count: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true classes, given labels of which a share is flipped, and probabilities of a decent model."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 3, count)
    logits = generator.normal(0, 1, (count, 3))
    logits[np.arange(count), true] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = generator.random(count) < noise
    given = np.where(flipped, (true + generator.integers(1, 3, count)) % 3, true)
    return true, given, probabilities


def as_examples(given: np.ndarray, probabilities: np.ndarray) -> list[Example]:
    rows = []
    for index, (label, row) in enumerate(zip(given, probabilities, strict=True)):
        by_name = dict(zip(NAMES, map(float, row), strict=True))
        best = max(by_name, key=by_name.__getitem__)
        prediction = {"label": best, "confidence": by_name[best], "probabilities": by_name}
        rows.append(Example(index, (1.0,), NAMES[label], prediction, (f"text {index}",)))
    return rows


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_planted_label_errors_are_found(noise: float) -> None:
    true, given, probabilities = drawn(3000, noise, seed=7)
    wrong = {*np.flatnonzero(true != given).tolist()}

    found = find_label_errors(as_examples(given, probabilities), limit=3000)

    chosen = {issue.case.index for issue in found.issues}
    assert len(chosen & wrong) / len(chosen) > 0.75  # precision
    assert len(chosen & wrong) / len(wrong) > 0.85  # recall
    assert found.estimated == pytest.approx(len(wrong), rel=0.35)
    assert found.count == len(found.issues)
    for issue in found.issues[:50]:
        assert issue.suggested == NAMES[true[issue.case.index]]


def test_the_likeliest_issues_come_first() -> None:
    true, given, probabilities = drawn(2000, 0.1, seed=3)

    found = find_label_errors(as_examples(given, probabilities), limit=100)

    hits = [bool(true[issue.case.index] != given[issue.case.index]) for issue in found.issues]
    assert sum(hits) >= 98
    margins = [issue.margin for issue in found.issues]
    assert margins == sorted(margins)


def test_few_label_errors_without_noise() -> None:
    _, given, probabilities = drawn(3000, 0.0, seed=5)

    found = find_label_errors(as_examples(given, probabilities), limit=10)

    assert found.estimated is not None
    assert found.estimated < 0.04 * 3000


def test_the_joint_of_known_thresholds() -> None:
    # thresholds: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.7 + 0.9) / 2 = 0.8
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9]])
    given = np.array([0, 0, 0, 1, 1])

    joint = confident_joint(given, probabilities)

    assert joint.counts.tolist() == [[2, 1], [0, 1]]
    assert joint.likely.tolist() == [0, 0, 1, -1, 1]
    assert estimate_errors(joint, given) == pytest.approx(1.0)


def test_predictions_without_probabilities_have_no_label_errors() -> None:
    _, given, probabilities = drawn(50, 0.1, seed=1)
    examples = as_examples(given, probabilities)
    del examples[7].prediction["probabilities"]

    found = find_label_errors(examples, limit=10)

    assert found.estimated is None
    assert not found.issues
    assert "score the split again" in found.note


def test_a_class_that_the_model_does_not_know_is_left_out() -> None:
    _, given, probabilities = drawn(60, 0.1, seed=1)
    examples = as_examples(given, probabilities)
    examples.append(Example(60, (0.0,), "fig", examples[0].prediction, ("text",)))

    assert all(issue.case.index != 60 for issue in find_label_errors(examples, limit=60).issues)


def test_a_weak_model_is_doubted_instead_of_the_labels() -> None:
    generator = np.random.default_rng(2)
    probabilities = generator.dirichlet([1, 1, 1], 300)

    found = find_label_errors(as_examples(generator.integers(0, 3, 300), probabilities), limit=5)

    assert "too weak" in found.note
    assert found.estimated is not None
