"""Differences between two models by each score, with intervals, p-values and effect sizes."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlpseq.analysis.statistics import (
    Estimate,
    Floats,
    Scorer,
    ScoreTable,
    bootstrap_estimate,
    examples_needed,
    hedges_g,
    holm,
    randomization_test,
    resampled_scores,
    rowwise,
    sacrebleu_p_value,
    seeds_then_examples,
    standardized_difference,
    swaps,
)
from nlpseq.metrics.resampling import resamples

from .runs import Candidate

_SACREBLEU = ("bleu", "bleu_lowercased_tokenized", "chrf", "ter")


@dataclass(frozen=True)
class Difference:
    """The first model's score less the second's, in the score's own unit.

    Attributes:
        difference: of the means over seeds.
        low, high: ends of its interval.
        p_value: decides. With several seeds it comes from resampling seeds and then examples; with one from
            approximate randomization, or from the bootstrap if the models' statistics cannot be exchanged.
        corrected_p_value: the same after Holm's correction over all pairs of models.
        bootstrap_p_value: from the paired bootstrap over examples, for the trained models only.
        randomization_p_value: from approximate randomization, for the trained models only.
        sacrebleu_p_value: from the paired bootstrap as sacrebleu counts, for its own scores with one seed.
        standard_error: of the difference.
        cohens_dz: standardised difference over examples.
        hedges_g: standardised difference over seeds.
        worth: the smallest difference of interest.
        examples_needed: examples to detect `worth` (80% power, 5%); None if seeds vary too much for any number.
    """

    difference: float
    low: float
    high: float
    p_value: float
    corrected_p_value: float
    bootstrap_p_value: float
    randomization_p_value: float | None
    sacrebleu_p_value: float | None
    standard_error: float
    cohens_dz: float | None
    hedges_g: float | None
    worth: float
    examples_needed: int | None


@dataclass(frozen=True)
class ModelPair:
    """Two models and their differences.

    Attributes:
        first, second: their names.
        over_seeds: the result holds for other seeds too; else for these trained models only.
        scores: the difference by each score.
    """

    first: str
    second: str
    over_seeds: bool
    scores: Mapping[str, Difference]


@dataclass(frozen=True)
class _Side:
    """A model as the tests need it: statistics and scores of its S runs, and scores on R resampled test sets."""

    name: str
    vectors: Sequence[Floats]
    scorer: Scorer
    scores: ScoreTable  # (S,) each
    resampled: Mapping[str, Floats]  # (R, S) each


def compare_pairs(
    candidates: Sequence[Candidate],
    names: Sequence[str],
    worth: Callable[[str], float],
    *,
    samples: int,
    level: float,
    seed: int,
) -> list[ModelPair]:
    """Compare each model with each later one.

    Args:
        candidates: checked by `check_comparable`.
        names: the scores.
        worth: returns the smallest difference of interest of a score, in its own unit.
        samples: number of resampled test sets, and of exchanges.
        level: of the intervals.
        seed: for the random numbers.
    """
    sides = _sides(candidates, names, samples, seed)
    pairs = []
    for number, (first, second) in enumerate(itertools.combinations(sides, 2)):
        randomization = _randomized(first, second, samples, np.random.default_rng([seed, 1]))
        scores = {}
        for name in names:
            generator = np.random.default_rng([seed, 2, number])  # the same for every score
            estimates = _compare(first, second, name, level, generator)
            scores[name] = _difference(
                first, second, name, estimates, randomization.get(name), worth(name)
            )
        over_seeds = _over_seeds(first, second)
        pairs.append(ModelPair(first.name, second.name, over_seeds, scores))
    return _corrected(pairs)


def _sides(
    candidates: Sequence[Candidate], names: Sequence[str], samples: int, seed: int
) -> list[_Side]:
    runs = [run for candidate in candidates for run in candidate.runs]
    scorers = [rowwise(run.task.metric.score) for run in runs]
    vectors = [run.statistics for run in runs]
    draws = resamples(np.random.default_rng([seed, 0]), len(vectors[0]), samples)
    tables = iter(resampled_scores(vectors, scorers, draws))
    sides = []
    for candidate in candidates:
        own = [next(tables) for _ in candidate.runs]
        totals = [
            run.task.metric.score(run.statistics.sum(axis=0).tolist()) for run in candidate.runs
        ]
        sides.append(
            _Side(
                candidate.name,
                [run.statistics for run in candidate.runs],
                rowwise(candidate.runs[0].task.metric.score),
                {
                    name: np.array([total[name] for total in totals], dtype=np.float64)
                    for name in names
                },
                {name: np.stack([table[name] for table in own], axis=1) for name in names},
            )
        )
    return sides


def _over_seeds(first: _Side, second: _Side) -> bool:
    """Return whether both models have several runs, so that the variation over seeds is known."""
    return min(len(first.vectors), len(second.vectors)) > 1


def _compare(
    first: _Side, second: _Side, name: str, level: float, generator: np.random.Generator
) -> tuple[Estimate, Estimate, Floats]:
    """Return the estimate that decides, the one over examples alone, and the latter's resampled differences."""
    resampled = first.resampled[name].mean(axis=1) - second.resampled[name].mean(axis=1)
    difference = float(first.scores[name].mean() - second.scores[name].mean())
    examples = bootstrap_estimate(difference, resampled, level)
    if not _over_seeds(first, second):
        return examples, examples, resampled
    sides = first.scores[name], second.scores[name], first.resampled[name], second.resampled[name]
    return seeds_then_examples(*sides, generator, level), examples, resampled


