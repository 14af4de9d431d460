"""AUROC, average precision and their curves, by their definitions; bins of reliability diagrams."""

import itertools

import numpy as np
import pytest

from nlpseq.metrics.calibration import expected_calibration_error, reliability, reliability_bins
from nlpseq.metrics.ranking import ranking_curves, ranking_scores

RANDOM = np.random.default_rng(7)
POSITIVE = [bool(value) for value in RANDOM.random(400) < 0.3]
SCORES = [round(float(RANDOM.normal(1.0 if hit else 0.0)), 2) for hit in POSITIVE]  # with ties


def test_scores_by_their_definitions() -> None:
    found = ranking_scores(SCORES, POSITIVE)
    sides = [
        [s for s, hit in zip(SCORES, POSITIVE, strict=True) if hit is side]
        for side in (True, False)
    ]
    wins = [(high > low) + (high == low) / 2 for high, low in itertools.product(*sides)]
    assert found["auroc"] == pytest.approx(sum(wins) / len(wins))
    total, recall = 0.0, 0.0
    for threshold in sorted({*SCORES}, reverse=True):
        kept = [hit for s, hit in zip(SCORES, POSITIVE, strict=True) if s >= threshold]
        total += (sum(kept) / len(sides[0]) - recall) * sum(kept) / len(kept)
        recall = sum(kept) / len(sides[0])
    assert found["average_precision"] == pytest.approx(total)


@pytest.mark.parametrize("positive", [[True, True], [False, False], []])
def test_one_kind_of_example_has_no_ranking(positive: list[bool]) -> None:
    assert ranking_scores([0.5] * len(positive), positive) == {}
    targets = ["a" if hit else "b" for hit in positive]
    assert ranking_curves({"a": [0.5] * len(positive)}, targets) == {}


def test_thinned_curves_keep_their_ends_and_areas() -> None:
    targets = ["yes" if hit else "no" for hit in POSITIVE]
    curves = ranking_curves({"yes": SCORES, "unseen": SCORES}, targets)
    assert list(curves) == ["yes"]
    curve = curves["yes"]
    assert curve["support"] == sum(POSITIVE)
    roc, precision_recall = (np.array(curve[name]) for name in ("roc", "precision_recall"))
    assert (len(roc) <= 150, len(precision_recall) <= 150) == (True, True)
    assert roc[0].tolist() == [0, 0]
    assert roc[-1].tolist() == [1, 1]
    assert precision_recall[-1, 0] == 1
    assert (np.diff(roc, axis=0) >= 0).all()
    assert (np.diff(precision_recall[:, 0]) >= 0).all()
    assert np.trapezoid(roc[:, 1], roc[:, 0]) == pytest.approx(curve["auroc"], abs=0.01)
    area = (np.diff(precision_recall[:, 0]) * precision_recall[1:, 1]).sum()
    assert area == pytest.approx(curve["average_precision"], abs=0.02)


def test_bins_hold_every_prediction_and_give_the_error() -> None:
    sure = [0.05, 0.1, 0.62, 0.64, 1.0, 1.0000001, 0.0]
    right = [False, True, True, False, True, True, False]
    bins = reliability_bins(sure, right, 10)
    assert [bin_["count"] for bin_ in bins] == [3, 2, 2]
    assert [bin_["accuracy"] for bin_ in bins] == pytest.approx([1 / 3, 0.5, 1])
    assert bins[1]["confidence"] == pytest.approx(0.63)
    gaps = [b["count"] * abs(b["accuracy"] - b["confidence"]) for b in bins]
    assert sum(gaps) / 7 == pytest.approx(expected_calibration_error(sure, right, 10))
    assert reliability([], [], "entities") == {}
    assert reliability(sure, right, "entities")["of"] == "entities"
