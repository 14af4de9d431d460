"""Finished runs, read from their directories; the runs of several seeds are one model's.

A directory is a run's own (it has metrics.json), or that of `--seeds`, with `seed-13` and so on in it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlpseq import model_directory
from nlpseq.analysis.statistics import Floats
from nlpseq.errors import UserError
from nlpseq.run_directory import METRICS, missing_key
from nlpseq.task import Task
from nlpseq.training.history import History, Line


@dataclass(frozen=True)
class TrainedRun:
    """One trained model and its scores on one split.

    Attributes:
        folder: its run directory.
        task: restored, without a model.
        metrics: what stands in metrics.json.
        scores: of the split.
        fingerprint: of the split's data.
        history: lines of history.jsonl.
        index: the place of each example in the split.
        statistics: (N, K) of each example, in the order of `index`.
        size: bytes of its weights.
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

    @property
    def seed(self) -> int:
        """What the run began from."""
        return int(self.metrics["seed"])


@dataclass(frozen=True)
class Candidate:
    """One model of the comparison: its runs differ by their seeds.

    Attributes:
        name: by which it is told from the others.
        runs: in the order of their seeds.
    """

    name: str
    runs: Sequence[TrainedRun]

    @property
    def seeds(self) -> list[int]:
        """Of its runs."""
        return [run.seed for run in self.runs]


def read_contenders(
    folders: Sequence[Path], split: str | None = None
) -> tuple[list[Candidate], str]:
    """Read what is to be compared.

    Args:
        folders: run directories, or those of `--seeds`.
        split: whose scores to read; if None `test`, or the first test split that all have scored.

    Returns:
        The models, and the split.

    Raises:
        UserError: fewer than two, one twice, different tasks, or a run that has not finished, did not score
            the split, or is damaged.
    """
    if len(folders) < 2:
        raise UserError("a comparison needs two runs or more: nlpseq compare RUN_A RUN_B")
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise UserError(f"{folder}: is given twice; a comparison needs different runs")
        seen.add(folder.resolve())
    found = [run_folders(folder) for folder in folders]
    everything = [one for runs in found for one in runs]
    tasks = {folder: model_directory.read_task(folder) for folder in everything}
    _check_same_task(tasks)
    chosen = split or test_split(everything)
    contenders = []
    for name, folder, runs in zip(names_of(folders), folders, found, strict=True):
        read = [_read_run(one, tasks[one], chosen) for one in runs]
        contenders.append(Candidate(name, _of_seeds(folder, read)))
    return contenders, chosen


def _check_same_task(tasks: Mapping[Path, Task[Any]]) -> None:
    (first, task), *others = tasks.items()
    for folder, other in others:
        if other.recipe.task != task.recipe.task:
            raise UserError(
                f"{first} and {folder}: different tasks, {task.recipe.task} and "
                f"{other.recipe.task}; runs of one task can be compared"
            )


def scored_splits(folder: Path) -> list[str]:
    """The splits of which a finished run has scores: of its end, then those that `nlpseq evaluate` added.

    Raises:
        UserError: its metrics.json is damaged.
    """
    own = _own_splits(_metrics(folder))
    later = sorted(path.stem for path in (folder / "evaluations").glob("*.json"))
    return own + [name for name in later if name not in own]


def _own_splits(metrics: Mapping[str, Any]) -> list[str]:
    return [name for name in metrics["splits"] if isinstance(metrics.get(name), dict)]


