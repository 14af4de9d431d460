"""Two trained models on one test set: would other examples, or chance, have given such a difference?

Both tests are two-sided. They speak of the trained models at hand: another seed is another model, see
`seeds.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.resampling import pieces

from .scoring import Floats, Scorer

_ROUNDING = 1e-9  # relative: sums in another order may differ so much


@dataclass(frozen=True)
class Estimate:
    """A difference of two scores, in the score's own unit.

    Attributes:
        difference: the first model's score less the second's.
        low, high: ends of its interval.
        p_value: of the hypothesis that there is none.
        standard_error: of the difference.
        examples_error: the part of the standard error that further examples would make smaller.
    """

    difference: float
    low: float
    high: float
    p_value: float
    standard_error: float
    examples_error: float


def bootstrap_estimate(difference: float, resampled: Floats, level: float = 0.95) -> Estimate:
    """Paired bootstrap over examples (Koehn 2004): percentile interval, and a p-value.

    The p-value is that of the shifted bootstrap (Efron & Tibshirani 1993, 16.4): how often resampled
    differences are at least as far from the observed one as that is from 0, the observed one counted
    among them.

    Args:
        difference: observed on the whole test set.
        resampled: (R,) differences on the same resampled sets for both models.
        level: how much of the resampled differences the interval holds.
    """
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    far = np.abs(resampled - difference) >= abs(difference) * (1 - _ROUNDING)
    error = float(np.std(resampled, ddof=1))
    return Estimate(difference, float(low), float(high), _share(far), error, error)


def sacrebleu_p_value(difference: float, resampled: Floats) -> float:
    """The p-value of sacrebleu's paired bootstrap (Post 2018; `--paired-bs`), to compare with its figures.

    It counts how often a resampled |difference| exceeds their mean by more than the observed one. That
    asks on one side only, though both were possible: where there is no difference, it is below 0.05 about
    twice as often as it says, and below 0.2 three times (tests/analysis/statistics). Nothing here decides
    by it.

    Args:
        difference: observed on the whole test set.
        resampled: (R,) differences on resampled sets.
    """
    sizes = np.abs(resampled)
    return _share(sizes - sizes.mean() > abs(difference))


def _share(events: npt.NDArray[np.bool_]) -> float:
    """(c + 1) / (R + 1): the set at hand counts too, so that p is never 0."""
    return (int(events.sum()) + 1) / (len(events) + 1)


def swaps(
    chance: np.random.Generator, examples: int, samples: int
) -> Iterator[npt.NDArray[np.bool_]]:
    """Which outputs two models exchange, a fair coin for each: (rows, examples) at a time."""
    for rows in pieces(samples, examples):
        yield chance.integers(2, size=(rows, examples), dtype=np.bool_)


def randomization_test(
    first: Sequence[Floats],
    second: Sequence[Floats],
    scorer: Scorer,
    exchanges: Iterable[npt.NDArray[np.bool_]],
) -> dict[str, float]:
    """Approximate randomization (Noreen 1989; Riezler & Maxwell 2005, figure 1).

    If the two models do not differ, each example's outputs could as well be the other's. How often do
    outputs exchanged by chance differ at least as much as the real ones? p = (c + 1) / (R + 1).
    An equal difference counts, as it does in the paper; sacrebleu leaves it out, which for counts of few
    examples makes p too small (five wins of five would be certain). Where such ties do not happen, as with
    BLEU and chrF of a real test set, both give the same p.

    Args:
        first: statistics (N, K) of the model; several runs of it are scored each, and averaged.
        second: as many of the other one, each exchanged with the first's of its place.
        scorer: of both models.
        exchanges: from `swaps`.

    Returns:
        p of each score.

    Raises:
        ValueError: there are not as many runs of both, or their statistics are not of one shape.
    """
    if len(first) != len(second) or len({one.shape for one in (*first, *second)}) != 1:
        raise ValueError("runs of both models are needed in pairs, with statistics of one shape")
    # Outputs that do not differ make no difference when exchanged.
    differing = np.any([(a != b).any(axis=1) for a, b in zip(first, second, strict=True)], axis=0)
    gains = [(b - a)[differing] for a, b in zip(first, second, strict=True)]
    sums = [(a.sum(axis=0), b.sum(axis=0)) for a, b in zip(first, second, strict=True)]

    def differences(moved: Sequence[Floats]) -> dict[str, Floats]:
        ones = [scorer(a + m) for (a, _), m in zip(sums, moved, strict=True)]
        others = [scorer(b - m) for (_, b), m in zip(sums, moved, strict=True)]
        return {
            name: np.mean(
                [one[name] - other[name] for one, other in zip(ones, others, strict=True)], axis=0
            )
            for name in ones[0]
        }

    observed = differences([np.zeros((1, a.shape[1])) for a in first])
    count, samples = dict.fromkeys(observed, 0), 0
    for chosen in exchanges:
        kept = chosen[:, differing].astype(np.float64)
        shuffled = differences([kept @ gain for gain in gains])
        samples += len(chosen)
        for name, values in shuffled.items():
            least = abs(observed[name][0]) * (1 - _ROUNDING) - 1e-12
            count[name] += int((np.abs(values) >= least).sum())
    return {name: (found + 1) / (samples + 1) for name, found in count.items()}
