"""Finished runs, read from their directories; runs that differ only by their seed are one candidate.

A directory holds one run (it has metrics.json), or those of `--seeds` in `seed-13` and so on.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlpseq import model_directory
from nlpseq.analysis.statistics import Floats
from nlpseq.errors import UserError
from nlpseq.files import distinct_names
from nlpseq.run_directory import BASELINES, METRICS, missing_key
from nlpseq.stored_files import read_object, regular_file
from nlpseq.stored_metrics import check_evaluation, check_metrics
from nlpseq.task import Task
from nlpseq.training.history import History, Line


@dataclass(frozen=True)
class TrainedRun:
    """One trained model and its scores on one split.

    Attributes:
        folder: its run directory.
        task: restored, without a model.
        metrics: content of metrics.json.
        scores: on the split.
        fingerprint: of the split's data.
        history: lines of history.jsonl.
        index: the index of each example in the split.
        statistics: (N, K) of the examples, in the order of `index`.
        size: bytes of its weights.
        signatures: how each score was computed.
        baselines: entries of the baselines that were scored with the split.
        baseline_folder: folder of their records, `<name>/<split>.jsonl`.
    """

    folder: Path
    task: Task[Any]
    metrics: Mapping[str, Any]
    scores: Mapping[str, float]
    fingerprint: str
    history: Sequence[Line]
    index: tuple[int, ...]
    statistics: Floats
    size: int
    signatures: Mapping[str, str] = field(default_factory=dict)
    baselines: Sequence[Mapping[str, Any]] = ()
    baseline_folder: Path = Path()

    @property
    def seed(self) -> int:
        """Return the seed of the run."""
        return int(self.metrics["seed"])


@dataclass(frozen=True)
class Candidate:
    """One model of the comparison, with a run for each seed.

    Attributes:
        name: unique in the comparison.
        runs: in the order of their seeds.
    """

    name: str
    runs: Sequence[TrainedRun]

    @property
    def seeds(self) -> list[int]:
        """Return the seeds of its runs."""
        return [run.seed for run in self.runs]


def read_candidates(
    folders: Sequence[Path], split: str | None = None
) -> tuple[list[Candidate], str]:
    """Read the runs to compare.

    Args:
        folders: run directories, or those of `--seeds`; one is compared with its baselines.
        split: whose scores to read; if None `test`, or the first test split that all have scored.

    Returns:
        The candidates, and the split.

    Raises:
        UserError: no folder, one given twice, different tasks, or a run that has not finished, has
            no scores on the split, or is damaged.
    """
    if not folders:
        raise UserError("a comparison needs runs: nlpseq compare RUN_A RUN_B")
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise UserError(f"{folder}: is given twice; a comparison needs different runs")
        seen.add(folder.resolve())
    groups = [run_folders(folder) for folder in folders]
    every = [run for group in groups for run in group]
    tasks = {folder: model_directory.load_task(folder) for folder in every}
    _check_same_task(tasks)
    chosen = split or test_split(every)
    names = distinct_names([folder.resolve() for folder in folders])
    candidates = []
    for name, folder, group in zip(names, folders, groups, strict=True):
        runs = [_read_run(run, tasks[run], chosen) for run in group]
        candidates.append(Candidate(name, _sort_by_seed(folder, runs)))
    return candidates, chosen


def _check_same_task(tasks: Mapping[Path, Task[Any]]) -> None:
    (first, task), *others = tasks.items()
    for folder, other in others:
        if other.recipe.task != task.recipe.task:
            raise UserError(
                f"{first} and {folder}: different tasks, {task.recipe.task} and "
                f"{other.recipe.task}; only runs of the same task can be compared"
            )


def scored_splits(folder: Path) -> list[str]:
    """Return the splits that a finished run has scores on, those of `nlpseq evaluate` last.

    Raises:
        UserError: its metrics.json is damaged.
    """
    own = _own_splits(_metrics(folder))
    later = sorted(path.stem for path in (folder / "evaluations").glob("*.json"))
    return own + [name for name in later if name not in own]


def _own_splits(metrics: Mapping[str, Any]) -> list[str]:
    return [name for name in metrics["splits"] if isinstance(metrics.get(name), dict)]


def test_split(folders: Sequence[Path]) -> str:
    """Return `test`, or the first test split that all runs have scored, else one that the first left unscored.

    Raises:
        UserError: a metrics.json is damaged.
    """
    first, *others = map(scored_splits, folders)
    shared = [name for name in first if all(name in other for other in others)]
    left = _metrics(folders[0]).get("left_alone", ())
    for names in (shared, left):
        if tests := [name for name in names if name.startswith("test")]:
            return "test" if "test" in tests else tests[0]
    return "test"


def run_folders(folder: Path) -> list[Path]:
    """Return the folder itself, or the folders of its seeds.

    Raises:
        UserError: there is no run, or one has not finished.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the directory of a finished run")
    inner = sorted(path for path in folder.glob("seed-*") if path.is_dir())
    if folds := sorted(folder.glob("fold-*")):
        raise UserError(
            f"{folder}: holds the folds of a cross-validation, which have different test sets; compare two "
            f"runs of the same fold, such as {folds[0]}"
        )
    own = (folder / METRICS).exists() or (folder / "recipe.toml").exists()
    runs = [folder] if own or not inner else inner
    for run in runs:
        if (run / METRICS).exists():
            continue
        if (run / "recipe.toml").exists():
            raise UserError(f"{run}: the run has not finished; resume it: nlpseq run ... --resume")
        raise UserError(f"{run}: not a run directory, there is no metrics.json")
    return runs


