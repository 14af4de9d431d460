"""Run a recipe by its name, once or with several seeds."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState

from nlpseq.errors import UserError
from nlpseq.files import write_json
from nlpseq.task import read_recipe

from .training_run import RunOptions, RunResult, TrainingRun


def run(
    name: str,
    overrides: Sequence[str] = (),
    *,
    output: Path | None = None,
    seeds: Sequence[int] = (),
    **options: Any,
) -> RunResult:
    """Train a recipe, evaluate, and write the run directory.

    Args:
        name: name of a recipe, or path of a TOML file.
        overrides: `section.key=value` assignments.
        output: run directory; None: `runs/<name>`.
        seeds: train once with each seed, in `seed-<n>` of the run directory.
        **options: fields of `RunOptions`.

    Raises:
        UserError: bad input, with one line that says what to change.
    """
    folder = output or Path("runs") / (Path(name).stem if name.endswith(".toml") else name)
    run_options = RunOptions(**options, overrides=tuple(overrides))
    if not seeds:
        return TrainingRun(folder, read_recipe(name, overrides), name, run_options).execute()
    check_seeds(overrides, seeds)
    recipes = {seed: read_recipe(name, [*overrides, f"seed={seed}"]) for seed in seeds}
    runs = [
        TrainingRun(folder / f"seed-{seed}", recipe, name, run_options)
        for seed, recipe in recipes.items()
    ]
    for seed_run in runs:
        seed_run.directory.check()  # all of them before the first is trained
    results = []
    for seed_run in runs:
        results.append(seed_run.execute())
        if results[-1].interrupted:
            return results[-1]
    summary = summarize(
        {str(seed): result.metrics for seed, result in zip(seeds, results, strict=True)}
    )
    if PartialState().is_main_process:
        write_json(folder / "summary.json", summary)
    return RunResult(folder, summary, samples=results[0].samples)


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
