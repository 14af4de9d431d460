"""Features in flat arrays are those that were collected, in a tenth of the memory."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.feature_store import FeatureStore
from nlpseq.data.features import Features

NUMBERS = st.lists(st.integers(0, 2**31 - 1), max_size=5)


@st.composite
def texts(draw: st.DrawFn) -> list[Features]:
    spelt, segmented, marked, paired = (draw(st.booleans()) for _ in range(4))

    def text(second: Features | None = None) -> Features:
        ids = draw(NUMBERS)
        words = draw(st.lists(st.text(max_size=3), min_size=len(ids), max_size=len(ids)))
        starts = draw(NUMBERS) if marked else []
        segments = [*range(len(ids))] if segmented else []
        return Features(ids, words if spelt else [], segments, starts, (), second)

    size = draw(st.integers(0, 6))
    return [text(text() if paired else None) for _ in range(size)]


@given(texts())
@settings(deadline=None, max_examples=80)
def test_a_store_gives_back_what_it_collected(rows: list[Features]) -> None:
    store = FeatureStore.collect(iter(rows))
    assert list(store) == rows
    assert store[1:] == rows[1:]
    assert store.lengths.tolist() == [len(row) for row in rows]
    if rows:
        assert store[-1] == rows[-1]
        assert len(store.sides) == len(rows[0].sides)
    with pytest.raises(IndexError):
        store[len(rows)]


def test_counts_of_ids_on_each_side() -> None:
    rows = [Features([3, 1, 3], second=Features([2])), Features([], second=Features([2, 0]))]
    first, second = FeatureStore.collect(rows).sides
    assert first.counts(5).tolist() == [0, 1, 0, 2, 0]
    assert second.counts(3).tolist() == [1, 0, 2]
    assert FeatureStore.collect([]).counts(2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("odd", "missing"),
    [
        (Features([1], ["a"]), "words"),
        (Features([1], (), [0]), "segments"),
        (Features([1], second=Features([2])), "a second text"),
    ],
)
def test_features_that_only_some_texts_have_are_refused(odd: Features, missing: str) -> None:
    with pytest.raises(ValueError, match=f"only some of the texts have {missing}"):
        FeatureStore.collect([Features([7]), odd])


def test_fifty_thousand_texts_take_a_few_bytes_a_token() -> None:
    def rows():
        for number in range(50_000):
            words = [f"word {(number * step) % 997}" for step in range(1, 16)]
            yield Features([hash(word) % 5000 for word in words], words)

    tracemalloc.start()
    store = FeatureStore.collect(rows())
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tokens = int(store.lengths.sum())
    assert tokens == 750_000
    assert store.nbytes == 8 * tokens + 16 * 50_001  # an id, a word; two borders for each text
    assert held < 12 * tokens  # lists of ids alone take 8 bytes a token and 56 bytes a text
    assert peak < 2.5 * held
