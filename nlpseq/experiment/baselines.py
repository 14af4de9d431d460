"""Baselines of a run: train cheap models, score them as the network is scored, test the difference.

Each has its own records in `baselines/<name>/<split>.jsonl`, of which `nlpseq compare RUN` makes a report.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nlpseq.analysis.statistics import (
    Estimate,
    Floats,
    Scorer,
    bootstrap_estimate,
    randomization_test,
    resampled_scores,
    rowwise,
    swaps,
)
from nlpseq.data.split import Split
from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.resampling import resamples
from nlpseq.reporting.formats import format_duration, format_score, score_label
from nlpseq.run_directory import BASELINES
from nlpseq.task import Baseline, Record, Task

from .prediction_files import write_predictions

SAMPLES = 2000
SIGNIFICANCE = 0.05


def score_baselines(
    task: Task[Any],
    splits: Mapping[str, Split],
    network: Mapping[str, Sequence[Record]],
    folder: Path,
    *,
    seconds: float,
    trained_on: Mapping[str, Split] | None = None,
    write: Callable[[Path, Sequence[Record]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train and score the baselines of a task, and write their records.

    Args:
        task: prepared or restored.
        splits: of the recipe.
        network: records of the network on each scored split; the last split is tested.
        folder: folder of `baselines/`: the run directory, or its `evaluations`.
        seconds: training time of the network.
        trained_on: train and validation, where they differ from those of `splits`.
        write: takes the path and the records of each file; None: they are written at once.

    Returns:
        The part `baselines` of metrics.json: name, label, seconds, scores by split, difference and verdict.
    """
    used = {name: splits[name] for name in ("train", "validation", *network) if name in splits}
    used |= trained_on or {}
    write = write or write_predictions
    described = []
    for baseline, trained in _timed(task.baselines(used)):
        records = {name: _records(baseline, splits[name], network[name]) for name in network}
        for name, rows in records.items():
            write(folder / BASELINES / baseline.name / f"{name}.jsonl", rows)
        entry: dict[str, Any] = {
            "name": baseline.name,
            "label": baseline.label,
            "score": task.main_metric,
            "seconds": trained,
            "scores": {name: _scores(task, baseline, rows) for name, rows in records.items()},
        }
        if baseline.note:
            entry["note"] = baseline.note
        if records:
            last = next(reversed(records))
            entry |= tested_difference(
                task, entry, last, network[last], records[last], seconds=seconds
            )
        described.append(entry)
    return described


def _timed(baselines: Iterator[Baseline]) -> Iterator[tuple[Baseline, float]]:
    """Yield each baseline with the seconds that its training took."""
    started = time.perf_counter()
    for baseline in baselines:
        yield baseline, time.perf_counter() - started
        started = time.perf_counter()


def _records(baseline: Baseline, split: Split, network: Sequence[Record]) -> list[Record]:
    """Return the records of the examples that the network was scored on, in the same order."""
    scored = {record.index for record in network}
    return [record for record in baseline.records(split) if record.index in scored]


def _scores(task: Task[Any], baseline: Baseline, records: Sequence[Record]) -> dict[str, float]:
    scores = task.metric.score(sum_statistics(record.statistics for record in records))
    scores |= task.further_scores(records)
    return {name: value for name, value in scores.items() if name not in baseline.omitted}


def tested_difference(
    task: Task[Any],
    entry: Mapping[str, Any],
    split: str,
    network: Sequence[Record],
    records: Sequence[Record],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Return the tested difference by the main score, and a verdict; {} if the baseline lacks that score.

    Args:
        task: prepared or restored.
        entry: label, training time and scores of the baseline.
        split: name of the scored split.
        network: records of the network.
        records: records of the baseline, of the same examples.
        seconds: training time of the network.
    """
    name = task.main_metric
    sides = [np.array([row.statistics for row in rows], np.float64) for rows in (network, records)]
    if name not in entry["scores"][split] or sides[0].shape != sides[1].shape:
        return {}
    scorer = rowwise(task.metric.score)
    totals = [scorer(side.sum(axis=0, keepdims=True)) for side in sides]
    if name not in totals[0]:
        return {}
    estimate = paired_difference(sides[0], sides[1], scorer, name)
    better = estimate.difference > 0 if task.higher_is_better else estimate.difference < 0
    significant = estimate.p_value <= SIGNIFICANCE
    values = [format_score(name, float(total[name][0])) for total in totals]
    p_value = "p < 0.001" if estimate.p_value < 0.001 else f"p = {estimate.p_value:.3f}"
    evidence = f"{score_label(name)} {values[0]} against {values[1]} on {split}, {p_value}"
    times = f"{format_duration(seconds)} of training against {format_duration(entry['seconds'])}"
    return {
        "difference": {
            "split": split,
            "score": name,
            "network_minus_baseline": estimate.difference,
            "low": estimate.low,
            "high": estimate.high,
            "p_value": estimate.p_value,
        },
        "network_is_better": bool(significant and better),
        "verdict": _verdict(entry["label"], evidence, times, significant, better),
    }


def _verdict(label: str, evidence: str, times: str, significant: bool, better: bool) -> str:
    """Say whether the network is worth its training."""
    if significant and better:
        return f"The network is better than {label}: {evidence}."
    if significant:
        return f"The network is worse than {label} and not worth its training: {evidence}; {times}."
    return (
        f"The network is not significantly better than {label}, so not worth its training on these data: "
        f"{evidence}; {times}."
    )


def paired_difference(first: Floats, second: Floats, scorer: Scorer, name: str) -> Estimate:
    """Test two models on the same examples: bootstrap interval, p-value of approximate randomization.

    Args:
        first: statistics (N, K) of the examples.
        second: the same of the other model.
        scorer: of both.
        name: of the score.
    """
    draws = resamples(np.random.default_rng([0, 0]), len(first), SAMPLES)
    tables = resampled_scores([first, second], [scorer, scorer], draws)
    observed = [scorer(side.sum(axis=0, keepdims=True))[name][0] for side in (first, second)]
    estimate = bootstrap_estimate(
        float(observed[0] - observed[1]), tables[0][name] - tables[1][name]
    )
    exchanges = swaps(np.random.default_rng([0, 1]), len(first), SAMPLES)
    p_value = randomization_test([first], [second], scorer, exchanges)[name]
    return replace(estimate, p_value=p_value)
