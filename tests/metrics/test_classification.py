"""Scores of a classifier: computed by hand, and compared with scikit-learn."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from nlpseq.metrics.calibration import expected_calibration_error
from nlpseq.metrics.classification import ClassificationScores, confusion_matrix

LABELS = ["bad", "fair", "good"]
METRIC = ClassificationScores(LABELS)


def total(pairs) -> list[float]:
    vectors = [METRIC.statistics(prediction, target) for prediction, target in pairs]
    return [sum(column) for column in zip(*vectors, strict=True)]


NEW = ["new", "newer", "newest"]


def unseen_total(pairs) -> tuple[ClassificationScores, list[float]]:
    metric = METRIC.with_targets(target for _, target in pairs)
    vectors = [metric.statistics(prediction, target) for prediction, target in pairs]
    return metric, [sum(column) for column in zip(*vectors, strict=True)]


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, *NEW])), min_size=1))
@settings(deadline=None, max_examples=200)
def test_scores_are_those_of_sklearn(pairs) -> None:
    predictions, targets = zip(*pairs, strict=True)
    metric, summed = unseen_total(pairs)
    scores = METRIC.score(summed)  # the sum says how many new classes there are
    assert scores == metric.score(summed)
    assert scores["accuracy"] == pytest.approx(sklearn.accuracy_score(targets, predictions))
    for average in ("macro", "weighted"):
        expected = sklearn.f1_score(targets, predictions, average=average, zero_division=0)
        assert scores[f"{average}_f1"] == pytest.approx(expected)
    every = [*LABELS, *metric.unseen]
    columns = sklearn.precision_recall_fscore_support(
        targets, predictions, labels=every, zero_division=0
    )
    for label, *row in zip(every, *columns, strict=True):
        assert [*metric.per_class(summed)[label].values()] == pytest.approx(row)
    matrix = sklearn.confusion_matrix(targets, predictions, labels=every)
    assert confusion_matrix(targets, predictions, every) == matrix.tolist()


def test_a_label_unseen_in_training_is_wrong_whatever_is_predicted() -> None:
    assert METRIC.statistics("good", "new") == (0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0)
    assert METRIC.with_targets(["new"]).statistics("good", "new")[-1] == 1
    scores = METRIC.score(total([("good", "new"), ("good", "good")]))
    assert scores["accuracy"] == 0.5
    assert scores["macro_f1"] == pytest.approx(2 / 3 / 2)  # of good and new
    assert scores["weighted_f1"] == pytest.approx(2 / 3 / 2)
    assert METRIC.score(total([("good", "new")]))["weighted_f1"] == 0.0


def test_a_class_of_train_that_a_split_lacks_is_no_part_of_the_means() -> None:
    assert METRIC.score(total([("good", "good"), ("bad", "bad")]))["macro_f1"] == 1.0


def test_no_example_has_no_accuracy() -> None:
    with pytest.raises(ValueError, match="no examples"):
        METRIC.score([0.0] * 11)


def test_the_matrix_loses_no_label() -> None:
    assert confusion_matrix("aab", "abb", "ab") == [[1, 1], [0, 1]]
    with pytest.raises(ValueError, match="the label 'c'"):
        confusion_matrix("ac", "aa", "ab")


@pytest.mark.parametrize(
    ("confidences", "correct", "bins", "expected"),
    [
        ([1.0, 1.0], [True, True], 15, 0.0),
        ([1.0, 1.0], [True, False], 15, 0.5),
        ([0.8] * 5, [True] * 4 + [False], 15, 0.0),  # calibrated
        ([0.55, 0.65], [True, False], 10, (0.45 + 0.65) / 2),  # two bins
        ([0.55, 0.65], [True, False], 1, 0.1),  # one: the mistakes cancel
        ([0.5, 0.51], [False, True], 2, (0.5 + 0.49) / 2),  # an edge belongs to the lower bin
        ([0.0, 1.0000001], [False, True], 15, 0.0),
    ],
)
def test_calibration_by_hand(confidences, correct, bins, expected) -> None:
    error = expected_calibration_error(confidences, correct, bins)
    assert error == pytest.approx(expected, abs=1e-6)


def test_calibration_does_not_add_up() -> None:
    parts = [expected_calibration_error([0.5], [right]) for right in (True, False)]
    assert parts == [0.5, 0.5]
    assert expected_calibration_error([0.5, 0.5], [True, False]) == 0.0


@pytest.mark.parametrize(("confidences", "correct"), [([], []), ([math.nan], [True]), ([0.5], [])])
def test_calibration_of_nothing(confidences, correct) -> None:
    with pytest.raises(ValueError, match=r"no predictions|NaN|shorter"):
        expected_calibration_error(confidences, correct)
