"""Two models at a time: how far apart they are by each score, and how sure that is."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlpseq.analysis.statistics import (
    Estimate,
    Floats,
    Scorer,
    Table,
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
        p_value: that decides: with several seeds, of resampling over seeds and then examples; with one, of
            approximate randomization (where the models' statistics cannot be exchanged, of the bootstrap).
        corrected_p_value: the same after Holm's correction over all pairs of models.
        bootstrap_p_value: of the paired bootstrap over examples; it speaks of the trained models alone.
        randomization_p_value: of approximate randomization; it does so, too.
        sacrebleu_p_value: of the paired bootstrap as sacrebleu counts, of its own scores with one seed.
        standard_error: of the difference.
        cohens_dz: standardised difference over examples.
        hedges_g: standardised difference over seeds.
        worth: the difference that one would want to see.
        examples_needed: how many examples would show `worth` (80% power, 5%); None: no number would, with
            seeds that vary so much.
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
class Pair:
    """Two models.

    Attributes:
        first, second: their names.
        over_seeds: whether the figures speak of models trained anew; else of the trained ones alone.
        scores: how they differ by each.
    """

    first: str
    second: str
    over_seeds: bool
    scores: Mapping[str, Difference]


@dataclass(frozen=True)
class _Side:
    """A model as the tests see it: its runs' statistics, their scores, and those of resampled sets."""

    name: str
    vectors: Sequence[Floats]
    scorer: Scorer
    scores: Table  # (S,) each
    resampled: Mapping[str, Floats]  # (R, S) each


def compare_pairs(
    contenders: Sequence[Candidate],
    names: Sequence[str],
    worth: Callable[[str], float],
    *,
    samples: int,
    level: float,
    seed: int,
) -> list[Pair]:
    """Compare each model with each that is named after it.

    Args:
        contenders: that passed `checks.check_comparable`.
        names: the scores.
        worth: the difference of a score that one would want to see, in its own unit.
        samples: resampled test sets, and exchanges.
        level: of the intervals.
        seed: of all that is drawn.
    """
    sides = _sides(contenders, names, samples, seed)
    pairs = []
    for number, (first, second) in enumerate(itertools.combinations(sides, 2)):
        randomization = _randomized(first, second, samples, np.random.default_rng([seed, 1]))
        scores = {}
        for name in names:
            chance = np.random.default_rng([seed, 2, number])  # the same for every score
            found = _compare(first, second, name, level, chance)
            scores[name] = _difference(
                first, second, name, found, randomization.get(name), worth(name)
            )
        over_seeds = _over_seeds(first, second)
        pairs.append(Pair(first.name, second.name, over_seeds, scores))
    return _corrected(pairs)


def _sides(
    contenders: Sequence[Candidate], names: Sequence[str], samples: int, seed: int
) -> list[_Side]:
    runs = [run for contender in contenders for run in contender.runs]
    scorers = [rowwise(run.task.metric.score) for run in runs]
    vectors = [run.statistics for run in runs]
    draws = resamples(np.random.default_rng([seed, 0]), len(vectors[0]), samples)
    tables = iter(resampled_scores(vectors, scorers, draws))
    sides = []
    for contender in contenders:
        own = [next(tables) for _ in contender.runs]
        whole = [
            run.task.metric.score(run.statistics.sum(axis=0).tolist()) for run in contender.runs
        ]
        sides.append(
            _Side(
                contender.name,
                [run.statistics for run in contender.runs],
                rowwise(contender.runs[0].task.metric.score),
                {name: np.array([one[name] for one in whole], dtype=np.float64) for name in names},
                {name: np.stack([one[name] for one in own], axis=1) for name in names},
            )
        )
    return sides


def _over_seeds(first: _Side, second: _Side) -> bool:
    """A single run tells nothing of how it would vary."""
    return min(len(first.vectors), len(second.vectors)) > 1


def _compare(
    first: _Side, second: _Side, name: str, level: float, chance: np.random.Generator
) -> tuple[Estimate, Estimate, Floats]:
    """The estimate that decides, that over examples alone, and the resampled differences of the latter."""
    resampled = first.resampled[name].mean(axis=1) - second.resampled[name].mean(axis=1)
    difference = float(first.scores[name].mean() - second.scores[name].mean())
    examples = bootstrap_estimate(difference, resampled, level)
    if not _over_seeds(first, second):
        return examples, examples, resampled
    sides = first.scores[name], second.scores[name], first.resampled[name], second.resampled[name]
    return seeds_then_examples(*sides, chance, level), examples, resampled


def _difference(
    first: _Side,
    second: _Side,
    name: str,
    found: tuple[Estimate, Estimate, Floats],
    randomization: float | None,
    worth: float,
) -> Difference:
    estimate, examples, resampled = found
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
    first: _Side, second: _Side, samples: int, chance: np.random.Generator
) -> dict[str, float]:
    """The p-values of approximate randomization; nothing where outputs cannot be exchanged.

    They can where runs come in pairs, and both models' metrics read a vector alike (two classifiers that
    learnt different classes do not).
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
    exchanges = swaps(chance, len(first.vectors[0]), samples)
    return randomization_test(first.vectors, second.vectors, first.scorer, exchanges)


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """Holm's correction over the pairs, for each score."""
    names = list(pairs[0].scores)
    corrected = {name: holm([pair.scores[name].p_value for pair in pairs]) for name in names}
    return [
        replace(
            pair,
            scores={
                name: replace(one, corrected_p_value=corrected[name][place])
                for name, one in pair.scores.items()
            },
        )
        for place, pair in enumerate(pairs)
    ]
