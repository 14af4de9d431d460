"""Compare finished runs; or train several models of one recipe, or several recipes, and compare them.

OUTPUT/plan.json             what was asked for, and the overrides of each model's recipe
OUTPUT/<model>/seed-<n>/     the runs
OUTPUT/report.json, report.html, plots/
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.analysis import comparison
from nlpseq.analysis.comparison import Report
from nlpseq.data.in_memory import LocalData, as_options
from nlpseq.errors import UserError, suggest
from nlpseq.files import check_writable, write_json
from nlpseq.owner import owned
from nlpseq.run_data import load_training_data
from nlpseq.run_directory import finished_metrics
from nlpseq.task_lookup import read_recipe, resolve
from nlpseq.training.history import History

from .comparison_plan import ComparisonPlan, PlannedModel, folder_name, is_recipe
from .equal_budgets import TIMING, ParameterMatcher, steps_in
from .evaluate import evaluate
from .run import run


def compare(
    named: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    match: str = "",
    minutes: float | None = None,
    local_data: LocalData | None = None,
    output: Path | None = None,
    device: str | None = None,
    measure: bool | None = None,
    **options: Any,
) -> tuple[Report, Path]:
    """Compare finished runs, or train recipes and compare them.

    Args:
        named: run directories, or names of recipes.
        overrides: assignments to the recipes.
        models: kinds of encoder, for one recipe.
        seeds: seeds of each model's runs; (): those of `ComparisonPlan`.
        match: what is made equal, see `ComparisonPlan`.
        minutes: training time of each model.
        local_data: folder of local data files, or data in memory.
        output: folder for everything that is written.
        device: device to train and measure on.
        measure: measure speed and memory of prediction; None: only where recipes are trained.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and its folder.

    Raises:
        UserError: bad input, with one line that says what to change.
        KeyboardInterrupt: a run was stopped and saved.
    """
    recipes = [name for name in named if models or is_recipe(name)]
    training: dict[str, Any] = {"seeds": seeds, "match": match, "minutes": minutes}
    if not recipes:
        _refuse_training_options(named, overrides, training)
        options |= {"local_data": local_data, "device": device, "measure": bool(measure)}
        return _compare_runs([Path(name) for name in named], output, options)
    runs = [name for name in named if not is_recipe(name)]
    if runs and not models:
        raise UserError(f"{runs[0]}: is no recipe; compare finished runs or recipes, not both")
    training["seeds"] = seeds or ComparisonPlan.seeds
    plan = ComparisonPlan(
        recipes, overrides, models, **training, local_data=local_data, device=device
    )
    return train_and_compare(plan, output, measure=measure is not False, **options)


def _refuse_training_options(
    named: Sequence[str], overrides: Sequence[str], training: Mapping[str, Any]
) -> None:
    """Refuse options of training where finished runs are compared."""
    given = [f"--{name}" for name, value in training.items() if value not in ((), [], "", None)]
    given += ["key=value"] if overrides else []
    if given:
        raise UserError(
            f"{', '.join(given)}: for recipes to train; these are finished runs: {', '.join(named)}"
        )


def _compare_runs(
    folders: Sequence[Path], output: Path | None, options: Mapping[str, Any]
) -> tuple[Report, Path]:
    folder = output or comparison.folder_of(folders)
    comparison.check_folder(folder, folders)
    check_writable(folder)
    with owned(folder):
        report = comparison.compare(folders, **options)
        comparison.write(report, folder)
    return report, folder


def train_and_compare(
    plan: ComparisonPlan,
    output: Path | None = None,
    *,
    split: str | None = None,
    difference: float | None = None,
    samples: int = 10_000,
    **options: Any,
) -> tuple[Report, Path]:
    """Train the models that are not trained yet, and compare them.

    The same request continues after an interruption: finished runs are not trained again, and a stopped run
    is resumed. If a finished run has no scores on the split, it is scored.

    Args:
        plan: the models to train.
        output: folder; None: `runs/compare/<recipe>/<models>`, for several recipes
            `runs/compare/<task>/<recipes>`.
        split: split to compare on; unless it is a test split, tests stay unscored.
        difference: smallest difference of interest.
        samples: number of resampled test sets.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and its folder.

    Raises:
        UserError: bad input, with one line that says what to change.
        KeyboardInterrupt: a run was stopped and saved.
    """
    comparison.check_options(difference, samples)
    planned = plan.planned_models()
    folder = output or _default_folder(plan, planned)
    check_writable(folder)
    options |= {"split": split, "difference": difference, "samples": samples}
    options |= {"local_data": plan.local_data, "device": plan.device}
    with owned(folder):
        if split is not None:
            _check_split(plan, planned, split)
        _train_all(plan, planned, folder, test=split is None or split.startswith("test"))
        folders = [folder / model.name for model in planned]
        _score_missing(plan, folders, split)
        command = plan.command(folder)
        report = comparison.compare(folders, command=command, notes=[plan.note], **options)
        comparison.write(report, folder)
    return report, folder


def _default_folder(plan: ComparisonPlan, planned: Sequence[PlannedModel]) -> Path:
    if plan.models:
        shared = folder_name(plan.recipes[0])
    else:
        shared = read_recipe(planned[0].recipe, planned[0].overrides).task
    return comparison.default_folder(shared, [model.name for model in planned])


def _check_split(plan: ComparisonPlan, planned: Sequence[PlannedModel], split: str) -> None:
    """Check that the data have the split, before models are trained."""
    for model in planned[: 1 if plan.models else None]:
        recipe = read_recipe(model.recipe, model.overrides)
        task = resolve(recipe.task)(recipe)
        splits, _ = load_training_data(model.recipe, task, plan.local_data, model.overrides)
        if split in splits and not splits[split].labelled:
            raise UserError(f"--split {split}: {splits[split].note}")
        if split not in splits:
            raise UserError(
                f"--split {split}: the data of recipe {model.recipe} have {', '.join(splits)}"
                f"{suggest(split, splits)}"
            )


def _train_all(
    plan: ComparisonPlan, planned: Sequence[PlannedModel], folder: Path, *, test: bool
) -> None:
    """Train every model with every seed, or resume."""
    changes = _planned_changes(plan, planned, folder)
    for model in planned:
        model_folder = folder / model.name
        overrides = [*model.overrides, *changes[model.name]]
        score_test = test and not _left_tests_unscored(model_folder)
        _train(plan, model, overrides, model_folder, plan.seeds, test=score_test)


def _left_tests_unscored(folder: Path) -> bool:
    """Return whether a finished run of a model left tests unscored; its other runs then do so too."""
    finished = (finished_metrics(run_folder) for run_folder in folder.glob("seed-*"))
    return any(metrics["left_alone"] for metrics in finished if metrics and "left_alone" in metrics)


def _score_missing(plan: ComparisonPlan, folders: Sequence[Path], split: str | None) -> None:
    """Score the compared split of finished runs that have no scores on it."""
    runs = [run_folder for folder in folders for run_folder in comparison.run_folders(folder)]
    compared = split or comparison.test_split(runs)
    for run_folder in runs:
        if compared not in comparison.scored_splits(run_folder):
            options = as_options(plan.local_data)
            evaluate(run_folder, split=compared, device=plan.device, **options)


def _train(
    plan: ComparisonPlan,
    model: PlannedModel,
    overrides: Sequence[str],
    folder: Path,
    seeds: Sequence[int],
    *,
    test: bool = False,
) -> None:
    result = run(
        model.recipe,
        overrides,
        output=folder,
        seeds=seeds,
        **as_options(plan.local_data),
        device=plan.device,
        test=test,
        resume=True,
    )
    if result.interrupted:
        raise KeyboardInterrupt


def _planned_changes(
    plan: ComparisonPlan, planned: Sequence[PlannedModel], folder: Path
) -> Mapping[str, list[str]]:
    """Return the overrides of each model that make models equal; computed once, and stored."""
    path = folder / comparison.PLAN
    if path.exists():
        try:
            stored = json.loads(path.read_bytes())
            if stored["request"] != plan.request:
                raise UserError(
                    f"{folder}: holds another comparison; choose another --output, or repeat the "
                    "command of that comparison to continue it"
                )
            return {model.name: [*map(str, stored["changes"][model.name])] for model in planned}
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged; delete it to plan again") from error
    comparison.check_folder(folder, [folder / model.name for model in planned])
    match plan.matched:
        case "parameters":
            changes = _equal_sizes(plan, planned)
        case "time":
            changes = {model.name: _equal_time(plan, model, folder) for model in planned}
        case _:
            for model in planned:  # check that each can be built before the first is trained
                ParameterMatcher(model.recipe, model.overrides, plan.local_data).count()
            changes = {model.name: ["training.patience=0"] for model in planned}
    write_json(path, {"request": plan.request, "changes": changes})
    return changes


def _equal_sizes(plan: ComparisonPlan, planned: Sequence[PlannedModel]) -> dict[str, list[str]]:
    """Return overrides that give the other models the first one's number of parameters."""
    first, *others = planned
    wanted = ParameterMatcher(first.recipe, first.overrides, plan.local_data).count()
    changes: dict[str, list[str]] = {first.name: []}
    for model in others:
        matcher = ParameterMatcher(model.recipe, model.overrides, plan.local_data)
        changes[model.name] = matcher.match(wanted)
    return changes


def _equal_time(plan: ComparisonPlan, model: PlannedModel, folder: Path) -> list[str]:
    """Return overrides for as many updates as fit into the minutes, by a short run."""
    assert plan.minutes is not None
    timing = folder / model.name / "timing"
    seed = f"seed={plan.seeds[0]}"
    _train(plan, model, [*model.overrides, *TIMING, seed], timing, ())
    history = History(timing / "history.jsonl").read()
    return steps_in(plan.minutes, history, read_recipe(model.recipe, model.overrides))
