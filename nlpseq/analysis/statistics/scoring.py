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
    """Turn the `score` of a metric, which takes one sum of vectors, into a function of many.

    A score that is not defined for a sum, such as the correlation of equal numbers, is nan for it.
    """

    def scores(sums: Floats) -> ScoreTable:
        rows = [score(total) for total in sums.tolist()]
        names = dict.fromkeys(name for row in rows for name in row)
        return {
            name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
            for name in names
        }

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
    return [_joined(run_tables) for run_tables in tables]


def _joined(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Return tables of scores as one; a score that a table lacks is nan in its rows."""
    sizes = [len(next(iter(table.values()))) for table in tables]
    names = dict.fromkeys(name for table in tables for name in table)
    return {
        name: np.concatenate(
            [
                table.get(name, np.full(size, np.nan))
                for table, size in zip(tables, sizes, strict=True)
            ]
        )
        for name in names
    }
