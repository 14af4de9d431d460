"""Build the error report of a run from its stored predictions, whose kind decides on the tables."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq.data.in_memory import LocalData
from nlpseq.data.split import Split
from nlpseq.metrics.base import sum_statistics
from nlpseq.metrics.spans import SpanScores
from nlpseq.stored_files import reading
from nlpseq.task import Task

from . import classes, spans, tags
from .conflicts import conflicts_with_train, find_conflicts
from .examples import Example, ScoredRun, load_data, read_runs, with_texts
from .label_errors import find_label_errors
from .results import Case, Conflict, Confusion, ErrorReport, ErrorSlice, LabelErrors, TypeErrors
from .slices import error_slices

CLASSES, LABEL_SETS, NUMBERS = "classes", "label sets", "numbers"
SPANS, TAGS, TEXTS, LIKELIHOODS = "spans", "tags", "texts", "likelihoods"
DEFAULT_LIMIT = 20
IN_SAMPLE = (
    "no likely label errors: the model was trained on these examples, so it confirms their labels; cross-validate "
    "(nlpseq run RECIPE --folds 5) and give the folder of the folds, or look at validation and test"
)


@dataclass(frozen=True)
class _Tables:
    """The tables that depend on the kind of predictions."""

    value: str
    worst: tuple[Case, ...]
    confusions: tuple[Confusion, ...] = ()
    types: tuple[TypeErrors, ...] = ()


def build_error_report(
    folder: Path,
    *,
    split: str | None = None,
    limit: int = DEFAULT_LIMIT,
    local_data: LocalData | None = None,
) -> tuple[ErrorReport, list[ScoredRun]]:
    """Read the predictions of a run, and list its errors.

    Args:
        folder: run directory; of a cross-validation the folder of its folds, whose test parts are all of train.
        split: None: `test` if it was scored, else the last scored one.
        limit: number of rows of each table.
        local_data: folder of local files, or data in memory, where the run's own are not there.

    Returns:
        The report, and the runs that it is about: one, or every fold.

    Raises:
        UserError: there is no such run, it has not scored the split, or its predictions are damaged.
    """
    runs, chosen, notes = read_runs(folder, split)
    folds = len(runs) > 1
    data, reason = ({}, "") if folds else load_data(runs[0], chosen, local_data)
    with reading(f"{folder}: the predictions of {chosen}"):
        runs = runs if folds else [with_texts(runs[0], data.get(chosen))]
        examples = [example for run in runs for example in run.examples]
        notes += _text_notes(examples, reason)
        in_sample = chosen == "train" and not folds
        train = data.get("train")
        report = _report(
            runs[0].task, examples, limit, folder, chosen, notes, train, in_sample=in_sample
        )
    return report, runs


def _report(
    task: Task[Any],
    examples: Sequence[Example],
    limit: int,
    folder: Path,
    chosen: str,
    notes: Sequence[str],
    train: Split | None,
    *,
    in_sample: bool,
) -> ErrorReport:
    kind = kind_of(task, examples)
    tables, wrong = _tables(kind, examples, task, limit), _wrong(kind)
    return ErrorReport(
        run=str(folder),
        task=task.recipe.task,
        split=chosen,
        kind=kind,
        examples=len(examples),
        mistakes=None if wrong is None else sum(map(wrong, examples)),
        score=task.main_metric,
        scores=_scores(examples, task),
        value=tables.value,
        worst=tables.worst,
        confusions=tables.confusions,
        types=tables.types,
        slices=_slices(examples, task, wrong, train),
        label_errors=_label_errors(kind, examples, limit, in_sample=in_sample),
        conflicts=() if kind in (TEXTS, LIKELIHOODS) else find_conflicts(examples, limit),
        train_conflicts=_train_conflicts(kind, examples, task, train, limit, chosen),
        notes=tuple(notes),
    )


def _train_conflicts(
    kind: str,
    examples: Sequence[Example],
    task: Task[Any],
    train: Split | None,
    limit: int,
    chosen: str,
) -> tuple[Conflict, ...]:
    """Return the texts of a split that train has with other classes, where the data of the run are there."""
    if kind != CLASSES or train is None or chosen == "train":
        return ()
    label = task.label_field
    if not {*task.text_fields, label} <= {*train.rows.column_names}:
        return ()
    return conflicts_with_train(examples, train, task.text_fields, label, limit)


def _text_notes(examples: Sequence[Example], reason: str) -> list[str]:
    """Say what the report lacks, since the data are not there for the given reason."""
    if not all(example.texts for example in examples):
        return [
            "the stored predictions have no texts, and the data are not available"
            f"{f': {reason}' if reason else ''}; score the split again with nlpseq evaluate"
        ]
    return [f"no errors by rare words: {reason}"] if reason else []


def _scores(examples: Sequence[Example], task: Task[Any]) -> dict[str, float]:
    """Return the scores that are finite, as JSON has no others."""
    scores = task.metric.score(sum_statistics(example.statistics for example in examples))
    return {name: float(value) for name, value in scores.items() if math.isfinite(value)}


def _slices(
    examples: Sequence[Example],
    task: Task[Any],
    wrong: Callable[[Example], bool] | None,
    train: Split | None,
) -> dict[str, tuple[ErrorSlice, ...]]:
    known = all(example.texts for example in examples)
    return error_slices(examples, task, wrong, train) if known else {}


def kind_of(task: Task[Any], examples: Sequence[Example]) -> str:
    """Return the kind of the stored predictions."""
    predictions = [row.prediction for row in examples if row.prediction is not None]
    if not predictions:
        return LIKELIHOODS
    first = predictions[0]
    if isinstance(first, dict):
        return CLASSES if "label" in first else LABEL_SETS if "labels" in first else NUMBERS
    if isinstance(first, str):
        return TEXTS
    if isinstance(first, int | float):
        return NUMBERS
    return SPANS if isinstance(task.metric, SpanScores) else TAGS


def _tables(kind: str, examples: Sequence[Example], task: Task[Any], limit: int) -> _Tables:
    if kind == CLASSES:
        worst = classes.confident_mistakes(examples, limit)
        return _Tables("confidence", worst, classes.class_confusions(examples, limit))
    if kind == SPANS:
        cases = spans.span_cases(examples)
        return _Tables(
            "errors",
            spans.worst_spans(cases, limit),
            spans.span_confusions(cases, limit),
            spans.errors_by_type(cases),
        )
    if kind == TAGS:
        return _Tables(
            "wrong tags",
            tags.worst_tags(examples, limit),
            tags.tag_confusions(examples, limit),
            tags.errors_by_tag(examples),
        )
    if kind == LABEL_SETS:
        wrong = [(row, len({*row.target} ^ classes.label_set(row.prediction))) for row in examples]
        return _Tables(
            "wrong labels",
            _sorted(wrong, limit, largest=True, positive=True),
            types=classes.label_errors_by_label(examples),
        )
    if kind == NUMBERS:
        gaps = [(row, abs(_number(row.prediction) - float(row.target))) for row in examples]
        return _Tables("absolute error", _sorted(gaps, limit, largest=True))
    return _by_score(kind, examples, task, limit)


def _by_score(kind: str, examples: Sequence[Example], task: Task[Any], limit: int) -> _Tables:
    """Return the texts with the worst score of their own: the nll per token of a language model."""
    name = "nll_per_token" if kind == LIKELIHOODS else task.example_score or task.main_metric
    scored = []
    for example in examples:
        try:
            scored.append((example, float(task.metric.score(example.statistics)[name])))
        except (ValueError, KeyError, ZeroDivisionError):  # a text without a token
            continue
    largest = kind == LIKELIHOODS or not task.higher_is_better
    return _Tables(name, _sorted(scored, limit, largest=largest))


def _sorted(
    scored: Sequence[tuple[Example, float]], limit: int, *, largest: bool, positive: bool = False
) -> tuple[Case, ...]:
    kept = [pair for pair in scored if pair[1] > 0 or not positive]
    kept.sort(key=lambda pair: -pair[1] if largest else pair[1])
    return tuple(example.case(value) for example, value in kept[:limit])


def _wrong(kind: str) -> Callable[[Example], bool] | None:
    """Return what tells whether an example is wrong; None where examples are not just right or wrong."""
    if kind == CLASSES:
        return lambda example: bool(example.prediction["label"] != example.target)
    if kind == LABEL_SETS:
        return lambda example: {*example.target} != classes.label_set(example.prediction)
    if kind in (SPANS, TAGS):
        return lambda example: bool(example.prediction != example.target)
    return None


def _number(prediction: Any) -> float:
    return float(prediction["number"] if isinstance(prediction, dict) else prediction)


def _label_errors(
    kind: str, examples: Sequence[Example], limit: int, *, in_sample: bool
) -> LabelErrors:
    if kind != CLASSES:
        return LabelErrors()
    return LabelErrors(note=IN_SAMPLE) if in_sample else find_label_errors(examples, limit)
