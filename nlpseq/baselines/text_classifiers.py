"""Baselines of text classification: the most frequent class, and TF-IDF with logistic regression.

Wang and Manning (2012) show how hard linear models on words and pairs of words are to beat on short texts.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

MAX_ITERATIONS = 200
MAX_WEIGHTS = 1_000_000
"""Weights of the regression; of more n-grams, those in most texts are kept."""
MAX_CELLS = 1_000_000
"""Largest number of weights in the training matrix for which several penalties are tried."""
STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse strengths of the L2 penalty from which validation chooses; without validation the middle value."""

Ints = npt.NDArray[np.int64]
Texts = Sequence[Sequence[str]]
Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


class Guess(NamedTuple):
    """A predicted class and its probability."""

    label: str
    confidence: float


class MostFrequentClass:
    """Predicts the most frequent class of train, with its share as confidence."""

    def fit(self, labels: Sequence[str]) -> Self:
        """Count the classes; of equally frequent ones the first by name is taken."""
        counts = Counter(labels)
        label = min(counts, key=lambda label: (-counts[label], label))
        self.guess = Guess(label, counts[label] / len(labels))
        return self

    def predict(self, texts: Texts) -> list[Guess]:
        """Return the same class for every text."""
        return [self.guess] * len(texts)


class TfidfFeatures:
    """TF-IDF weights of lower-cased unigrams and bigrams: (1 + ln tf) (1 + ln (1 + N) / (1 + df)), L2-normalized.

    They are those of scikit-learn's `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`, five times as fast.

    Args:
        max_features: keep at most so many n-grams, those in most texts.
    """

    def __init__(self, max_features: int = MAX_WEIGHTS) -> None:
        self.max_features = max_features
        self._ids: dict[str, int] = {}

    def fit_transform(self, texts: Texts) -> Any:
        """Learn the n-grams of texts, and return their weights as a sparse matrix (texts, n-grams)."""
        self._ids = {}
        for token in chain.from_iterable(texts):
            self._ids.setdefault(token.lower(), len(self._ids))
        rows, keys = self._keys(texts)
        distinct, columns = np.unique(keys, return_inverse=True)
        cells = np.unique(rows * len(distinct) + columns)
        frequencies = np.bincount(cells % max(len(distinct), 1), minlength=len(distinct))
        kept = np.sort(np.argsort(-frequencies, kind="stable")[: self.max_features])
        self._distinct = distinct[kept]
        self._idf = np.log((1 + len(texts)) / (1 + frequencies[kept])) + 1
        return self._weigh(rows, keys, len(texts))

    def transform(self, texts: Texts) -> Any:
        """Return the weights of texts as a sparse matrix; n-grams that train lacks are left out."""
        return self._weigh(*self._keys(texts), len(texts))

    def _keys(self, texts: Texts) -> tuple[Ints, Ints]:
        """Return the text and the key of each unigram and bigram: ids (first + 1) * (V + 1) + second."""
        size, lookup = len(self._ids) + 1, self._ids.get
        ids = [lookup(token.lower(), -1) for token in chain.from_iterable(texts)]
        tokens = np.array(ids, dtype=np.int64)
        rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        known = tokens >= 0
        pairs = known[:-1] & known[1:] & (rows[:-1] == rows[1:])
        bigrams = (tokens[:-1][pairs] + 1) * size + tokens[1:][pairs]
        keys = np.concatenate([tokens[known], bigrams])
        return np.concatenate([rows[known], rows[:-1][pairs]]), keys

    def _weigh(self, rows: Ints, keys: Ints, size: int) -> Any:
        from scipy.sparse import csr_matrix

        columns = np.searchsorted(self._distinct, keys)
        known = columns < len(self._distinct)
        known[known] = self._distinct[columns[known]] == keys[known]
        cells = rows[known], columns[known]
        shape = (size, len(self._distinct))
        counts = csr_matrix((np.ones(int(known.sum())), cells), shape=shape)  # sums equal cells
        counts.sum_duplicates()
        owners = np.repeat(np.arange(size), np.diff(counts.indptr))
        counts.data = (1 + np.log(counts.data)) * self._idf[counts.indices]
        norms = np.sqrt(np.bincount(owners, counts.data**2, minlength=size))
        counts.data /= norms[owners]
        return counts


