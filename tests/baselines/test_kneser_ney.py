"""Kneser-Ney equals a readable recursion on small data, sums to one, and has the published perplexity."""

import gzip
import math
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.baselines.kneser_ney import FALLBACK_DISCOUNTS, KneserNey, estimate_discounts

START = -1
Texts = Sequence[Sequence[int]]


class Recursion:
    """The equations of Chen and Goodman (1998) with dictionaries, one probability at a time."""

    def __init__(self, order: int, size: int, texts: Texts) -> None:
        self.order, self.size = order, size
        grams: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        for text in texts:
            row = (START, *text)
            for k in range(1, order + 1):
                grams[k].update(row[i : i + k] for i in range(len(row) - k + 1))
        self.counts: list[dict[tuple[int, ...], int]] = [{} for _ in range(order + 1)]
        for k in range(1, order + 1):
            for gram, count in grams[k].items():
                if k < self.order and gram[0] != START:
                    before = {longer[0] for longer in grams[k + 1] if longer[1:] == gram}
                    count = len(before)
                if gram != (START,):
                    self.counts[k][gram] = count
        self.discounts = [
            (0.0, *estimate_discounts(np.array(list(counts.values()), dtype=np.float64)))
            for counts in self.counts
        ]
        self.following: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for k in range(1, order + 1):
            for gram, count in self.counts[k].items():
                self.following[gram[:-1]].append(count)

    def probability(self, history: tuple[int, ...], token: int) -> float:
        lower = 1 / self.size if not history else self.probability(history[1:], token)
        followers = self.following[history]
        if not sum(followers):
            return lower
        k = len(history) + 1
        discount = self.discounts[k]
        count = self.counts[k].get((*history, token), 0)
        kept = max(count - discount[min(count, 3)], 0)
        removed = sum(discount[min(other, 3)] for other in followers)
        return (kept + removed * lower) / sum(followers)

    def log_probs(self, text: Sequence[int]) -> list[float]:
        row = (START, *text)
        return [
            math.log(self.probability(row[max(0, i - self.order + 1) : i], row[i]))
            for i in range(1, len(row))
        ]


def arrays(texts: Texts) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return [np.array(text, dtype=np.int64) for text in texts]


texts = st.lists(st.lists(st.integers(0, 4), min_size=0, max_size=7), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(train=texts, test=texts, order=st.integers(1, 4))
def test_it_equals_the_recursion(train: list[list[int]], test: list[list[int]], order: int) -> None:
    model = KneserNey(order, 6).fit(arrays(train))
    slow = Recursion(order, 6, train)
    for text, values in zip(test, model.log_probs(arrays(test)), strict=True):
        assert values.tolist() == pytest.approx(slow.log_probs(text), abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("history", [[], [0], [0, 1], [1, 2, 1], [5], [3, 3, 0, 1, 4]])
def test_probabilities_sum_to_one(order: int, history: list[int]) -> None:
    train = [[0, 1, 2, 3], [0, 1, 1, 4], [2, 1, 2, 1], [0, 1, 2]]
    model = KneserNey(order, 7).fit(arrays(train))
    ends = model.log_probs(arrays([[*history, token] for token in range(7)]))
    assert math.fsum(math.exp(values[-1]) for values in ends) == pytest.approx(1, abs=1e-12)


def test_discounts_are_those_of_the_paper() -> None:
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4] * 1, dtype=np.float64)
    y = 10 / 18
    wanted = (1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2)
    assert estimate_discounts(counts) == pytest.approx(wanted)
    assert estimate_discounts(np.array([2.0, 3.0])) == FALLBACK_DISCOUNTS


def test_a_text_begins_anew_and_an_order_below_1_is_refused() -> None:
    model = KneserNey(3, 5).fit(arrays([[0, 1, 2], [3, 4]]))
    together = model.log_probs(arrays([[0, 1], [3, 4]]))
    assert together[1].tolist() == model.log_probs(arrays([[3, 4]]))[0].tolist()
    assert model.log_probs([]) == []
    with pytest.raises(ValueError, match="at least 1"):
        KneserNey(0, 5)


@pytest.mark.real
def test_the_penn_treebank_has_its_published_perplexity() -> None:
    """Mikolov (2012), table 4.1 has 141.2 for the 5-gram with modified Kneser-Ney."""
    root = Path(os.environ.get("NLPSEQ_DATA", Path(__file__).parents[3] / "shared" / "data"))
    folder = root / "lm" / "ptb"
    if not folder.is_dir():
        pytest.skip(f"needs the benchmark sets: there is no {folder}")
    contents = [gzip.open(folder / "ptb.train.txt.gz", "rt"), open(folder / "ptb.test.txt")]
    splits = [[[*line.split(), "<eos>"] for line in content] for content in contents]
    ids = {word: i for i, word in enumerate(sorted({w for row in splits[0] for w in row}))}
    train, test = (arrays([[ids[w] for w in row] for row in rows]) for rows in splits)
    values = np.concatenate(KneserNey(5, len(ids)).fit(train).log_probs(test))
    assert math.exp(-values.mean()) == pytest.approx(141.2, abs=0.1)
