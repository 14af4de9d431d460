"""Significance tests on simulated data with a known truth: false alarms at their level, and growing power.

A tolerance is three standard deviations of the binomial distribution of the simulations, and a
hundredth for small test sets.
"""

from collections.abc import Callable

import numpy as np
import pytest

from nlpseq.analysis.statistics import (
    bootstrap_estimate,
    examples_needed,
    randomization_test,
    resampled_scores,
    sacrebleu_p_value,
    seeds_then_examples,
    swaps,
)
from nlpseq.analysis.statistics.scoring import Floats, ScoreTable
from nlpseq.metrics.resampling import resamples

LEVELS = (0.01, 0.05, 0.1, 0.2)
WORLDS = 300
DRAWS = 199

World = Callable[[np.random.Generator], tuple[Floats, Floats]]


def mean(sums: Floats) -> ScoreTable:
    return {"score": sums[:, 1] / sums[:, 0]}


def f1(sums: Floats) -> ScoreTable:
    correct, predicted, gold = sums.T
    return {"score": 2 * correct / (predicted + gold)}


def counted(values: Floats) -> Floats:
    return np.stack([np.ones(len(values)), values], axis=1)


def means(
    chance: np.random.Generator, examples: int = 80, gain: float = 0.0
) -> tuple[Floats, Floats]:
    """Draw scores of two models that correlate over examples, as some are easy and some hard."""
    ease = chance.normal(size=examples)
    first, second = (ease + 0.5 * chance.normal(size=examples) for _ in range(2))
    return counted(first + gain), counted(second)


def accuracies(chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw right and wrong predictions, equal for six of ten examples: few distinguish the models."""
    right = chance.random(120) < 0.8
    first, second = (
        np.where(chance.random(120) < 0.4, chance.random(120) < 0.8, right) for _ in range(2)
    )
    return counted(first.astype(float)), counted(second.astype(float))


def spans(chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw counts of correct, predicted and gold entities: F1 is no mean over sentences."""
    gold = chance.integers(0, 5, size=80)

    def one() -> Floats:
        correct = chance.binomial(gold, 0.8)
        return np.stack([correct, correct + chance.integers(0, 2, size=80), gold], axis=1).astype(
            float
        )

    return one(), one()


def p_values(world: World, scorer: Callable[[Floats], ScoreTable], seed: int) -> dict[str, Floats]:
    """Return the p-value of each test in simulations of one kind."""
    chance = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"bootstrap": [], "randomization": [], "sacrebleu": []}
    for _ in range(WORLDS):
        pair = world(chance)
        draws = resamples(chance, len(pair[0]), DRAWS)
        first, second = resampled_scores(pair, [scorer, scorer], draws)
        whole = [scorer(one.sum(axis=0, keepdims=True))["score"][0] for one in pair]
        difference, resampled = float(whole[0] - whole[1]), first["score"] - second["score"]
        found["bootstrap"].append(bootstrap_estimate(difference, resampled).p_value)
        found["sacrebleu"].append(sacrebleu_p_value(difference, resampled))
        exchanges = swaps(chance, len(pair[0]), DRAWS)
        test = randomization_test([pair[0]], [pair[1]], scorer, exchanges)
        found["randomization"].append(test["score"])
    return {name: np.array(values) for name, values in found.items()}


def tolerance(level: float) -> float:
    return 0.01 + 3 * (level * (1 - level) / WORLDS) ** 0.5


@pytest.mark.parametrize(
    ("world", "scorer"),
    [(means, mean), (accuracies, mean), (spans, f1)],
    ids=["means", "accuracy", "F1"],
)
def test_without_a_difference_few_are_detected(world: World, scorer) -> None:
    found = p_values(world, scorer, seed=5)
    for test in ("bootstrap", "randomization"):
        for level in LEVELS:
            assert np.mean(found[test] <= level) <= level + tolerance(level), (test, level)
        assert np.mean(found[test] <= 0.2) > 0.1, f"{test} finds too little to be of use"
    # This is why nlpseq does not decide by sacrebleu's way of counting.
    assert np.mean(found["sacrebleu"] <= 0.2) > 0.4


