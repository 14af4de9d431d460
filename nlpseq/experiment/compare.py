"""Several models of one recipe, or several recipes: matched, trained, and compared.

OUTPUT/plan.json             what was asked for, and what each model's recipe is changed by
OUTPUT/<model>/seed-<n>/     the runs
OUTPUT/report.json, report.html, plots/
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.analysis import comparison
from nlpseq.analysis.comparison import Report
from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError, suggest
from nlpseq.files import write_json
from nlpseq.run_directory import finished_metrics
from nlpseq.task import resolve
from nlpseq.training.history import History

from .candidates import Contest, Entry, is_recipe, stem
from .equal_budgets import TIMING, Sizer, steps_in
from .evaluate import evaluate
from .seeds import read_recipe, run


def compare(
    named: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    match: str = "",
    minutes: float | None = None,
    data_dir: Path | None = None,
    output: Path | None = None,
    device: str | None = None,
    measure: bool | None = None,
    **options: Any,
) -> tuple[Report, Path]:
    """Compare finished runs, or train what recipes say and compare that.

    Args:
        named: run directories, or names of recipes.
        overrides: of the recipes.
        models: kinds of encoder, for one recipe.
        seeds: of the runs of each model; those of `Contest` by default.
        match: what is made equal, see `Contest`.
        minutes: of training each model.
        data_dir: local files.
        output: where everything is written.
        device: where to train.
        measure: measure the answers' speed and memory; if None, of what is trained here.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and the folder where it was written.

    Raises:
        UserError: anything that the user can mend.
        KeyboardInterrupt: a run was stopped, and saved.
    """
    recipes = [one for one in named if models or is_recipe(one)]
    if recipes:
        runs = [one for one in named if not is_recipe(one)]
        if runs and not models:
            raise UserError(f"{runs[0]}: is no recipe; compare finished runs or recipes, not both")
        asked = Contest(
            recipes,
            overrides,
            models,
            seeds=seeds or Contest.seeds,
            match=match,
            minutes=minutes,
            data_dir=data_dir,
            device=device,
        )
        return contest(asked, output, measure=measure is not False, **options)
    timed = minutes is not None
    given = {"--seeds": seeds, "--match": match, "--minutes": timed, "key=value": overrides}
    if extra := [name for name, value in given.items() if value]:
        raise UserError(
            f"{', '.join(extra)}: for recipes to train; these are finished runs: {', '.join(named)}"
        )
    folders = [Path(one) for one in named]
    folder = output or comparison.folder_of(folders)
    comparison.check_place(folder, folders)
    report = comparison.compare(
        folders, data_dir=data_dir, device=device, measure=bool(measure), **options
    )
    comparison.write(report, folder)
    return report, folder


def contest(
    asked: Contest,
    output: Path | None = None,
    *,
    split: str | None = None,
    difference: float | None = None,
    samples: int = 10_000,
    **options: Any,
) -> tuple[Report, Path]:
    """Train what has not been trained yet, and compare.

    The same request goes on where it was interrupted: runs that have finished are not run twice, one
    that was stopped is resumed. A split that finished runs have no scores of is scored now.

    Args:
        asked: what to train.
        output: where; `runs/compare/<recipe>/<models>` below the working folder if None, of several recipes
            `runs/compare/<task>/<recipes>`.
        split: whose scores to compare; of another than a test split, tests are left alone.
        difference: worth seeing.
        samples: resampled test sets.
        **options: of `nlpseq.analysis.comparison.compare`.

    Returns:
        The report, and the folder where it was written.

    Raises:
        UserError: anything that the user can mend.
        KeyboardInterrupt: a run was stopped, and saved.
    """
    comparison.check_options(difference, samples)
    entries = asked.entries()
    folder = output or _default_folder(asked, entries)
    folders = [folder / entry.name for entry in entries]
    if split is not None:
        _check_split(asked, entries, split)
    changes = _plan(asked, entries, folder)
    test = split is None or split.startswith("test")
    for entry, place in zip(entries, folders, strict=True):
        overrides = [*entry.overrides, *changes[entry.name]]
        _train(asked, entry, overrides, place, asked.seeds, test=test and not _left_tests(place))
    _score_missing(asked, folders, split)
    report = comparison.compare(
        folders,
        split=split,
        difference=difference,
        samples=samples,
        data_dir=asked.data_dir,
        device=asked.device,
        command=asked.command(folder),
        notes=[asked.note],
        **options,
    )
    comparison.write(report, folder)
    return report, folder


def _default_folder(asked: Contest, entries: Sequence[Entry]) -> Path:
    if asked.models:
        shared = stem(asked.recipes[0])
    else:
        shared = read_recipe(entries[0].recipe, entries[0].overrides).task
    return comparison.default_folder(shared, [entry.name for entry in entries])


def _check_split(asked: Contest, entries: Sequence[Entry], split: str) -> None:
    """See that the data have the split, before hours are spent on models that cannot be compared on it."""
    for entry in entries[: 1 if asked.models else None]:
        found = read_recipe(entry.recipe, entry.overrides)
        task = resolve(found.task)
        splits = load_splits(
            found.data,
            data_dir=asked.data_dir,
            fields=task.fields,
            further_fields=task.further_fields,
        )
        if split not in splits:
            raise UserError(
                f"--split {split}: the data of recipe {entry.recipe} have {', '.join(splits)}"
                f"{suggest(split, splits)}"
            )


def _left_tests(folder: Path) -> bool:
    """Whether a run that has finished left its tests alone; the others of its model then do so, too."""
    found = (finished_metrics(run) for run in folder.glob("seed-*"))
    return any(metrics["left_alone"] for metrics in found if metrics and "left_alone" in metrics)


def _score_missing(asked: Contest, folders: Sequence[Path], split: str | None) -> None:
    """Score the split that is compared, where a run that finished earlier has left it alone."""
    runs = [one for folder in folders for one in comparison.run_folders(folder)]
    chosen = split or comparison.test_split(runs)
    for one in runs:
        if chosen not in comparison.scored_splits(one):
            evaluate(one, split=chosen, data_dir=asked.data_dir, device=asked.device)


def _train(
    asked: Contest,
    entry: Entry,
    overrides: Sequence[str],
    folder: Path,
    seeds: Sequence[int],
    *,
    test: bool = False,
) -> None:
    result = run(
        entry.recipe,
        overrides,
        output=folder,
        seeds=seeds,
        data_dir=asked.data_dir,
        device=asked.device,
        test=test,
        resume=True,
    )
    if result.interrupted:
        raise KeyboardInterrupt


def _plan(asked: Contest, entries: Sequence[Entry], folder: Path) -> Mapping[str, list[str]]:
    """What each model's recipe is changed by; it is found once, and written down."""
    path = folder / comparison.PLAN
    if path.exists():
        try:
            known = json.loads(path.read_bytes())
            if known["request"] != asked.request:
                raise UserError(
                    f"{folder}: holds another comparison; choose another --output, or repeat its command to go on"
                )
            return {entry.name: [*map(str, known["changes"][entry.name])] for entry in entries}
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged; delete it to plan anew") from error
    comparison.check_place(folder, [folder / entry.name for entry in entries])
    match asked.matched:
        case "parameters":
            found = _equal_sizes(asked, entries)
        case "time":
            found = {entry.name: _equal_time(asked, entry, folder) for entry in entries}
        case _:
            for entry in entries:  # what cannot be built is told before the first is trained
                Sizer(entry.recipe, entry.overrides, asked.data_dir).core()
            found = {entry.name: ["training.patience=0"] for entry in entries}
    write_json(path, {"request": asked.request, "changes": found})
    return found


def _equal_sizes(asked: Contest, entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The first model stays as it is, the others take its number of parameters."""
    first, *others = entries
    wanted = Sizer(first.recipe, first.overrides, asked.data_dir).core()
    found: dict[str, list[str]] = {first.name: []}
    for entry in others:
        found[entry.name] = Sizer(entry.recipe, entry.overrides, asked.data_dir).match(wanted)
    return found


def _equal_time(asked: Contest, entry: Entry, folder: Path) -> list[str]:
    """As many updates as a short run says that fit into the minutes."""
    assert asked.minutes is not None
    timed = folder / entry.name / "timing"
    seed = f"seed={asked.seeds[0]}"
    _train(asked, entry, [*entry.overrides, *TIMING, seed], timed, ())
    history = History(timed / "history.jsonl").read()
    return steps_in(asked.minutes, history, read_recipe(entry.recipe, entry.overrides))
