"""Two trained models on one test set: could other examples, or chance, give such a difference?

Both tests are two-sided. Their results hold for these trained models only: another seed gives another model, see
`seeds`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.resampling import chunk_sizes

from .scoring import Floats, Scorer, ScoreTable

_ROUNDING = 1e-9  # relative error of sums in another order


@dataclass(frozen=True)
class Estimate:
    """A difference between two scores, in the score's own unit.

    Attributes:
        difference: the first model's score minus the second's.
        low, high: ends of its interval.
        p_value: for the hypothesis of no difference.
        standard_error: of the difference.
        examples_error: the part of the standard error that more examples would reduce.
    """

    difference: float
    low: float
    high: float
    p_value: float
    standard_error: float
    examples_error: float


def bootstrap_estimate(difference: float, resampled: Floats, level: float = 0.95) -> Estimate:
    """Compute the percentile interval and p-value of the paired bootstrap over examples (Koehn 2004).

    The p-value is that of the shifted bootstrap (Efron & Tibshirani 1993, 16.4): how often resampled differences
    are at least as far from the observed one as that is from 0, counting the observed one.

    Args:
        difference: observed on the whole test set.
        resampled: (R,) differences on the same resampled sets for both models; nan where a score is not defined,
            and then left out.
        level: of the interval.
    """
    resampled = resampled[~np.isnan(resampled)]
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    far = np.abs(resampled - difference) >= abs(difference) * (1 - _ROUNDING)
    error = float(np.std(resampled, ddof=1))
    return Estimate(difference, float(low), float(high), _share(far), error, error)


def sacrebleu_p_value(difference: float, resampled: Floats) -> float:
    """Compute the p-value of sacrebleu's paired bootstrap (Post 2018; `--paired-bs`), for comparison with it.

    It counts how often a resampled |difference| exceeds the mean of those by more than the observed one. That
    tests one side although both are possible: without a difference it is below 0.05 about twice as often as it
    should be, and below 0.2 three times (tests/analysis/statistics). No decision here uses it.

    Args:
        difference: observed on the whole test set.
        resampled: (R,) differences on resampled sets.
    """
    sizes = np.abs(resampled)
    return _share(sizes - sizes.mean() > abs(difference))


def _share(events: npt.NDArray[np.bool_]) -> float:
    """Return (c + 1) / (R + 1): the observed test set counts too, so that p is never 0."""
    return (int(events.sum()) + 1) / (len(events) + 1)


def swaps(
    generator: np.random.Generator, examples: int, samples: int
) -> Iterator[npt.NDArray[np.bool_]]:
    """Draw which outputs two models exchange, each with probability 1/2: (rows, examples) at a time."""
    for rows in chunk_sizes(samples, examples):
        yield generator.integers(2, size=(rows, examples), dtype=np.bool_)


def randomization_test(
    first: Sequence[Floats],
    second: Sequence[Floats],
    scorer: Scorer,
    exchanges: Iterable[npt.NDArray[np.bool_]],
) -> dict[str, float]:
    """Test two models by approximate randomization (Noreen 1989; Riezler & Maxwell 2005, figure 1).

    If the models do not differ, each example's outputs could be exchanged. p = (c + 1) / (R + 1), where c of R
    random exchanges differ at least as much as the observed outputs. An equal difference counts, as in the paper;
    sacrebleu leaves it out, which makes p too small for counts of few examples (five wins of five would be
    certain). Without such ties, as with BLEU and chrF on a real test set, both give the same p.

    Args:
        first: statistics (N, K) of each run of a model; the scores of its runs are averaged.
        second: the same for the other model, whose runs are exchanged with those of the first in order.
        scorer: of both models.
        exchanges: from `swaps`.

    Returns:
        p for each score.

    Raises:
        ValueError: the numbers of runs, or the shapes of statistics, differ.
    """
    if len(first) != len(second) or len({run.shape for run in (*first, *second)}) != 1:
        raise ValueError("both models need the same number of runs, with statistics of one shape")
    runs = list(zip(first, second, strict=True))
    # Exchanging equal outputs changes nothing, so only the others are drawn.
    differing = np.any([(a != b).any(axis=1) for a, b in runs], axis=0)
    gains = [(b - a)[differing] for a, b in runs]
    sums = [(a.sum(axis=0), b.sum(axis=0)) for a, b in runs]
    observed = _differences(sums, [np.zeros((1, a.shape[1])) for a in first], scorer)
    count, samples = dict.fromkeys(observed, 0), 0
    for chosen in exchanges:
        kept = chosen[:, differing].astype(np.float64)
        shuffled = _differences(sums, [kept @ gain for gain in gains], scorer)
        samples += len(chosen)
        for name in observed:
            least = abs(observed[name][0]) * (1 - _ROUNDING) - 1e-12
            values = shuffled.get(name, np.full(len(chosen), np.nan))
            # Where a score is not defined, the difference counts: p is not too small.
            count[name] += int((~(np.abs(values) < least)).sum())
    return {name: (hits + 1) / (samples + 1) for name, hits in count.items()}


def _differences(
    sums: Sequence[tuple[Floats, Floats]], moved: Sequence[Floats], scorer: Scorer
) -> ScoreTable:
    """Return the differences of mean scores, (R,) each, after moving statistics from one model to the other.

    Args:
        sums: (K,) of each run of the first model, and of the second.
        moved: (R, K) for each run.
        scorer: of both models.
    """
    ones = [scorer(a + m) for (a, _), m in zip(sums, moved, strict=True)]
    others = [scorer(b - m) for (_, b), m in zip(sums, moved, strict=True)]
    return {
        name: np.mean(
            [one[name] - other[name] for one, other in zip(ones, others, strict=True)], axis=0
        )
        for name in ones[0]
        if all(name in table for table in (*ones, *others))
    }
