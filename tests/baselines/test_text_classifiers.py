"""Features equal scikit-learn's; the classifiers learn what a word says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.baselines.text_classifiers import (
    MostFrequentClass,
    PairTfidfFeatures,
    TfidfClassifier,
    TfidfFeatures,
)

WORDS = st.lists(st.sampled_from(["a", "b", "B", "c c", "d", "\u1200", "."]), max_size=6)
TEXTS = [["good", "film"], ["bad", "film"], ["a", "good", "one"], ["so", "bad"]] * 3
LABELS = ["yes", "no", "yes", "no"] * 3


def bigrams(tokens: list[str]) -> list[str]:
    lowered = [token.lower() for token in tokens]
    return [*lowered, *("\x1f".join(pair) for pair in zip(lowered, lowered[1:], strict=False))]


@settings(max_examples=50, deadline=None)
@given(train=st.lists(WORDS, min_size=1, max_size=6), test=st.lists(WORDS, max_size=4))
def test_features_are_those_of_scikit_learn(train: list[list[str]], test: list[list[str]]) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(train):
        return
    oracle = TfidfVectorizer(analyzer=bigrams, sublinear_tf=True)
    features = TfidfFeatures()
    mine, expected = features.fit_transform(train), oracle.fit_transform(train)
    assert mine.shape == expected.shape
    products = [(matrix @ matrix.T).toarray() for matrix in (mine, expected)]
    assert products[0] == pytest.approx(products[1])  # whatever the order of the n-grams
    if test:
        further = [
            (matrix @ fitted.T).toarray()
            for matrix, fitted in (
                (features.transform(test), mine),
                (oracle.transform(test), expected),
            )
        ]
        assert further[0] == pytest.approx(further[1])


def test_the_n_grams_of_most_texts_are_kept() -> None:
    features = TfidfFeatures(max_features=2)
    matrix = features.fit_transform([["a", "b"], ["a", "c"], ["b", "c", "a"]])
    assert matrix.shape == (3, 2)
    assert (matrix.toarray() > 0).sum(0).tolist() == [3, 2]


def test_the_regression_learns_and_validation_chooses_its_penalty() -> None:
    for validation in (None, (TEXTS[:4], LABELS[:4])):
        model = TfidfClassifier().fit(TEXTS, LABELS, validation)
        guesses = model.predict([["so", "good"], ["BAD"], []])
        assert [guess.label for guess in guesses[:2]] == ["yes", "no"]
        assert guesses[0].confidence > 0.5
        assert guesses[2].label in ("yes", "no")
        assert model.predict([]) == []


def test_the_regression_has_many_classes() -> None:
    rng = np.random.default_rng(0)
    labels = [str(n) for n in rng.integers(5, size=60)]
    texts = [[f"class{label}", "x"] for label in labels]
    guesses = TfidfClassifier().fit(texts, labels, None).predict(texts)
    assert [guess.label for guess in guesses] == labels


def test_texts_without_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="no text has a token"):
        TfidfClassifier().fit([[], []], ["a", "b"], None)


def test_the_most_frequent_class_is_predicted_with_its_share() -> None:
    model = MostFrequentClass().fit(["b", "a", "b", "a", "c"])
    assert model.predict([["x"], []]) == [("a", 0.4), ("a", 0.4)]


def test_features_of_pairs_are_those_of_both_texts_and_their_interaction() -> None:
    pairs = [(["a", "b"], ["a"]), (["c"], ["c"]), ([], ["b"])]
    features = PairTfidfFeatures()
    matrix = features.fit_transform(pairs).toarray()
    single = TfidfFeatures()
    both = single.fit_transform([*(first for first, _ in pairs), *(other for _, other in pairs)])
    u, v = both[:3].toarray(), both[3:].toarray()
    cosine = (u * v).sum(1, keepdims=True)
    assert matrix == pytest.approx(np.hstack([u, v, abs(u - v), u * v, cosine]))
    assert cosine[:, 0].tolist() == pytest.approx([cosine[0, 0], 1, 0])
    assert features.transform(pairs).toarray() == pytest.approx(matrix)
    assert features.transform([(["z"], [])]).nnz == 0


def test_equal_texts_are_told_from_different_ones() -> None:
    words = ["red", "blue", "green", "black", "white"]
    pairs = [([a], [b]) for a in words for b in words for _ in range(1 if a != b else 4)]
    labels = ["same" if first == second else "other" for first, second in pairs]
    model = TfidfClassifier(PairTfidfFeatures).fit(pairs, labels, None)
    assert [guess.label for guess in model.predict(pairs)] == labels