def test_intervals_cover_the_difference_at_their_level() -> None:
    chance = np.random.default_rng(3)
    held = 0
    for _ in range(WORLDS):
        pair = means(chance, gain=0.1)
        first, second = resampled_scores(pair, [mean, mean], resamples(chance, 80, DRAWS))
        found = bootstrap_estimate(
            float(pair[0][:, 1].mean() - pair[1][:, 1].mean()),
            first["score"] - second["score"],
            0.9,
        )
        held += found.low <= 0.1 <= found.high
    assert held / WORLDS == pytest.approx(0.9, abs=0.045)


def test_power_grows_with_examples_as_estimated() -> None:
    """With the number of examples that `examples_needed` returns, four of five differences are shown."""
    gain, error = 0.15, (2 * 0.25 / 50) ** 0.5
    needed = examples_needed(gain, examples=50, examples_error=error, standard_error=error)
    assert needed is not None
    shown = []
    for examples in (needed // 4, needed, needed * 3):
        chance = np.random.default_rng(examples)
        below = 0
        for _ in range(150):
            pair = means(chance, examples, gain)
            test = randomization_test([pair[0]], [pair[1]], mean, swaps(chance, examples, DRAWS))
            below += test["score"] <= 0.05
        shown.append(below / 150)
    assert shown[0] < 0.45
    assert shown[1] == pytest.approx(0.8, abs=0.1)
    assert shown[2] > 0.98


def seeded(
    chance: np.random.Generator,
    model: float,
    seeds: int,
    *,
    by_seed: float,
    by_run: float,
    ease: float,
) -> list[Floats]:
    """Draw runs of one model on 60 examples; `ease` is how easy each example is for both models."""
    return [
        counted(ease + model + by_seed * chance.normal() + by_run * chance.normal(size=60))
        for _ in range(seeds)
    ]


def over_seeds(
    sizes: dict[str, float], seeds: int, gain: float = 0.0
) -> tuple[Floats, Floats, float]:
    """Simulate two models with several seeds: return p, p of a test over examples alone, and how often the
    interval holds the truth."""
    chance = np.random.default_rng(17)
    found, naive, held = [], [], 0
    for _ in range(WORLDS):
        # A model has its own strengths too: they are variance of the examples, not of the seeds.
        ease = chance.normal(size=60)
        runs = []
        for model in (gain, 0.0):
            strengths = ease + 0.3 * chance.normal(size=60)
            runs += seeded(chance, model, seeds, ease=strengths, **sizes)
        draws = resampled_scores(runs, [mean] * len(runs), resamples(chance, 60, DRAWS))
        table = np.stack([one["score"] for one in draws], axis=1)
        scores = np.array([run[:, 1].mean() for run in runs])
        sides = scores[:seeds], scores[seeds:], table[:, :seeds], table[:, seeds:]
        estimate = seeds_then_examples(*sides, chance)
        found.append(estimate.p_value)
        held += estimate.low <= gain <= estimate.high
        examples = sides[2].mean(axis=1) - sides[3].mean(axis=1)
        naive.append(bootstrap_estimate(estimate.difference, examples).p_value)
    return np.array(found), np.array(naive), held / WORLDS


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize(
    "sizes",
    [
        {"by_seed": 0.3, "by_run": 0.3},  # seeds decide
        {"by_seed": 0.05, "by_run": 1.0},  # each run differs
        {"by_seed": 0.0, "by_run": 0.1},  # examples decide
    ],
    ids=["seeds", "runs", "examples"],
)
def test_over_seeds_and_examples(sizes: dict[str, float], seeds: int) -> None:
    found, naive, held = over_seeds(sizes, seeds)
    for level in LEVELS:
        assert np.mean(found <= level) <= level + tolerance(level), level
    assert held >= 0.95 - tolerance(0.05)
    if sizes["by_seed"] == 0.3:
        assert np.mean(naive <= 0.05) > 0.15, "a test over examples alone is taken in by seeds"
    elif seeds > 2:
        assert np.mean(found <= 0.2) > 0.1, "it finds too little to be of use"


def test_power_grows_with_seeds() -> None:
    sizes = {"by_seed": 0.15, "by_run": 0.3}
    shown = [np.mean(over_seeds(sizes, seeds, gain=0.3)[0] <= 0.05) for seeds in (2, 6)]
    assert shown[0] < 0.5
    assert shown[1] > 0.7
