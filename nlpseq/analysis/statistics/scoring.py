"""Scores for many sums of statistics at once, and for resampled test sets."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nlpseq.metrics.base import Scores

Floats = npt.NDArray[np.float64]
ScoreTable = dict[str, Floats]
"""Scores by name, (R,) for R sums."""
Scorer = Callable[[Floats], ScoreTable]
"""Maps sums (R, K) to scores (R,)."""


def rowwise(score: Callable[[Sequence[float]], Scores]) -> Scorer:
    """Turn the `score` of a metric, which takes one sum of vectors, into a function of many."""

    def scores(sums: Floats) -> ScoreTable:
        rows = [score(total) for total in sums.tolist()]
        return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}

    return scores


def resampled_scores(
    runs: Sequence[Floats], scorers: Sequence[Scorer], draws: Iterable[Floats]
) -> list[ScoreTable]:
    """Score several models on the same resampled test sets.

    Statistics add up, so no example is scored again: the counts of the drawn examples times their vectors are
    the sums of the resampled sets, one matrix product for all models.

    Args:
        runs: statistics (N, K) of the same N examples, one for each model; K may differ.
        scorers: one for each model.
        draws: counts (rows, N) from `nlpseq.metrics.resampling.resamples`.

    Returns:
        Scores for each model, (R,) each.
    """
    joined = np.concatenate(runs, axis=1)  # (N, all K)
    ends = np.cumsum([run.shape[1] for run in runs])[:-1]
    tables: list[list[ScoreTable]] = [[] for _ in runs]
    for counts in draws:
        sums = np.split(counts @ joined, ends, axis=1)
        for run_tables, scorer, run_sums in zip(tables, scorers, sums, strict=True):
            run_tables.append(scorer(run_sums))
    return [
        {name: np.concatenate([table[name] for table in run_tables]) for name in run_tables[0]}
        for run_tables in tables
    ]
