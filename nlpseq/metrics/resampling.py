"""How sure is a score? Confidence intervals by resampling the examples of a split."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.base import Scores

_CELLS = 2**22  # of counts held at once: 32 MB


def bootstrap_interval(
    vectors: npt.ArrayLike,
    score: Callable[[Sequence[float]], Scores],
    *,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the scores of a split (Efron 1979; for BLEU, Koehn 2004).

    As statistics add up, an example is never scored again: how often each was drawn, times its vector, is the
    sum of a resampled split. They tell what other examples of the same kind would do to the scores of *one*
    trained model; training again with another seed moves scores too.

    Args:
        vectors: (N, K) the statistics of each example.
        score: makes scores of a sum of vectors, as `Metric.score` does.
        level: how much of the resampled scores an interval holds, between 0 and 1.
        samples: how many resampled splits there are.
        seed: of the draws.

    Returns:
        Lower and upper end for each score, in the score's own unit.

    Raises:
        ValueError: there is no example, no sample, or the level is not between 0 and 1.
    """
    matrix = np.asarray(vectors, dtype=np.float64)  # (N, K)
    if matrix.ndim != 2 or len(matrix) == 0:
        raise ValueError(f"(N, K) statistics of some examples are needed, not {matrix.shape}")
    if samples < 1 or not 0 < level < 1:
        raise ValueError(f"no interval of level {level} from {samples} samples")
    draws = resamples(np.random.default_rng(seed), len(matrix), samples)
    scores = [score(total) for counts in draws for total in (counts @ matrix).tolist()]
    ends = [(1 - level) / 2, (1 + level) / 2]
    intervals = {}
    for name in scores[0]:
        low, high = np.quantile([one[name] for one in scores], ends)
        intervals[name] = (float(low), float(high))
    return intervals


def chunk_sizes(samples: int, examples: int) -> Iterator[int]:
    """How many of `samples` rows of `examples` numbers to hold at once, piece after piece."""
    most = max(1, _CELLS // max(1, examples))
    for done in range(0, samples, most):
        yield min(most, samples - done)


def resamples(
    chance: np.random.Generator, examples: int, samples: int
) -> Iterator[npt.NDArray[np.float64]]:
    """Resampled splits as counts, (rows, examples) at a time until there are `samples` rows."""
    for rows in chunk_sizes(samples, examples):
        yield resampled_counts(chance, examples, rows)


def resampled_counts(
    chance: np.random.Generator, examples: int, rows: int
) -> npt.NDArray[np.float64]:
    """How often each example is drawn when as many are drawn as there are, with replacement.

    Returns:
        (rows, examples) counts; each row is a multinomial draw and sums to `examples`.
    """
    # Quicker than `multinomial`, and free of the rounding of its probabilities.
    draws = chance.integers(examples, size=(rows, examples))
    counts = [np.bincount(row, minlength=examples) for row in draws]
    return np.stack(counts).astype(np.float64)
