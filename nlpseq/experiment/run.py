"""Run a recipe by its name: once, with several seeds, or with each part of train as test split."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import PartialState

from nlpseq.errors import UserError
from nlpseq.files import write_json
from nlpseq.owner import owned
from nlpseq.task_lookup import read_recipe

from .overwritten_runs import OverwrittenRuns
from .training_run import RunOptions, RunResult, TrainingRun

INTERVAL = "95% of the mean, corrected for overlapping training sets (Nadeau & Bengio 2003)"


def run(
    name: str,
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seeds: Sequence[int] = (),
    folds: int = 0,
    **options: Any,
) -> RunResult:
    """Train a recipe, evaluate, and write the run directory.

    Args:
        name: name of a recipe, or path of a TOML file.
        overrides: `section.key=value` assignments.
        output: run directory; None: `runs/<name>`.
        seeds: train once with each seed, in `seed-<n>` of the run directory.
        folds: cross-validate: train once for each part of train as test split, in `fold-<n>`; 0: do not.
        **options: fields of `RunOptions`.

    Raises:
        UserError: bad input, with one line that says what to change.
    """
    folder = output or Path("runs") / (Path(name).stem if name.endswith(".toml") else name)
    run_options = RunOptions(**options, overrides=tuple(overrides))
    variants: dict[str, Sequence[str]]
    if folds:
        check_folds(overrides, seeds, folds)
        variants = {
            f"fold-{fold}": [f"data.folds={folds}", f"data.fold={fold}"]
            for fold in range(1, folds + 1)
        }
        return _run_all(name, folder, variants, run_options, summarize_folds)
    if seeds:
        check_seeds(overrides, seeds)
        variants = {f"seed-{seed}": [f"seed={seed}"] for seed in seeds}
        return _run_all(name, folder, variants, run_options, summarize)
    return TrainingRun(folder, read_recipe(name, overrides), name, run_options).execute()


def _run_all(
    name: str,
    folder: Path,
    variants: Mapping[str, Sequence[str]],
    options: RunOptions,
    summarize_runs: Callable[[Mapping[str, Mapping[str, Any]]], dict[str, Any]],
) -> RunResult:
    """Train a recipe once for each variant, and summarize.

    Args:
        name: of the recipe.
        folder: of the runs and of summary.json.
        variants: further overrides of each run, by the name of its directory.
        options: of every run.
        summarize_runs: makes the summary of the metrics of all runs.
    """
    with owned(folder):
        runs = _planned(name, folder, variants, options)
        results = []
        for single_run in runs.values():
            results.append(single_run.execute())
            if results[-1].interrupted:
                return results[-1]
        OverwrittenRuns(folder, {}).finish()
        summary = summarize_runs(
            {part: result.metrics for part, result in zip(runs, results, strict=True)}
        )
        if baselines := _baselines([result.metrics for result in results]):
            summary["baselines"] = baselines
        if PartialState().is_main_process:
            write_json(folder / "summary.json", summary)
    return RunResult(folder, summary, samples=results[0].samples)


def _planned(
    name: str, folder: Path, variants: Mapping[str, Sequence[str]], options: RunOptions
) -> dict[str, TrainingRun]:
    """Return the runs, all of them checked; arguments as of `_run_all`."""
    runs = {}
    for part, further in variants.items():
        recipe = read_recipe(name, [*options.overrides, *further])
        # metrics.json has the seed beside the overrides.
        changes = [change for change in further if not change.startswith("seed=")]
        recorded = replace(options, overrides=(*options.overrides, *changes))
        runs[part] = TrainingRun(folder / part, recipe, name, recorded)
    recipes = {part: single_run.directory.recipe for part, single_run in runs.items()}
    overwritten = OverwrittenRuns(folder, recipes)
    for part, single_run in runs.items():
        directory = single_run.directory
        if options.resume and overwritten.includes(part):
            directory.resume, directory.overwrite = False, True
        if directory.overwrite:
            single_run.claiming = partial(overwritten.claiming, part)
        directory.check()  # all of them before the first is trained
    return runs


def _baselines(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the baselines with their scores over the runs; [] if a run has none or other ones."""
    entries = [metrics.get("baselines", []) for metrics in runs]
    names = [[entry["name"] for entry in row] for row in entries]
    if any(row != names[0] for row in names):
        return []
    return [
        {
            **{key: same[0][key] for key in ("name", "label", "score")},
            "seconds": sum(entry["seconds"] for entry in same),
            "scores": {
                split: {
                    score: _spread([entry["scores"][split][score] for entry in same])
                    for score in scores
                    if all(score in entry["scores"].get(split, {}) for entry in same)
                }
                for split, scores in same[0]["scores"].items()
            },
        }
        for same in zip(*entries, strict=True)
    ]


