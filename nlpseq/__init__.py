"""nlpseq: train, evaluate and generate with recurrent sequence models for language.

    import nlpseq

    result = nlpseq.run("language_modeling/quickstart", training={"epochs": 2})
    print(result.metrics["test"]["perplexity"])
    model = nlpseq.load(result.folder)
    print(model.generate(num_samples=3, seed=1))

Importing the package is cheap: torch and the tasks are imported by the functions that need them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlpseq.analysis.comparison import Report
    from nlpseq.experiment import Quickstart, RunResult
    from nlpseq.inspection import Inspection
    from nlpseq.task import Task

__all__ = ["__version__", "compare", "inspect", "load", "quickstart", "run"]

__version__ = "0.2.0"


def run(
    recipe: str,
    *,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    seeds: Sequence[int] = (),
    test: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    track: str | None = None,
    **overrides: Any,
) -> "RunResult":
    """Train as a recipe says, evaluate, and write the run directory: `nlpseq run` from Python.

    Args:
        recipe: name of a recipe that comes with nlpseq, or the path of a TOML file.
        data_dir: folder of local files to read instead of the Hub.
        output: run directory; `runs/<recipe>` by default.
        device: `cpu`, `cuda`, ...; the fastest there is by default.
        seeds: several seeds make one run each, and a summary.
        test: whether the test split is scored.
        resume: go on with a run that was stopped.
        overwrite: replace an earlier run in `output`.
        track: tracker to log to as well, by accelerate's name for it.
        **overrides: what differs from the recipe, by its sections, as they stand in the TOML:
            `seed=14, training={"epochs": 3, "learning_rate": 1e-3}`. They are checked as the recipe is.

    Returns:
        The folder, the metrics, whether it was interrupted, and samples of what the model generates.

    Raises:
        nlpseq.errors.UserError: one line that says what was wrong and what would do.
    """
    from nlpseq import experiment
    from nlpseq.recipe import to_assignments

    return experiment.run(
        recipe,
        to_assignments(overrides),
        data_dir=None if data_dir is None else Path(data_dir),
        output=None if output is None else Path(output),
        device=device,
        seeds=seeds,
        test=test,
        resume=resume,
        overwrite=overwrite,
        track=track,
    )


def quickstart(
    tasks: str | Sequence[str] = (),
    *,
    output: str | Path | None = None,
    seed: int = 13,
    device: str | None = None,
    **overrides: Any,
) -> "Quickstart":
    """Train an LSTM and a Transformer on each task's built-in data: `nlpseq quickstart` from Python.

    Called again, it goes on where it was interrupted; what has finished is not trained again.

    Args:
        tasks: one or some of language_modeling, sentiment, ner, translation and summarization; all by default.
        output: where runs and summary.json are written; `runs/quickstart` by default.
        seed: of every run.
        device: `cpu`, `cuda`, ...; the fastest there is by default.
        **overrides: changes to every recipe, as in `run`.

    Returns:
        The folder, and for each task scores, the best possible one, costs and an answered example.

    Raises:
        nlpseq.errors.UserError: one line that says what was wrong and what would do.
    """
    from nlpseq import experiment
    from nlpseq.recipe import to_assignments

    return experiment.quickstart(
        [tasks] if isinstance(tasks, str) else tasks,
        to_assignments(overrides),
        output=None if output is None else Path(output),
        seed=seed,
        device=device,
    )


def load(run: str | Path, device: str | None = None, task: "type[Task[Any]] | None" = None) -> Any:
    """Load a trained model from its run directory or from the Hub.

    Args:
        run: a run directory, or a Hub id.
        device: `cpu`, `cuda`, ...; the fastest there is by default.
        task: the task's class, for one that does not come with nlpseq.

    Returns:
        The predictor of its task; a language model's has `generate`, `stream`, `predict` and `evaluate`.

    Raises:
        nlpseq.errors.UserError: nothing is there, or it is not a model of this version.
    """
    from nlpseq import model_directory

    return model_directory.load(run, device, task)


def inspect(
    *names: str | Path,
    models: Sequence[str] = (),
    texts: Sequence[str] = (),
    parts: Sequence[str] = (),
    distance: int = 50,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    **overrides: Any,
) -> "Inspection":
    """Look inside models, and write pictures and a page of them: `nlpseq inspect` from Python.

    Args:
        *names: run directories or Hub ids of trained models; names or paths of recipes, for fresh ones.
        models: fresh models of each recipe: rnn, rnn-relu, rnn-identity, lstm, gru, mingru, transformer.
        texts: to read; some of the models' own data by default.
        parts: gradients, distances, gates, attention; all that the models have by default.
        distance: tokens that gradients are followed back.
        data_dir: folder of local data files.
        output: folder to write to; `inspection` in the run of a single one by default.
        device: `cpu`, `cuda`, ...; the fastest there is by default.
        **overrides: what differs from the recipes, by their sections, as of `run`.

    Returns:
        the page, and the numbers behind the pictures by the model's name.

    Raises:
        nlpseq.errors.UserError: one line that says what was wrong and what would do.
    """
    from nlpseq import inspection
    from nlpseq.recipe import to_assignments

    return inspection.inspect(
        [str(name) for name in names],
        to_assignments(overrides),
        models=models,
        texts=texts,
        parts=parts,
        distance=distance,
        data_dir=None if data_dir is None else Path(data_dir),
        output=None if output is None else Path(output),
        device=device,
    )


def compare(
    *named: str | Path,
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    match: str = "",
    minutes: float | None = None,
    split: str | None = None,
    score: str | None = None,
    difference: float | None = None,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    samples: int = 10_000,
    measure: bool | None = None,
    **overrides: Any,
) -> "Report":
    """Compare finished runs, or train what recipes say and compare that: `nlpseq compare` from Python.

    Args:
        *named: run directories, those of several seeds included; or names of recipes.
        models: kinds of encoder, for one recipe: `["lstm", "transformer"]`.
        seeds: of each model's runs; 13, 14 and 15 by default.
        match: what is made equal: `parameters`, `time` or `steps`.
        minutes: of training each model, with `match="time"`.
        split: whose scores count; `test`, or the first of several test splits, if None.
        score: that decides; the task's main one by default.
        difference: worth seeing, in the unit that the score is told in.
        data_dir: folder of local files.
        output: where report.json, report.html and runs are written; by default
            `runs/compare/<recipe>/<models>`, of runs or several recipes `runs/compare/<task>/<names>`.
        device: where to train and to measure.
        samples: resampled test sets, and exchanges of outputs.
        measure: measure the speed and memory of answers; if None, of what is trained here.
        **overrides: changes to the recipes, as in `run`.

    Returns:
        The report: `verdicts`, `models`, `pairs`, `slices`.

    Raises:
        nlpseq.errors.UserError: one line that says what was wrong and what would do.
    """
    from nlpseq import experiment
    from nlpseq.recipe import to_assignments

    report, _ = experiment.compare(
        [str(one) for one in named],
        to_assignments(overrides),
        models=models,
        seeds=seeds,
        match=match,
        minutes=minutes,
        split=split,
        score=score,
        difference=difference,
        data_dir=None if data_dir is None else Path(data_dir),
        output=None if output is None else Path(output),
        device=device,
        samples=samples,
        measure=measure,
    )
    return report
