"""Scores of many sums of statistics at once, and of resampled test sets."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.base import Scores

Floats = npt.NDArray[np.float64]
Table = dict[str, Floats]
"""A column for each score, a row for each sum."""
Scorer = Callable[[Floats], Table]
"""Sums (R, K) to scores (R,)."""


def rowwise(score: Callable[[Sequence[float]], Scores]) -> Scorer:
    """A metric's `score`, which takes one sum of vectors, as one that takes many."""

    def scores(sums: Floats) -> Table:
        rows = [score(total) for total in sums.tolist()]
        return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}

    return scores


def resampled_scores(
    runs: Sequence[Floats], scorers: Sequence[Scorer], draws: Iterable[Floats]
) -> list[Table]:
    """Scores of several models on the same resampled test sets.

    As statistics add up, no example is scored again: how often each was drawn, times its vectors, is
    the sum of the resampled set, for all models by one product of matrices.

    Args:
        runs: for each model the statistics (N, K) of the same N examples; K may differ.
        scorers: of each model.
        draws: counts (rows, N), as `nlpseq.metrics.resampling.resamples` gives them.

    Returns:
        For each model its scores, (R,) each.
    """
    joined = np.concatenate(runs, axis=1)  # (N, all K)
    ends = np.cumsum([run.shape[1] for run in runs])[:-1]
    found: list[list[Table]] = [[] for _ in runs]
    for counts in draws:
        for place, sums in enumerate(np.split(counts @ joined, ends, axis=1)):
            found[place].append(scorers[place](sums))
    return [
        {name: np.concatenate([one[name] for one in tables]) for name in tables[0]}
        for tables in found
    ]
