"""Score a trained model on a split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq import model_directory, recipe
from nlpseq.data.in_memory import DataInMemory
from nlpseq.data.split import Split
from nlpseq.data.split_notes import overlap_notes
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError, suggest
from nlpseq.files import check_writable, write_json
from nlpseq.run_data import changed_splits, load_splits_of_run
from nlpseq.task import Record, Scores, Task
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer
from nlpseq.versions import versions

from .evaluated_baselines import baselines_of_run
from .prediction_files import columns_to_keep, write_predictions

CHANGEABLE = ("data.", "decoding.", "evaluation.")
"""Sections of the recipe that may be overridden for a trained model."""


def evaluate(
    name: Path | str,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    data: DataInMemory | None = None,
    device: str | None = None,
    overrides: Sequence[str] = (),
    baselines: bool = True,
) -> dict[str, Any]:
    """Score a trained model on a split, and write `evaluations/<split>.json`.

    For a model of the Hub, the folder `evaluations` is in `<owner>-<model>`.

    Args:
        name: a run or model directory, or a Hub id.
        split: split of the recipe's data.
        data_dir: folder of local data files.
        data: data in memory, instead of the recorded ones; a single table is that of the run, or else the split.
        device: name of the device; None: see `nlpseq.devices.choose_device`.
        overrides: assignments to the recipe's `data`, `decoding` and `evaluation` sections.
        baselines: score the baselines of the run too, and test the differences.

    Returns:
        The content of the JSON file.

    Raises:
        UserError: no such model or split, or an override of another section.
    """
    folder, written = _paths(name, split)
    task = _with_overrides(model_directory.load_task(folder), overrides, folder)
    splits = load_splits_of_run(folder, task, data or data_dir, wanted=[split], overrides=overrides)
    kept = _check_split(task, splits, split)
    scores, records = _score(folder, task, splits[split], device)
    write_predictions(written.with_suffix(".predictions.jsonl"), records, splits[split], kept)
    wanted = baselines and task.recipe.evaluation.baselines
    beside = (folder, written.parent, task, splits, split, records, overrides)
    compared, missing = baselines_of_run(*beside) if wanted else ({}, [])
    result = {
        "split": split,
        "overrides": list(overrides),
        split: {**scores, **task.known_scores(splits[split])},
        **compared,
        "notes": [*_notes(folder, task, splits, split, records), *missing],
        "unknown_tokens": task.unknown_tokens,
        "details": {split: task.details(records)},
        "data": splits[split].fingerprint,
    }
    return _written(written, result)


def _written(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Write a result with the versions of what made it, and return it."""
    result["versions"] = versions()
    write_json(path, result)
    return result


def _paths(name: Path | str, split: str) -> tuple[Path, Path]:
    """Return the folder of a model, and the file to write, which is checked to be writable."""
    folder = model_directory.locate(name)
    home = folder if folder == Path(name) else Path(str(name).replace("/", "-"))
    written = home / "evaluations" / f"{split}.json"
    check_writable(written)
    return folder, written


def _check_split(task: Task[Any], splits: Mapping[str, Split], name: str) -> dict[str, str]:
    """Refuse a split that the data lack, or whose labels are hidden; return the columns to keep."""
    if name not in splits:
        raise UserError(f"split {name!r}: the data have {', '.join(splits)}{suggest(name, splits)}")
    if not splits[name].labelled:
        raise UserError(f"split {name!r}: {splits[name].note}; `nlpseq predict` labels its texts")
    return columns_to_keep(task, splits[name])


def _notes(
    folder: Path,
    task: Task[Any],
    splits: Mapping[str, Split],
    split: str,
    records: Sequence[Record],
) -> list[str]:
    """Say whether the data are others than those of the run, what train has of them, and what scores lack."""
    changed = changed_splits(folder, splits, [split])
    notes = [f"{split}: not the data that the run recorded under this name"] if changed else []
    notes += overlap_notes(splits, [split], task.text_fields)
    return [*notes, *task.inspect(splits[split]), *task.score_notes(split, records)]


def _score(
    folder: Path, task: Task[Any], split: Split, device: str | None
) -> tuple[Scores, list[Record]]:
    accelerator = build_accelerator(device, task.recipe.training.precision)
    model = model_directory.load_weights(folder, task)
    trainer = Trainer(
        task, model, accelerator=accelerator, folder=folder, reporter=SilentReporter()
    )
    return trainer.evaluate(split)


def _with_overrides(task: Task[Any], overrides: Sequence[str], folder: Path) -> Task[Any]:
    """Return the task of a trained model with a changed recipe, checked."""
    refused = [override for override in overrides if not override.startswith(CHANGEABLE)]
    if refused:
        raise UserError(
            f"override {refused[0]!r}: only {', '.join(CHANGEABLE)} can change how a trained model is tested"
        )
    document = recipe.override(task.recipe.model_dump(exclude_none=True), overrides)
    task = task.with_recipe(recipe.validate(type(task).Config, document, f"recipe {folder}"))
    task.check_options()
    return task