def _difference(
    first: _Side,
    second: _Side,
    name: str,
    estimates: tuple[Estimate, Estimate, Floats],
    randomization: float | None,
    worth: float,
) -> Difference:
    estimate, examples, resampled = estimates
    one_seed = not _over_seeds(first, second)
    p_value = randomization if one_seed and randomization is not None else estimate.p_value
    single = len(first.vectors) == len(second.vectors) == 1
    sacrebleu = sacrebleu_p_value(estimate.difference, resampled)
    count = len(first.vectors[0])
    half, error = (estimate.high - estimate.low) / 2, estimate.standard_error
    return Difference(
        difference=estimate.difference,
        low=estimate.low,
        high=estimate.high,
        p_value=p_value,
        corrected_p_value=p_value,
        bootstrap_p_value=examples.p_value,
        randomization_p_value=randomization,
        sacrebleu_p_value=sacrebleu if single and name in _SACREBLEU else None,
        standard_error=error,
        cohens_dz=standardized_difference(estimate.difference, estimate.examples_error, count),
        hedges_g=hedges_g(first.scores[name].tolist(), second.scores[name].tolist()),
        worth=worth,
        examples_needed=examples_needed(
            worth,
            examples=count,
            examples_error=estimate.examples_error,
            standard_error=error,
            quantile=None if one_seed or not error else half / error,
        ),
    )


def _randomized(
    first: _Side, second: _Side, samples: int, generator: np.random.Generator
) -> dict[str, float]:
    """Return p-values of approximate randomization; none if outputs cannot be exchanged.

    They can if both models have the same number of runs, and both metrics read a vector in the same way (not so
    for two classifiers with different classes).
    """
    shapes = {vectors.shape for side in (first, second) for vectors in side.vectors}
    if len(first.vectors) != len(second.vectors) or len(shapes) > 1:
        return {}
    total = second.vectors[0].sum(axis=0, keepdims=True)
    if any(
        not np.array_equal(values, second.scorer(total)[name], equal_nan=True)
        for name, values in first.scorer(total).items()
    ):
        return {}
    exchanges = swaps(generator, len(first.vectors[0]), samples)
    return randomization_test(first.vectors, second.vectors, first.scorer, exchanges)


def _corrected(pairs: Sequence[ModelPair]) -> list[ModelPair]:
    """Apply Holm's correction over the pairs, for each score."""
    names = list(pairs[0].scores)
    corrected = {name: holm([pair.scores[name].p_value for pair in pairs]) for name in names}
    return [
        replace(
            pair,
            scores={
                name: replace(result, corrected_p_value=corrected[name][index])
                for name, result in pair.scores.items()
            },
        )
        for index, pair in enumerate(pairs)
    ]