class PairTfidfFeatures:
    """Features of pairs of texts from their TF-IDF weights u and v: [u, v, |u - v|, u * v] and the cosine u . v.

    Args:
        max_features: keep at most so many columns.
    """

    def __init__(self, max_features: int = MAX_WEIGHTS) -> None:
        self._features = TfidfFeatures(max_features // 4)

    def fit_transform(self, pairs: Pairs) -> Any:
        """Learn the n-grams of all texts, and return the features of the pairs as a sparse matrix."""
        first, second = ([pair[side] for pair in pairs] for side in (0, 1))
        matrix = self._features.fit_transform([*first, *second])
        return self._combine(matrix[: len(first)], matrix[len(first) :])

    def transform(self, pairs: Pairs) -> Any:
        """Return the features of pairs; n-grams that train lacks are left out."""
        first, second = ([pair[side] for pair in pairs] for side in (0, 1))
        return self._combine(self._features.transform(first), self._features.transform(second))

    def _combine(self, u: Any, v: Any) -> Any:
        from scipy.sparse import csr_matrix, hstack

        product = u.multiply(v).tocsr()
        cosine = csr_matrix(product.sum(axis=1))
        return hstack([u, v, abs(u - v), product, cosine]).tocsr()


class TfidfClassifier:
    """Logistic regression on TF-IDF weights, by scikit-learn.

    Args:
        features: `TfidfFeatures` of texts, or `PairTfidfFeatures` of pairs of texts.
    """

    def __init__(
        self, features: type[TfidfFeatures] | type[PairTfidfFeatures] = TfidfFeatures
    ) -> None:
        self._kind = features

    def fit(
        self,
        texts: Sequence[Any],
        labels: Sequence[str],
        validation: tuple[Sequence[Any], Sequence[str]] | None,
    ) -> Self:
        """Train on tokenized texts.

        Args:
            texts: tokens of each text, or of both texts of each pair.
            labels: their classes, at least two different ones.
            validation: texts and labels that choose the penalty, by accuracy.
        """
        classes = len({*labels})
        self._features = self._kind(MAX_WEIGHTS // (1 if classes == 2 else classes))
        matrix = self._features.fit_transform(texts)
        if not matrix.shape[1]:
            raise ValueError("no text has a token")
        if validation is None or not len(validation[0]) or matrix.nnz > MAX_CELLS:
            self._model = fit_regression(STRENGTHS[1], matrix, np.array(labels, dtype=object))
            return self
        held_out, best = self._features.transform(validation[0]), -1.0
        for strength in STRENGTHS:
            model = fit_regression(strength, matrix, np.array(labels, dtype=object))
            accuracy = float(np.mean(model.predict(held_out) == np.array(validation[1], object)))
            if accuracy > best:
                best, self._model = accuracy, model
        return self

    def predict(self, texts: Sequence[Any]) -> list[Guess]:
        """Return class and probability for each text."""
        if not texts:
            return []
        probabilities = self._model.predict_proba(self._features.transform(texts))
        columns = probabilities.argmax(axis=1)
        return [
            Guess(str(self._model.classes_[column]), float(row[column]))
            for row, column in zip(probabilities, columns, strict=True)
        ]


def fit_regression(strength: float, matrix: Any, classes: npt.NDArray[Any]) -> Any:
    """Train a logistic regression, by scikit-learn.

    Args:
        strength: inverse strength of the penalty.
        matrix: (N, D), sparse.
        classes: (N,), at least two different ones.
    """
    import warnings

    # Late: scikit-learn takes a second to import.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a regression stopped early will do
        return LogisticRegression(C=strength, max_iter=MAX_ITERATIONS).fit(matrix, classes)
