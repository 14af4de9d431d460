"""Stored predictions with their texts, read again; of a cross-validation those of all folds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nlpseq import model_directory
from nlpseq.analysis.comparison.runs import run_folders, scored_splits
from nlpseq.data.hub_access import cache_only
from nlpseq.data.in_memory import LocalData
from nlpseq.data.kept_columns import RECORD_KEYS
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.run_data import changed_splits, load_splits_of_run
from nlpseq.stored_files import check_inside, check_name, reason_of, regular_file
from nlpseq.task import Task

from .results import Case, SpanError, Text


@dataclass(frozen=True)
class Example:
    """A scored example.

    Attributes:
        index: in its split.
        statistics: of the metric.
        target: reference.
        prediction: of the model; None where there is only a likelihood.
        texts: that the model read; (): not known.
        columns: ids and further columns of the user.
        fold: of a cross-validation; 0: none.
    """

    index: int
    statistics: tuple[float, ...]
    target: Any
    prediction: Any
    texts: tuple[Text, ...] = ()
    columns: Mapping[str, Any] | None = None
    fold: int = 0

    def case(self, value: float | None = None, spans: tuple[SpanError, ...] = ()) -> Case:
        """Return the example as it is shown."""
        columns, prediction = dict(self.columns or {}), self.prediction
        target = self.target
        return Case(self.index, self.texts, columns, target, prediction, value, self.fold, spans)


@dataclass(frozen=True)
class ScoredRun:
    """A run, or one fold of a cross-validation, with its examples.

    Attributes:
        folder: run directory.
        task: restored, without a model.
        examples: of the split.
        fold: number of the fold; 0: none.
    """

    folder: Path
    task: Task[Any]
    examples: list[Example]
    fold: int = 0


def read_runs(folder: Path, split: str | None) -> tuple[list[ScoredRun], str, list[str]]:
    """Read the predictions of a run on a split.

    Args:
        folder: run directory; of a cross-validation the folder of its folds.
        split: None: `test` if it was scored, else the last scored one.

    Returns:
        The run, or every fold; the split; notes.

    Raises:
        UserError: there is no such run, or it has not scored the split.
    """
    if folds := sorted(folder.glob("fold-*"), key=lambda path: (len(path.name), path.name)):
        if split not in (None, "train", "test"):
            raise UserError(
                f"{folder}: the folds of a cross-validation test all parts of train; leave --split out"
            )
        runs = [
            _read_run(run_folders(path)[0], "test", number)
            for number, path in enumerate(folds, start=1)
        ]
        note = f"out-of-sample predictions of {len(folds)} folds: every row of train once"
        return runs, "train", [note]
    runs_found = run_folders(folder)
    notes = []
    if len(runs_found) > 1:
        notes.append(f"{folder} has {len(runs_found)} seeds: the errors of {runs_found[0].name}")
    scored = scored_splits(runs_found[0])
    if not scored:
        raise UserError(
            f"{folder}: has scored no split; score one: nlpseq evaluate {folder} --split test"
        )
    chosen = split or ("test" if "test" in scored else scored[-1])
    if chosen not in scored:
        raise UserError(
            f"{folder}: has no predictions of split {chosen!r}, only of {', '.join(scored)}; score it: "
            f"nlpseq evaluate {runs_found[0]} --split {chosen}"
        )
    return [_read_run(runs_found[0], chosen, 0)], chosen, notes


def _read_run(folder: Path, split: str, fold: int) -> ScoredRun:
    task = model_directory.load_task(folder)
    path = folder / "predictions" / f"{check_name(split, 'split')}.jsonl"
    if not path.exists():
        path = folder / "evaluations" / f"{split}.predictions.jsonl"
    check_inside(folder, path)
    return ScoredRun(folder, task, _read_file(path, task.text_fields, fold), fold)


def _read_file(path: Path, fields: Sequence[str], fold: int) -> list[Example]:
    """Read a file of predictions; parts of one text are added up."""
    examples: dict[int, Example] = {}
    try:
        regular_file(path.parent, path.name)
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                example = _example(json.loads(line), fields, fold)
                if (known := examples.get(example.index)) is not None:
                    pairs = zip(known.statistics, example.statistics, strict=True)
                    example = replace(known, statistics=tuple(map(sum, pairs)))
                examples[example.index] = example
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = reason_of(error)
        raise UserError(f"{path}: missing or damaged ({reason}); score the split again") from error
    if not examples:
        raise UserError(f"{path}: holds no example; score the split again")
    return [*examples.values()]


def _example(row: Mapping[str, Any], fields: Sequence[str], fold: int) -> Example:
    texts = tuple(_text(row[name]) for name in fields if name in row)
    columns = {key: row[key] for key in row if key not in RECORD_KEYS and key not in fields}
    return Example(
        int(row["index"]),
        tuple(map(float, row["statistics"])),
        row.get("target"),
        row.get("prediction"),
        texts if len(texts) == len(fields) else (),
        columns,
        fold,
    )


def _text(value: Any) -> Text:
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def load_data(
    run: ScoredRun, split: str, local_data: LocalData | None
) -> tuple[dict[str, Split], str]:
    """Load train and the split of a run again.

    Returns:
        The splits that are as the run had them, and why others are not there; '' if all are.
    """
    try:
        with cache_only():
            data = load_splits_of_run(run.folder, run.task, local_data, wanted=[split])
    except UserError as error:
        return {}, str(error)
    changed = changed_splits(run.folder, data, [name for name in ("train", split) if name in data])
    reason = f"the {changed[0]} split has changed since" if changed else ""
    return {name: part for name, part in data.items() if name not in changed}, reason


def with_texts(run: ScoredRun, split: Split | None) -> ScoredRun:
    """Return a run of an earlier version, which has stored no texts, with the texts of its split."""
    if split is None or all(example.texts for example in run.examples):
        return run
    columns = [split.column(field) for field in run.task.text_fields]
    examples = [
        replace(example, texts=tuple(_text(column[example.index]) for column in columns))
        for example in run.examples
    ]
    return replace(run, examples=examples)
