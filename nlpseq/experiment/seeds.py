"""From a recipe's name to its run, or to one run for each of several seeds."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState

from nlpseq import recipe
from nlpseq.errors import UserError
from nlpseq.files import write_json
from nlpseq.recipe import Recipe
from nlpseq.task import resolve, task_name

from .run import Options, Run, RunResult


def run(
    name: str,
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seeds: Sequence[int] = (),
    **options: Any,
) -> RunResult:
    """Train, evaluate and write everything down.

    Args:
        name: a recipe's name, or the path of a TOML file.
        overrides: `section.key=value` assignments.
        output: the run directory; `runs/<name>` below the working folder if None.
        seeds: train once with each, into `seed-<n>` below the run directory.
        **options: fields of `Options`.

    Raises:
        UserError: anything that the user can mend.
    """
    folder = output or Path("runs") / (Path(name).stem if name.endswith(".toml") else name)
    chosen = Options(**options, overrides=tuple(overrides))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {', '.join(map(str, seeds))}: one is given twice")
    if not seeds:
        return Run(folder, read_recipe(name, overrides), name, chosen).execute()
    refuse_seed(overrides, seeds)
    recipes = {seed: read_recipe(name, [*overrides, f"seed={seed}"]) for seed in seeds}
    runs = [Run(folder / f"seed-{seed}", recipes[seed], name, chosen) for seed in seeds]
    for one in runs:
        one.directory.check()  # all of them, before the first is trained
    results = []
    for one in runs:
        results.append(one.execute())
        if results[-1].interrupted:
            return results[-1]
    summary = summarize(
        {str(seed): result.metrics for seed, result in zip(seeds, results, strict=True)}
    )
    if PartialState().is_main_process:
        write_json(folder / "summary.json", summary)
    return RunResult(folder, summary, samples=results[0].samples)


def refuse_seed(overrides: Sequence[str], seeds: Sequence[int]) -> None:
    """See that no override sets the seed, where the seeds are given apart.

    Raises:
        UserError: one does.
    """
    for key, _, value in (one.partition("=") for one in overrides):
        if key.strip() == "seed":
            raise UserError(
                f"seed={value.strip()}: the seeds of the runs are those of --seeds, "
                f"{','.join(map(str, seeds))}; write --seeds {value.strip()}, or leave seed= out"
            )


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override and validate a recipe."""
    document = recipe.override(recipe.read_document(name), overrides)
    if "task" not in document:
        raise UserError(f"recipe {name}: key task is missing, for example task = 'classification'")
    task = task_name(str(document["task"]))
    return recipe.validate(resolve(task).Config, {**document, "task": task}, f"recipe {name}")


def summarize(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1) over seeds, of the scores of splits that all have scored."""
    first = next(iter(runs.values()))
    summary: dict[str, Any] = {"seeds": [int(seed) for seed in runs]}
    for split in first["splits"]:
        if not all(isinstance(metrics.get(split), dict) for metrics in runs.values()):
            continue
        summary[split] = {}
        for score in first[split]:
            values = [metrics[split][score] for metrics in runs.values()]
            deviation = statistics.stdev(values) if len(values) > 1 else None
            summary[split][score] = {
                "mean": statistics.fmean(values),
                "standard_deviation": deviation,
            }
    summary["seconds"] = sum(metrics["seconds"] for metrics in runs.values())
    return summary
