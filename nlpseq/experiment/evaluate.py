"""Score a trained model on a split."""

from collections.abc import Callable, Mapping, Sequence
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
from nlpseq.stored_files import check_inside
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
PREDICTIONS = ".predictions.jsonl"
WAIT = 60.0
"""Seconds to wait for another evaluation of the run, which owns it while it writes."""


class ChangedError(UserError):
    """A run was replaced while its model was evaluated."""


class _Files(dict[Path, tuple[Any, ...]]):
    """Files of an evaluation, with the arguments of `write_predictions` for each."""

    def add(self, path: Path, records: Sequence[Record]) -> None:
        """Add a file of records alone."""
        self[path] = (records,)


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
    """Score a trained model on a split, and write `evaluations/<split>.json`, after everything is computed.

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
        The content of the JSON file; or, where that cannot be written, the same with the reason as `not_written`.

    Raises:
        UserError: no such model or split, or an override of another section.
    """
    folder, written, model = _paths(name, split)
    task = _with_overrides(model_directory.load_task(folder), overrides, folder)
    splits = load_splits_of_run(folder, task, data or data_dir, wanted=[split], overrides=overrides)
    kept = _check_split(task, splits, split)
    scores, records = _score(folder, task, splits[split], device)
    files = _Files({written.with_suffix(PREDICTIONS): (records, splits[split], kept)})
    compared, missing = (
        baselines_of_run(folder, written.parent, task, splits, split, records, overrides, files.add)
        if baselines and task.recipe.evaluation.baselines
        else ({}, [])
    )
    result = {
        "split": split,
        "overrides": list(overrides),
        split: {**scores, **task.known_scores(splits[split])},
        **compared,
        "notes": [*_notes(folder, task, splits, split, records), *missing],
        "details": {split: _details(task, records)},
        **_background(task, splits[split]),
    }
    return result | _written(written, result, files, lambda: _identity(folder) == model)


def _background(task: Task[Any], split: Split) -> dict[str, Any]:
    """Return what is recorded beside scores."""
    return {
        "unknown_tokens": task.unknown_tokens,
        "data": split.fingerprint,
        "versions": versions(),
    }


def _written(
    path: Path, result: Mapping[str, Any], files: _Files, unchanged: Callable[[], bool]
) -> dict[str, str]:
    """Write the files of an evaluation together; return the reason if they are not written, as `not_written`.

    Args:
        path: of the JSON file.
        result: its content.
        files: arguments of `write_predictions` by path, in the same folder or below.
        unchanged: says whether the run still has the model that was evaluated.
    """
    try:
        check_writable(path)
        with owned(path.parents[1], wait=WAIT), staged(path.parent, path.name) as place:
            if not unchanged():
                raise ChangedError(
                    f"{path.parents[1]}: has another model now, so its scores are not written"
                )
            for file, arguments in files.items():
                write_predictions(place / file.relative_to(path.parent), *arguments)
            write_json(place / path.name, result)
    except (NotWrittenError, ChangedError, BusyError) as error:
        return {"not_written": str(error)}
    return {}


def _identity(folder: Path) -> str:
    """Return the digest of config.json, which has those of the weights; '' if there is none."""
    with suppress(OSError):
        return file_digest(folder / CONFIG)
    return ""


def _paths(name: Path | str, split: str) -> tuple[Path, Path, str]:
    """Return the folder of a model, the file to write, to which no link leads out of the folder, and its identity."""
    folder = model_directory.locate(name)
    check_free(folder)
    home = folder if folder == Path(name) else Path(str(name).replace("/", "-"))
    written = home / "evaluations" / f"{split}.json"
    check_inside(home, written)
    return folder, written, _identity(folder)


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
