"""Holm's correction, effect sizes and summaries agree with their definitions and SciPy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nlpseq.analysis.statistics import (
    bootstrap_estimate,
    examples_needed,
    hedges_g,
    holm,
    seeds_then_examples,
    standardized_difference,
    summarize,
)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_holm_is_the_closed_test_of_bonferroni(count: int) -> None:
    """A hypothesis is rejected if every set of hypotheses with it is rejected (Marcus et al. 1976)."""
    sets = [s for size in range(count) for s in itertools.combinations(range(count), size + 1)]
    for p_values in np.random.default_rng(count).choice(
        [0, 0.004, 0.01, 0.02, 0.3, 0.6, 1], (20, count)
    ):
        expected = [
            max(min(1.0, len(s) * min(p_values[i] for i in s)) for s in sets if place in s)
            for place in range(count)
        ]
        assert holm(p_values.tolist()) == pytest.approx(expected)


def test_holm_of_nothing_and_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_a_summary_uses_students_t() -> None:
    values = [86.2, 87.1, 86.6]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    found = summarize(values)
    assert (found.mean, found.standard_deviation) == pytest.approx(
        (np.mean(values), np.std(values, ddof=1))
    )
    assert (found.low, found.high) == pytest.approx((low, high))
    alone = summarize([3.0])
    assert (alone.mean, alone.standard_deviation, alone.low, alone.high) == (3.0, None, None, None)


def test_without_variance_of_examples_seeds_are_compared_by_welch() -> None:
    chance = np.random.default_rng(1)
    first, second = chance.normal(1, 0.5, size=4), chance.normal(0, 1, size=6)
    same = [np.tile(scores, (40_000, 1)) for scores in (first, second)]
    found = seeds_then_examples(first, second, *same, chance)
    welch = stats.ttest_ind(first, second, equal_var=False)
    interval = welch.confidence_interval()
    assert found.p_value == pytest.approx(welch.pvalue, rel=0.05)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=0.02)
    assert found.examples_error == pytest.approx(0, abs=1e-12)


def test_without_variance_of_seeds_examples_are_compared_by_the_bootstrap() -> None:
    chance = np.random.default_rng(1)
    draws = chance.normal(0.4, 0.3, size=(100_000, 1))
    found = seeds_then_examples(
        np.full(3, 0.4), np.zeros(3), np.tile(draws, 3), np.zeros((100_000, 3)), chance
    )
    plain = bootstrap_estimate(0.4, draws[:, 0])
    assert found.p_value == pytest.approx(plain.p_value, rel=0.02)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.01)


def test_one_seed_has_no_variance() -> None:
    one, table = np.ones(1), np.ones((5, 1))
    with pytest.raises(ValueError, match="at least two"):
        seeds_then_examples(one, np.ones(2), table, np.ones((5, 2)), np.random.default_rng(0))


def test_effect_sizes_by_their_formulas() -> None:
    values = np.random.default_rng(0).normal(0.2, 1, size=50)
    error = values.std(ddof=1) / 50**0.5
    expected = values.mean() / values.std(ddof=1)
    assert standardized_difference(values.mean(), error, 50) == pytest.approx(expected)
    assert standardized_difference(0.3, 0.0, 50) is None
    # Hedges (1981): d = 2 / 1, 4 degrees of freedom: 1 - 3 / 15.
    assert hedges_g([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]) == pytest.approx(2 * 0.8)
    assert hedges_g([1.0], [1.0, 2.0]) is None
    assert hedges_g([1.0, 1.0], [2.0, 2.0]) is None


def test_how_many_examples_are_needed() -> None:
    # Two-sided 5%, 80%: the textbook's (1.96 + 0.84)^2 = 7.849 variances by the squared difference.
    alone = {"examples": 100, "examples_error": 0.1, "standard_error": 0.1}
    assert examples_needed(0.5, **alone) == math.ceil(7.8489 * 1.0 / 0.25)
    more = {"examples": 100, "examples_error": 0.1, "standard_error": 0.12}
    assert examples_needed(0.5, **more) > examples_needed(0.5, **alone)
    assert examples_needed(0.15, **more) is None  # seeds alone vary too much
    # Of 2 and 2 seeds, t(2) decides: 4.303 instead of 1.96 standard errors.
    few = examples_needed(0.5, **alone, quantile=4.303)
    assert few == math.ceil((4.303 + 0.8416) ** 2 / 0.25)
    with pytest.raises(ValueError, match="above 0"):
        examples_needed(0, **alone)
