"""Paired tests agree with sacrebleu's, and with an enumeration of all exchanges."""

import itertools
import os

import numpy as np
import pytest
import sacrebleu
from sacrebleu.significance import PairedTest

from nlpseq.analysis.statistics import (
    bootstrap_estimate,
    randomization_test,
    resampled_scores,
    rowwise,
    sacrebleu_p_value,
    swaps,
)
from nlpseq.metrics import resampling
from nlpseq.metrics.resampling import resampled_counts, resamples
from nlpseq.metrics.translation import TranslationScores

SENTENCES, SAMPLES = 60, 300


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str], list[str]]:
    """Draw references, and outputs of a better and a slightly worse system."""
    chance = np.random.default_rng(2)
    references = [
        " ".join(chance.choice([*"abcdefghij"], size=chance.integers(5, 14)))
        for _ in range(SENTENCES)
    ]

    def output(quality: float) -> list[str]:
        return [
            " ".join(word if chance.random() < quality else "x" for word in text.split())
            for text in references
        ]

    return references, output(0.86), output(0.83)


@pytest.fixture(scope="module")
def vectors(texts) -> list[np.ndarray]:
    metric, (references, *outputs) = TranslationScores(), texts
    return [
        np.array([metric.statistics(*pair) for pair in zip(output, references, strict=True)])
        for output in outputs
    ]


def theirs(texts, kind: str) -> dict[str, float]:
    assert "SACREBLEU_SEED" not in os.environ  # its own default is 12345
    references, *outputs = texts
    metrics = {"bleu": sacrebleu.BLEU(), "chrf": sacrebleu.CHRF()}
    systems = [("one", outputs[0]), ("two", outputs[1])]
    _, scores = PairedTest(systems, metrics, [references], kind, SAMPLES)()
    by_name = {"bleu": "BLEU", "chrf": "chrF2"}
    return {name: scores[theirs][1].p_value for name, theirs in by_name.items()}


def test_randomization_agrees_with_sacrebleu(texts, vectors) -> None:
    scorer = rowwise(TranslationScores().score)
    chosen = np.random.default_rng(12345).integers(2, size=(SAMPLES, SENTENCES), dtype=bool)
    # sacrebleu takes the second system's output where nlpseq exchanges: the same, mirrored.
    ours = randomization_test([vectors[0]], [vectors[1]], scorer, [~chosen])
    expected = theirs(texts, "ar")
    assert 0.01 < expected["bleu"] < 0.9
    for name, p_value in expected.items():
        assert ours[name] == pytest.approx(p_value, abs=1e-12), name


def test_the_bootstrap_agrees_with_sacrebleu(texts, vectors) -> None:
    metric = TranslationScores()
    places = np.random.default_rng(12345).choice(SENTENCES, size=(SAMPLES, SENTENCES), replace=True)
    counts = np.stack([np.bincount(row, minlength=SENTENCES) for row in places]).astype(float)
    first, second = resampled_scores(vectors, [rowwise(metric.score)] * 2, [counts])
    whole = [metric.score(one.sum(axis=0).tolist()) for one in vectors]
    for name, expected in theirs(texts, "bs").items():
        difference = whole[0][name] - whole[1][name]
        found = sacrebleu_p_value(difference, first[name] - second[name])
        assert found == pytest.approx(expected, abs=1e-12), name
        # In the tails, both sides together are about twice that.
        assert bootstrap_estimate(difference, first[name] - second[name]).p_value > found


def counted(values) -> np.ndarray:
    return np.stack([np.ones(len(values)), values], axis=1).astype(float)


def mean(sums):
    return {"score": sums[:, 1] / sums[:, 0]}


def test_randomization_is_the_share_of_all_exchanges() -> None:
    first, second = counted([1, 1, 1, 0, 1, 0, 1, 1]), counted([0, 1, 0, 0, 0, 0, 1, 0])
    everything = np.array([*itertools.product([False, True], repeat=8)])
    found = randomization_test([first], [second], mean, [everything])["score"]
    # Four wins, no loss: only all four one way or the other differ as much.
    assert found == pytest.approx((2 / 16 * 256 + 1) / 257)
    sampled = randomization_test([first], [second], mean, swaps(np.random.default_rng(0), 8, 4000))
    assert sampled["score"] == pytest.approx(2 / 16, abs=0.02)


def test_several_runs_are_exchanged_in_pairs() -> None:
    chance = np.random.default_rng(4)
    first = [counted(chance.normal(0.3, 1, size=7)) for _ in range(2)]
    second = [counted(chance.normal(size=7)) for _ in range(2)]
    everything = np.array([*itertools.product([False, True], repeat=7)])
    gaps = [
        np.mean(
            [
                np.where(moved, (b - a)[:, 1], (a - b)[:, 1]).mean()
                for a, b in zip(first, second, strict=True)
            ]
        )
        for moved in everything
    ]
    least = abs(gaps[0]) - 1e-12
    expected = (sum(abs(gap) >= least for gap in gaps) + 1) / 129
    assert randomization_test(first, second, mean, [everything])["score"] == pytest.approx(expected)


def test_a_model_is_no_better_than_itself() -> None:
    vectors = counted([0, 1, 1, 0, 1])
    chance = np.random.default_rng(0)
    assert randomization_test([vectors], [vectors], mean, swaps(chance, 5, 50)) == {"score": 1.0}
    same = resampled_scores([vectors, vectors], [mean, mean], resamples(chance, 5, 50))
    found = bootstrap_estimate(0.0, same[0]["score"] - same[1]["score"])
    assert (found.low, found.high, found.p_value, found.standard_error) == (0, 0, 1, 0)


def test_runs_that_do_not_pair_are_refused() -> None:
    ones = [counted([1, 2])]
    with pytest.raises(ValueError, match="same number of runs"):
        randomization_test(ones, ones * 2, mean, [])
    with pytest.raises(ValueError, match="of one shape"):
        randomization_test(ones, [counted([1, 2, 3])], mean, [])


def test_resampled_scores_are_those_of_the_resampled_examples(monkeypatch) -> None:
    chance = np.random.default_rng(9)
    runs = [
        counted(chance.normal(size=31)),
        np.column_stack([counted(chance.normal(size=31)), np.arange(31.0)]),
    ]
    counts = resampled_counts(np.random.default_rng(5), 31, 20).astype(int)
    monkeypatch.setattr(resampling, "_CELLS", 100)  # 3 resamples at once
    found = resampled_scores(runs, [mean, mean], resamples(np.random.default_rng(5), 31, 20))
    for run, table in zip(runs, found, strict=True):
        again = [np.repeat(run[:, 1], row).mean() for row in counts]
        assert table["score"] == pytest.approx(np.array(again))


def test_swaps_are_fair_and_come_in_chunks(monkeypatch) -> None:
    monkeypatch.setattr(resampling, "_CELLS", 1000)
    pieces = [*swaps(np.random.default_rng(0), 40, 2000)]
    assert {len(piece) for piece in pieces} == {25}
    every = np.concatenate(pieces)
    assert every.shape == (2000, 40)
    assert every.mean(axis=0) == pytest.approx(np.full(40, 0.5), abs=0.05)