def _sort_by_seed(folder: Path, runs: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Sort runs by seed, and check that they differ by nothing else."""
    ordered = sorted(runs, key=lambda run: run.seed)
    for run in ordered:
        if _without_seed(run) != _without_seed(ordered[0]):
            raise UserError(
                f"{folder}: {ordered[0].folder.name} and {run.folder.name} differ by more than their seed; "
                "name them as separate runs"
            )
    return ordered


def _without_seed(run: TrainedRun) -> dict[str, Any]:
    recipe: dict[str, Any] = run.task.recipe.model_dump(exclude={"seed"})
    return recipe


def _read_run(folder: Path, task: Task[Any], split: str) -> TrainedRun:
    """Read a finished run, with the statistics of its predictions on a split."""
    metrics = _metrics(folder)
    scored, predictions = metrics, folder / "predictions" / f"{split}.jsonl"
    scores = metrics[split] if split in _own_splits(metrics) else None
    later = folder / "evaluations" / f"{split}.json"
    if scores is None and later.exists():  # by `nlpseq evaluate`
        scored, predictions = _read_object(later), later.with_suffix(".predictions.jsonl")
        check_evaluation(scored, split, later)
        scores = scored.get(split)
    if not isinstance(scores, dict):
        others = ", ".join(scored_splits(folder)) or "none"
        raise UserError(
            f"{folder}: has no scores of split {split!r}, only of {others}; score it: "
            f"nlpseq evaluate {folder} --split {split}"
        )
    index, statistics = read_statistics(predictions)
    data = scored.get("data")
    fingerprint = data.get(split, "") if isinstance(data, dict) else str(data)
    run = TrainedRun(
        folder,
        task,
        metrics,
        scores,
        fingerprint,
        History(folder / "history.jsonl").read(),
        index,
        statistics,
        _size(folder / model_directory.WEIGHTS),
        scored.get("details", {}).get(split, {}).get("signatures", {}),
        scored.get("baselines", []),
        predictions.parent / BASELINES if scored is not metrics else folder / BASELINES,
    )
    _check_sum(run, predictions)
    return run


def _size(path: Path) -> int:
    if not path.exists():
        raise UserError(f"{path.parent}: {path.name} is missing; has the run finished?")
    return path.stat().st_size


def read_statistics(path: Path) -> tuple[tuple[int, ...], Floats]:
    """Read the statistics in a file of predictions, sorted by example.

    Returns:
        The index of each example, and vectors (N, K); those with the same index, such as parts of one text,
        are added up.

    Raises:
        UserError: there is no such file, it is damaged, or examples have no statistics.
    """
    try:
        # A line of JSON ends at a line feed only: splitlines() would also cut at U+2028 in a text.
        content = regular_file(path.parent, path.name).read_bytes()
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; score the split with nlpseq evaluate") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: damaged, it is not UTF-8; score the split again") from error
    vectors: dict[int, list[float]] = {}
    for number, line in enumerate(lines if lines != [""] else [], start=1):
        index, vector = _record(line, f"{path}, line {number}")
        known = vectors.get(index, [0.0] * len(vector))
        if len(vector) != len(next(iter(vectors.values()), vector)):
            raise UserError(f"{path}, line {number}: damaged, its statistics have another length")
        vectors[index] = [sum(pair) for pair in zip(known, vector, strict=True)]
    if not vectors:
        raise UserError(f"{path}: holds no example; score the split again")
    indices = sorted(vectors)
    return tuple(indices), np.array([vectors[index] for index in indices], dtype=np.float64)


def _record(line: str, where: str) -> tuple[int, list[float]]:
    try:
        record = json.loads(line)
        index, vector = (
            int(record["index"]),
            [float(number) for number in record["statistics"] or ()],
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{where}: damaged, not the record of an example; score the split again"
        ) from error
    if not vector or not all(map(math.isfinite, vector)):
        raise UserError(f"{where}: no finite statistics; its metric cannot be resampled")
    return index, vector


def _check_sum(run: TrainedRun, predictions: Path) -> None:
    """Check that the statistics of the examples add up to the stored scores."""
    name = run.task.main_metric
    try:
        again = run.task.metric.score(run.statistics.sum(axis=0).tolist()).get(name)
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(
            f"{predictions}: its statistics are not those of {run.folder}: {error}"
        ) from error
    stored = run.scores.get(name)
    if again is None or stored is None:
        raise UserError(
            f"{run.folder}: {name} has no statistics of single examples; runs without them cannot be compared"
        )
    if not np.isclose(again, stored, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise UserError(
            f"{predictions}: its examples give {name} {again:.6g}, metrics.json has {stored:.6g}; "
            f"score the split again"
        )


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    metrics = _read_object(path)
    if key := missing_key(metrics):
        raise UserError(f"{path}: damaged, key {key} is missing")
    check_metrics(metrics, path)
    return metrics


def _read_object(path: Path) -> dict[str, Any]:
    return read_object(path.parent, path.name)