def test_split(folders: Sequence[Path]) -> str:
    """`test`, or the first of several tests that all runs have scored; else one that the first left alone.

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


def names_of(folders: Sequence[Path]) -> list[str]:
    """As much of the end of each path as tells them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def run_folders(folder: Path) -> list[Path]:
    """The folder itself, or those of its seeds; all have finished.

    Raises:
        UserError: one has not, or there is no run.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the directory of a finished run")
    inner = sorted(path for path in folder.glob("seed-*") if path.is_dir())
    own = (folder / METRICS).exists() or (folder / "recipe.toml").exists()
    found = [folder] if own or not inner else inner
    for one in found:
        if (one / METRICS).exists():
            continue
        if (one / "recipe.toml").exists():
            raise UserError(
                f"{one}: the run has not finished; nlpseq run ... --resume goes on with it"
            )
        raise UserError(f"{one}: not a run directory, there is no metrics.json")
    return found


def _of_seeds(folder: Path, runs: Sequence[TrainedRun]) -> list[TrainedRun]:
    """In the order of their seeds, by which alone they differ."""
    ordered = sorted(runs, key=lambda run: run.seed)
    for run in ordered:
        if _without_seed(run) != _without_seed(ordered[0]):
            raise UserError(
                f"{folder}: {ordered[0].folder.name} and {run.folder.name} differ by more than their seed; "
                "name the two as runs of their own"
            )
    return ordered


def _without_seed(run: TrainedRun) -> dict[str, Any]:
    recipe: dict[str, Any] = run.task.recipe.model_dump(exclude={"seed"})
    return recipe


def _read_run(folder: Path, task: Task[Any], split: str) -> TrainedRun:
    """A run that has finished, with its predictions of a split."""
    metrics = _metrics(folder)
    found, predictions = metrics, folder / "predictions" / f"{split}.jsonl"
    scores = metrics[split] if split in _own_splits(metrics) else None
    later = folder / "evaluations" / f"{split}.json"
    if scores is None and later.exists():  # by `nlpseq evaluate`
        found, predictions = _object(later), later.with_suffix(".predictions.jsonl")
        scores = found.get(split)
    if not isinstance(scores, dict):
        scored = ", ".join(scored_splits(folder)) or "none"
        raise UserError(
            f"{folder}: has no scores of split {split!r}, only of {scored}; "
            f"nlpseq evaluate {folder} --split {split} gives them"
        )
    index, statistics = read_statistics(predictions)
    data = found.get("data")
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
    )
    _check_sum(run, predictions)
    return run


def _size(path: Path) -> int:
    if not path.exists():
        raise UserError(f"{path.parent}: there is no {path.name}; has the run finished?")
    return path.stat().st_size


def read_statistics(path: Path) -> tuple[tuple[int, ...], Floats]:
    """The vectors of a file of predictions, in the order of their examples.

    Returns:
        The index of each example, and (N, K) vectors; those of an index that stands there twice, as
        parts of one text may, are added up.

    Raises:
        UserError: there is no such file, it is damaged, or examples have no statistics.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; score the split by nlpseq evaluate") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: damaged, it is not UTF-8; score the split anew") from error
    vectors: dict[int, list[float]] = {}
    for number, line in enumerate(lines, start=1):
        index, vector = _record(line, f"{path}, line {number}")
        known = vectors.get(index, [0.0] * len(vector))
        if len(vector) != len(next(iter(vectors.values()), vector)):
            raise UserError(f"{path}, line {number}: damaged, its statistics are of another length")
        vectors[index] = [sum(pair) for pair in zip(known, vector, strict=True)]
    if not vectors:
        raise UserError(f"{path}: holds no example; score the split anew")
    places = sorted(vectors)
    return tuple(places), np.array([vectors[place] for place in places], dtype=np.float64)


def _record(line: str, where: str) -> tuple[int, list[float]]:
    try:
        record = json.loads(line)
        index, vector = (
            int(record["index"]),
            [float(number) for number in record["statistics"] or ()],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{where}: damaged, no record of an example; score the split anew"
        ) from error
    if not vector or not all(map(math.isfinite, vector)):
        raise UserError(f"{where}: no finite statistics; its metric cannot be resampled")
    return index, vector


def _check_sum(run: TrainedRun, predictions: Path) -> None:
    """Predictions that do not add up to the scores are those of something else."""
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
            f"{run.folder}: {name} has no statistics of single examples; such runs cannot be compared"
        )
    if not np.isclose(again, stored, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise UserError(
            f"{predictions}: its examples give {name} {again:.6g}, metrics.json has {stored:.6g}; "
            f"score the split anew"
        )


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    metrics = _object(path)
    if key := missing_key(metrics):
        raise UserError(f"{path}: damaged, key {key} is missing")
    return metrics


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: damaged, no JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged, no JSON object")
    return content
