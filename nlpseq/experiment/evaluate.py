"""Score a trained model on a split."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nlpseq import model_directory, recipe
from nlpseq.data.in_memory import DataInMemory
from nlpseq.data.split import Split
from nlpseq.data.split_notes import overlap_notes
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError, suggest
from nlpseq.files import NotWrittenError, check_writable, write_json
from nlpseq.model_directory import CONFIG
from nlpseq.owner import BusyError, check_free, owned
from nlpseq.run_data import changed_splits, load_splits_of_run
from nlpseq.staging import staged
from nlpseq.stored_files import check_inside, check_name
from nlpseq.task import Record, Scores, Task
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.selection import meaningless_line, meaningless_scores
from nlpseq.training.trainer import Trainer
from nlpseq.versions import versions
from nlpseq.weights_file import file_digest

from .evaluated_baselines import baselines_of_run
from .prediction_files import columns_to_keep, write_predictions

CHANGEABLE = ("data.", "decoding.", "evaluation.")
"""Sections of the recipe that may be overridden for a trained model."""
WAIT = 60.0
"""Seconds to wait for another evaluation of the run, which owns it while it writes."""


class ChangedError(UserError):
    """A run was replaced while its model was evaluated."""


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

    For a model of the Hub, the folder `evaluations` is in `<owner>-<model>`. Everything is computed before anything
    is written, so a full or read-only disk loses no score.

    Args:
        name: a run or model directory, or a Hub id.
        split: split of the recipe's data.
        data_dir: folder of local data files.
        data: data in memory, instead of the recorded ones; a single table is that of the run, or else the split.
        device: name of the device; None: see `nlpseq.devices.choose_device`.
        overrides: assignments to the recipe's `data`, `decoding` and `evaluation` sections.
        baselines: score the baselines of the run too, and test the differences.

    Returns:
        The content of the JSON file; or, where that cannot be written, the same with the reason as `not_written`.

    Raises:
        UserError: no such model or split, or an override of another section.
    """
    folder, written = _paths(name, split)
    check_free(folder)
    before = _identity(folder)
    task = _with_overrides(model_directory.load_task(folder), overrides, folder)
    splits = load_splits_of_run(folder, task, data or data_dir, wanted=[split], overrides=overrides)
    kept = _check_split(task, splits, split)
    scores, records = _score(folder, task, splits[split], device)
    of_baselines: dict[Path, Sequence[Record]] = {}
    wanted = baselines and task.recipe.evaluation.baselines
    beside = (folder, written.parent, task, splits, split, records, overrides)
    compared, missing = (
        baselines_of_run(*beside, write=of_baselines.__setitem__) if wanted else ({}, [])
    )
    result = {
        "split": split,
        "overrides": list(overrides),
        split: {**scores, **task.known_scores(splits[split])},
        **compared,
        "notes": [*_notes(folder, task, splits, split, records), *missing],
        "unknown_tokens": task.unknown_tokens,
        "details": {split: _details(task, records)},
        "data": splits[split].fingerprint,
        "versions": versions(),
    }
    try:
        check_writable(written)
        with owned(written.parents[1], wait=WAIT), staged(written.parent, written.name) as place:
            if _identity(folder) != before:
                raise ChangedError(
                    f"{folder}: has another model now, so its scores are not written"
                )
            for path, rows in of_baselines.items():
                write_predictions(place / path.relative_to(written.parent), rows)
            predictions = place / f"{split}.predictions.jsonl"
            write_predictions(predictions, records, splits[split], kept)
            write_json(place / written.name, result)
    except (NotWrittenError, ChangedError, BusyError) as error:
        result["not_written"] = str(error)
    return result


def _identity(folder: Path) -> str:
    """Return the digest of config.json, which has those of the weights; '' if there is none."""
    with suppress(OSError):
        return file_digest(folder / CONFIG)
    return ""


def _paths(name: Path | str, split: str) -> tuple[Path, Path]:
    """Return the folder of a model, and the file to write, to which no link leads out of the folder."""
    folder = model_directory.locate(name)
    home = folder if folder == Path(name) else Path(str(name).replace("/", "-"))
    written = home / "evaluations" / f"{check_name(split, 'split')}.json"
    check_inside(home, written)
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
    nothing = meaningless_scores(task, records)
    said = [meaningless_line(split, *nothing)] if nothing else []
    return [*notes, *task.inspect(splits[split]), *task.score_notes(split, records), *said]


def _details(task: Task[Any], records: Sequence[Record]) -> dict[str, Any]:
    """Return the tables behind the scores, and the names of scores that mean nothing."""
    nothing = meaningless_scores(task, records)
    return task.details(records) | ({"meaningless": nothing} if nothing else {})


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
