"""Baselines of numbers and of several labels, beside scikit-learn's own."""

from functools import partial

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

from nlpseq.baselines.text_classifiers import PairTfidfFeatures
from nlpseq.baselines.text_labels import LabelGuess, MostFrequentLabels, TfidfLabels
from nlpseq.baselines.text_regression import MeanNumber, TfidfRidge
from nlpseq.metrics.thresholds import choose_thresholds

TEXTS = [
    text.split() for text in ("soup cold", "warm soup", "rude porter", "roof", "cold roof", "a")
]
NUMBERS = [2.0, 8.0, 1.0, 5.0, 3.0, 5.5]
GOLD = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 0], [0, 0]], dtype=bool)


def tfidf() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=_grams, sublinear_tf=True)


def _grams(words: list[str]) -> list[str]:
    return [*words, *map(" ".join, zip(words, words[1:], strict=False))]


def test_ridge_is_that_of_scikit_learn() -> None:
    found = TfidfRidge().fit(TEXTS, NUMBERS, None).predict(TEXTS)
    mean, deviation = np.mean(NUMBERS), np.std(NUMBERS)
    matrix = tfidf().fit_transform(TEXTS)
    model = Ridge(alpha=1.0).fit(matrix, (np.array(NUMBERS) - mean) / deviation)
    assert found == pytest.approx((model.predict(matrix) * deviation + mean).tolist(), abs=1e-6)


def test_validation_chooses_the_penalty() -> None:
    def errors(validation: object) -> float:
        model = TfidfRidge().fit(TEXTS, NUMBERS, validation)  # type: ignore[arg-type]
        return float(np.mean((np.array(model.predict(TEXTS)) - NUMBERS) ** 2))

    assert errors((TEXTS, NUMBERS)) < errors(None)


def test_the_mean() -> None:
    assert MeanNumber().fit([1.0, 2.0, 6.0]).predict(["x", "y"]) == [3.0, 3.0]


def test_regressions_are_those_of_one_versus_rest() -> None:
    model = TfidfLabels(["food", "staff"], partial(choose_thresholds, rule=0.5))
    found = model.fit(TEXTS, GOLD, None).predict(TEXTS)
    matrix = tfidf().fit_transform(TEXTS)
    others = OneVsRestClassifier(LogisticRegression(C=10.0, max_iter=200)).fit(matrix, GOLD)
    values = [[*guess.probabilities.values()] for guess in found]
    assert np.array(values) == pytest.approx(others.predict_proba(matrix), abs=1e-3)
    assert [guess.labels for guess in found] == [["food"], ["food"], ["staff"], [], [], []]


def test_thresholds_follow_the_rule_of_the_network() -> None:
    rule = partial(choose_thresholds, rule="global")
    model = TfidfLabels(["food", "staff"], rule).fit(TEXTS, GOLD, (TEXTS, GOLD))
    assert len({*model.thresholds}) == 1
    assert model.thresholds != [0.5, 0.5]


def test_a_label_that_always_holds() -> None:
    always = np.ones((6, 1), dtype=bool)
    model = TfidfLabels(["all"], partial(choose_thresholds, rule=0.5)).fit(TEXTS, always, None)
    assert model.predict(TEXTS[:1]) == [LabelGuess(["all"], {"all": 1.0})]


def test_the_most_frequent_set() -> None:
    targets = [["b", "a"], ["a"], ["a", "b"], []]
    model = MostFrequentLabels().fit(targets, ["a", "b"])
    assert model.predict(["x"]) == [LabelGuess(["a", "b"], {"a": 0.75, "b": 0.5})]


def test_pairs() -> None:
    pairs = [(text, TEXTS[0]) for text in TEXTS]
    model = TfidfRidge(PairTfidfFeatures).fit(pairs, NUMBERS, None)
    assert len(model.predict(pairs)) == len(pairs)