def check_folds(overrides: Sequence[str], seeds: Sequence[int], folds: int) -> None:
    """Check the number of folds, and that nothing else sets the folds or the seeds.

    Raises:
        UserError: fewer than two folds, seeds beside folds, or an override that sets a fold.
    """
    if folds < 2:
        raise UserError(f"--folds {folds}: give 2 folds or more")
    if seeds:
        raise UserError("--folds, --seeds: give one of them; seed=N sets the seed of all folds")
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key in ("data.folds", "data.fold"):
            raise UserError(f"{override.strip()}: --folds {folds} sets it; leave it out")


def check_seeds(overrides: Sequence[str], seeds: Sequence[int]) -> None:
    """Check that seeds are distinct, and that no override sets the seed too.

    Raises:
        UserError: a seed occurs twice, or an override sets the seed.
    """
    given = ",".join(map(str, seeds))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {given}: one is given twice")
    for key, _, value in (override.partition("=") for override in overrides):
        if key.strip() == "seed":
            raise UserError(
                f"seed={value.strip()}: the seeds of the runs are those of --seeds, {given}; "
                f"write --seeds {value.strip()}, or leave seed= out"
            )


def summarize(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation (n - 1) over seeds, for splits that all runs scored."""
    summary: dict[str, Any] = {"seeds": [int(name.removeprefix("seed-")) for name in runs]}
    for split, scores in _scores(runs).items():
        summary[split] = {score: _spread(values) for score, values in scores.items()}
    summary["seconds"] = sum(metrics["seconds"] for metrics in runs.values())
    return summary


def summarize_folds(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean, standard deviation (n - 1) and 95% interval of the mean over the folds.

    The training sets of folds overlap, so the variance of the mean is corrected as Nadeau & Bengio (2003)
    say: 1/k + 1/(k - 1) takes the place of 1/k, with k - 1 degrees of freedom.
    """
    summary: dict[str, Any] = {"folds": len(runs), "interval": INTERVAL}
    for split, scores in _scores(runs).items():
        summary[split] = {
            score: {**_spread(values), "interval": _interval(values)}
            for score, values in scores.items()
        }
    summary["seconds"] = sum(metrics["seconds"] for metrics in runs.values())
    return summary


def _scores(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Return the values of each score of the splits that all runs have scored."""
    first = next(iter(runs.values()))
    return {
        split: {
            score: [metrics[split][score] for metrics in runs.values()]
            for score in first[split]
            if all(score in metrics[split] for metrics in runs.values())
        }
        for split in first["splits"]
        if all(isinstance(metrics.get(split), dict) for metrics in runs.values())
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "standard_deviation": deviation}


def _interval(values: Sequence[float]) -> list[float]:
    """Return the corrected 95% interval of a mean over folds."""
    from scipy.stats import t

    folds = len(values)
    error = statistics.stdev(values) * math.sqrt(1 / folds + 1 / (folds - 1))
    half = float(t.ppf(0.975, folds - 1)) * error
    mean = statistics.fmean(values)
    return [mean - half, mean + half]
