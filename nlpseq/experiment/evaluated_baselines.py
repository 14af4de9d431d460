"""Baselines of a finished run beside its scores on a split: stored ones, or trained again on the run's data."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq import model_directory
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.run_data import changed_splits, recorded_data
from nlpseq.run_directory import BASELINES, TRAINED_ON, finished_metrics, read_data_record
from nlpseq.stored_files import check_inside
from nlpseq.task import Record, Task

from .baselines import score_baselines, tested_difference
from .prediction_files import read_predictions

NOT_SHOWN = "baselines: not shown, "


def baselines_of_run(
    run: Path,
    folder: Path,
    task: Task[Any],
    splits: Mapping[str, Split],
    split: str,
    records: Sequence[Record],
    overrides: Sequence[str] = (),
    write: Callable[[Path, Sequence[Record]], None] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Return the baselines of a run on a split that is scored again.

    Scores that the run stored are used if it scored the same data by the same settings. Otherwise the
    baselines are trained again, on the train split of the run alone.

    Args:
        run: the run or model directory.
        folder: folder for new records, below `baselines/`.
        task: of the run, with the overrides.
        splits: as they were loaded for the evaluation.
        split: name of the scored split.
        records: of the network on the split.
        overrides: changes to the recipe of the run.
        write: see `score_baselines`.

    Returns:
        The keys `baselines` and `training_seconds` of the evaluation, {} if the run has no baselines; and a
        note if they cannot be shown.
    """
    metrics = finished_metrics(run) or {}
    stored = metrics.get("baselines", [])
    if not stored:
        return {}, []
    seconds = metrics["seconds"]
    if not _changes_scores(overrides) and metrics["data"].get(split) == splits[split].fingerprint:
        entries = [_stored(run, task, entry, split, records, seconds) for entry in stored]
        if all(entries):
            return {"baselines": entries, "training_seconds": seconds}, []
    try:
        trained_on = _training_splits(run, splits)
    except UserError as error:
        reason = f"they would be trained again on the train split of the run: {error}"
        return {}, [f"{NOT_SHOWN}{reason}"]
    scored, rows = {split: splits[split]}, {split: records}
    entries = score_baselines(
        task, scored, rows, folder, seconds=seconds, trained_on=trained_on, write=write
    )
    return {"baselines": entries, "training_seconds": seconds}, []


def _changes_scores(overrides: Sequence[str]) -> bool:
    """Return whether overrides change the data or how they are scored."""
    keys = [override.partition("=")[0].strip() for override in overrides]
    return any(
        key.startswith(("data.", "evaluation."))
        and key not in ("evaluation.baselines", "evaluation.keep_columns")
        for key in keys
    )


def _stored(
    run: Path,
    task: Task[Any],
    entry: Mapping[str, Any],
    split: str,
    records: Sequence[Record],
    seconds: float,
) -> dict[str, Any]:
    """Return a stored baseline beside new scores of the network; {} if it has no records on the split."""
    path = run / BASELINES / str(entry["name"]) / f"{split}.jsonl"
    check_inside(run, path)
    if split not in entry.get("scores", {}) or not path.exists():
        return {}
    keys = ("name", "label", "score", "seconds", "note")
    again = {key: entry[key] for key in keys if key in entry}
    again["scores"] = {split: entry["scores"][split]}
    rows = read_predictions(path)
    return again | tested_difference(task, again, split, records, rows, seconds=seconds)


def _training_splits(run: Path, splits: Mapping[str, Split]) -> dict[str, Split]:
    """Return the splits that the run was trained on, from the loaded ones or from the recorded folder.

    Raises:
        UserError: they are not there, or have changed.
    """
    record = read_data_record(run)
    needed = [name for name in TRAINED_ON if record and name in record.fingerprints]
    if not needed:
        raise UserError("the run has not recorded it")
    if problem := _unlike(run, splits, needed):
        folder = recorded_data(run, None)
        splits = model_directory.load_task(run).load_splits(folder)
        problem = _unlike(run, splits, needed)
    if problem:
        raise UserError(problem)
    return {name: splits[name] for name in needed}


def _unlike(run: Path, splits: Mapping[str, Split], needed: Sequence[str]) -> str:
    """Say which split is missing or has changed since the run; '' if all are as it recorded them."""
    if missing := [name for name in needed if name not in splits]:
        return f"there is no {missing[0]} split"
    changed = changed_splits(run, splits, needed)
    return f"the {changed[0]} split has changed since" if changed else ""
