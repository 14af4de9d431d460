"""Confidence intervals of scores by resampling the examples of a split (bootstrap)."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.base import Scores

_CELLS = 2**22  # counts in memory at a time: 32 MB


def bootstrap_interval(
    vectors: npt.ArrayLike,
    score: Callable[[Sequence[float]], Scores],
    *,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of the scores of a split (Efron 1979; for BLEU, Koehn 2004).

    Statistics are additive, so no example is scored again: the sum of a resampled split is the sum of the
    vectors times how often each was drawn. The intervals say how the scores of *one* trained model vary with
    the examples; scores also vary with the seed of training.

    Args:
        vectors: (N, K) statistics of each example.
        score: returns scores for a sum of vectors, as `Metric.score` does.
        level: share of the resampled scores within an interval, between 0 and 1.
        samples: number of resampled splits.
        seed: seed of the draws.

    Returns:
        Lower and upper end for each score, in the unit of the score.

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
        low, high = np.quantile([sample[name] for sample in scores], ends)
        intervals[name] = (float(low), float(high))
    return intervals


def chunk_sizes(samples: int, examples: int) -> Iterator[int]:
    """Yield the sizes of chunks that split `samples` rows of `examples` numbers to fit in memory."""
    largest = max(1, _CELLS // max(1, examples))
    for done in range(0, samples, largest):
        yield min(largest, samples - done)


def resamples(
    chance: np.random.Generator, examples: int, samples: int
) -> Iterator[npt.NDArray[np.float64]]:
    """Yield chunks (rows, examples) of resampled splits as counts, `samples` rows in total."""
    for rows in chunk_sizes(samples, examples):
        yield resampled_counts(chance, examples, rows)


def resampled_counts(
    chance: np.random.Generator, examples: int, rows: int
) -> npt.NDArray[np.float64]:
    """Draw as many examples as there are, with replacement, and count them.

    Returns:
        (rows, examples) counts; each row is a multinomial draw and sums to `examples`.
    """
    # Faster than `multinomial`, and without rounded probabilities.
    draws = chance.integers(examples, size=(rows, examples))
    counts = [np.bincount(row, minlength=examples) for row in draws]
    return np.stack(counts).astype(np.float64)
