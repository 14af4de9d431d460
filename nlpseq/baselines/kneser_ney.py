"""Interpolated modified Kneser-Ney n-grams in numpy.  Chen and Goodman (1998), section 4.1.6.

    p_k(w | h) = max(a(hw) - D(a(hw)), 0) / a(h) + gamma(h) p_{k-1}(w | h'),   h' = h without its first token

a(g) is the count of g at the highest order; at lower orders it is the number of different tokens seen before g
(its continuations). N-grams at the start of a text have no token before them and keep their counts. D takes one
of three values for each order, for counts of 1, 2 and 3 or more. Below the unigrams is the uniform distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ABSENT = -1
FALLBACK_DISCOUNTS = (0.5, 0.75, 0.9)
"""Discounts where there are too few n-grams to estimate them."""


@dataclass(frozen=True)
class _Order:
    """The k-grams of one order, by id.

    Attributes:
        keys: sorted (history id) * (V + 1) + token of each k-gram; the position of a key is the k-gram's id.
        discounted: max(a - D(a), 0) of each k-gram.
        totals: a(h) by history id.
        backoff: D1 N1(h) + D2 N2(h) + D3 N3+(h) by history id.
    """

    keys: Ints
    discounted: Floats
    totals: Floats
    backoff: Floats

    def ids(self, keys: Ints) -> Ints:
        """Return the id of each k-gram, ABSENT for a negative key or a k-gram that was not seen."""
        positions = np.searchsorted(self.keys, keys)
        known = (keys >= 0) & (positions < len(self.keys))
        known[known] = self.keys[positions[known]] == keys[known]
        return np.where(known, positions, ABSENT)


class KneserNey:
    """An n-gram language model over token ids.

    Args:
        order: longest n-gram, at least 1.
        vocabulary_size: V, number of tokens that can be predicted.
    """

    def __init__(self, order: int, vocabulary_size: int) -> None:
        if order < 1:
            raise ValueError(f"order = {order}: give at least 1")
        self.order = order
        self.vocabulary_size = vocabulary_size
        self._orders: list[_Order] = []

    def fit(self, texts: Sequence[Ints]) -> Self:
        """Count the n-grams of texts; none reaches from one text into the next."""
        tokens, offsets = self._join(texts)
        keys_of, ids_of = self._number(tokens, offsets)
        self._orders = []
        for k, keys in enumerate(keys_of, start=1):
            counts = self._adjusted_counts(k, ids_of, offsets, len(keys))
            histories = 1 if k == 1 else len(keys_of[k - 2])
            self._orders.append(self._discount(keys, counts, histories))
        return self

    def log_probs(self, texts: Sequence[Ints]) -> list[Floats]:
        """Return the log-probability (nats) of each token of each text, given all tokens before it."""
        if not texts:
            return []
        tokens, offsets = self._join(texts)
        probabilities = np.full(len(tokens), 1.0 / self.vocabulary_size)
        histories = np.zeros(len(tokens), np.int64)
        for k, order in enumerate(self._orders, start=1):
            histories = np.where(offsets >= k - 1, histories, ABSENT)
            ids = order.ids(self._keys(histories, tokens))
            known = histories != ABSENT
            known[known] = order.totals[histories[known]] > 0
            seen = ids[known]
            own = np.where(seen == ABSENT, 0.0, order.discounted[seen])
            history = histories[known]
            lower = order.backoff[history] * probabilities[known]
            probabilities[known] = (own + lower) / order.totals[history]
            histories = np.concatenate([[ABSENT], ids[:-1]])
        values = np.log(probabilities[offsets > 0])
        return np.split(values, np.cumsum([len(text) for text in texts])[:-1])

    def _join(self, texts: Sequence[Ints]) -> tuple[Ints, Ints]:
        """Return texts in one row, each after a start token, and the distance of each token from its start."""
        start = np.array([self.vocabulary_size])
        tokens = np.concatenate([part for text in texts for part in (start, text)])
        lengths = np.array([len(text) + 1 for text in texts])
        offsets = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return tokens.astype(np.int64), offsets

    def _keys(self, histories: Ints, tokens: Ints) -> Ints:
        keys = histories * (self.vocabulary_size + 1) + tokens
        return np.where(histories == ABSENT, ABSENT, keys)

    def _number(self, tokens: Ints, offsets: Ints) -> tuple[list[Ints], list[Ints]]:
        """Return the sorted keys of each order's n-grams, and the id of the n-gram that ends at each token."""
        histories = np.zeros(len(tokens), np.int64)  # the empty history has id 0
        keys_of, ids_of = [], []
        for k in range(1, self.order + 1):
            keys = self._keys(np.where(offsets >= k - 1, histories, ABSENT), tokens)
            distinct, ids = np.unique(keys, return_inverse=True)
            if distinct[0] == ABSENT:
                distinct, ids = distinct[1:], ids - 1
            keys_of.append(distinct)
            ids_of.append(ids)
            histories = np.concatenate([[ABSENT], ids[:-1]])
        return keys_of, ids_of

    def _adjusted_counts(self, k: int, ids_of: Sequence[Ints], offsets: Ints, size: int) -> Floats:
        """Return a(g) of the k-grams: occurrences at the highest order, continuations below."""
        ids = ids_of[k - 1]
        if k == self.order:
            counts = np.bincount(ids[ids != ABSENT], minlength=size)
        else:
            longer = ids_of[k]
            _, first = np.unique(longer, return_index=True)
            first = first[longer[first] != ABSENT]  # one position of each (k + 1)-gram
            counts = np.bincount(ids[first], minlength=size)
            at_start = offsets == k - 1
            counts = counts + np.bincount(ids[at_start], minlength=size)
        if k == 1:  # the start token is never predicted
            counts[ids[offsets == 0]] = 0
        return counts.astype(np.float64)

    def _discount(self, keys: Ints, counts: Floats, num_histories: int) -> _Order:
        discounts = np.array([0.0, *estimate_discounts(counts)])
        removed = discounts[np.minimum(counts, 3).astype(np.int64)]
        histories = keys // (self.vocabulary_size + 1)
        totals, backoff = (
            np.bincount(histories, values, minlength=num_histories).astype(np.float64)
            for values in (counts, removed)
        )
        return _Order(keys, counts - removed, totals, backoff)


def estimate_discounts(counts: Floats) -> tuple[float, float, float]:
    """Return D1, D2, D3+ from the number of n-grams with counts of 1 to 4.  Chen and Goodman (1998), eq. 26."""
    n1, n2, n3, n4 = (float((counts == count).sum()) for count in range(1, 5))
    if min(n1, n2) == 0:
        return FALLBACK_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    estimates = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3 if n3 else 2.0
    first, second, third = (min(max(d, 0.05), k - 0.05) for k, d in enumerate(estimates, 1))
    return first, second, third
