"""nlpseq: train, evaluate, compare and use recurrent and Transformer sequence models for language.

    import nlpseq

    result = nlpseq.run("language_modeling/quickstart", training={"epochs": 2})
    print(result.metrics["test"]["perplexity"])
    model = nlpseq.load(result.folder, task="language_modeling")
    print(model.generate(num_samples=3, seed=1))

Importing the package is cheap: torch and the tasks are imported by the functions that need them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from nlpseq.analysis.comparison import Report
    from nlpseq.errors import UserError
    from nlpseq.experiment.quickstart import Quickstart
    from nlpseq.experiment.training_run import RunResult
    from nlpseq.inspection import Inspection
    from nlpseq.predictor import (
        Classification,
        Generator,
        Predictor,
        TaggedText,
        TextGenerator,
        TokenPredictions,
    )
    from nlpseq.task import Task

__all__ = [
    "UserError",
    "__version__",
    "compare",
    "evaluate",
    "inspect",
    "load",
    "quickstart",
    "run",
]

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Import the class of errors when it is first used."""
    if name == "UserError":
        from nlpseq.errors import UserError

        return UserError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


Folder = str | Path
Files = str | Path | Iterable[str | Path]
Device = str | None
Columns = Mapping[str, str | Sequence[str]] | None


def run(
    recipe: str | Path,
    *,
    data: Any = None,
    columns: Columns = None,
    data_options: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    seeds: Sequence[int] = (),
    folds: int = 0,
    test: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    track: str | None = None,
    code: Files = (),
    **overrides: Any,
) -> "RunResult":
    """Train a recipe, evaluate, and write the run directory; `nlpseq run` on the command line.

    Args:
        recipe: name of a recipe of nlpseq, or path of a TOML file.
        data: data to train on, instead of the recipe's: a pandas or polars DataFrame; a `datasets.Dataset`,
            `DatasetDict` or `IterableDataset`; a `pyarrow.Table`; a list of dicts; a dict of columns; a dict of
            splits of any of these; the path of a file, a folder or what `save_to_disk` wrote; the id of a data
            set of the Hub (`user/set`, `user/set@revision`, `hf://datasets/user/set/a.csv`). A dict of keys
            of the recipe's section `[data]` changes that section, as in 0.1.
        columns: column of the data for each field of the task, `{"text": "message", "label": "category"}`.
        data_options: further keys of `[data]`, such as `{"hold_out": {"test": 0.1}}`.
        data_dir: folder of local data files, used instead of the Hub.
        output: run directory; `runs/<recipe>` by default.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        seeds: train once with each seed, and summarize; if empty, once with the recipe's seed.
        folds: cross-validate on so many parts of the train split, and summarize.
        test: score the test split.
        resume: continue a run that was stopped.
        overwrite: replace an earlier run in `output`.
        track: name of a tracker of accelerate to log to.
        code: Python files with classes that the recipe names, such as a cell.
        **overrides: changes to the recipe by section:
            `seed=14, training={"epochs": 3, "learning_rate": 1e-3}`.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.argument_checks import checked
    from nlpseq.custom_code import register
    from nlpseq.data.in_memory import as_options
    from nlpseq.experiment.run import run as run_recipe
    from nlpseq.given_data import training_data
    from nlpseq.recipe import to_assignments

    name = checked(recipe=recipe)["recipe"]
    options = checked(data_dir=data_dir, output=output, seeds=seeds, folds=folds)
    options |= {"device": device, "test": test, "resume": resume, "overwrite": overwrite}
    register(code)
    given = training_data(data, columns, data_options, recipe=name)
    options |= as_options(given.beside(options.pop("data_dir")))
    assignments = [*given.assignments, *to_assignments(overrides)]
    return run_recipe(name, assignments, track=track, **options)


def quickstart(
    tasks: str | Sequence[str] = (),
    *,
    output: str | Path | None = None,
    seed: int = 13,
    device: str | None = None,
    **overrides: Any,
) -> "Quickstart":
    """Train an LSTM and a Transformer on each built-in task; `nlpseq quickstart` on the command line.

    The same call continues after an interruption; finished runs are not trained again.

    Args:
        tasks: one or several of language_modeling, sentiment, ner, translation and summarization;
            all by default.
        output: folder for runs and summary.json; `runs/quickstart` by default.
        seed: seed of every run.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        **overrides: changes to every recipe, as in `run`.

    Returns:
        The folder, and for each task scores, the best possible score, costs and example outputs.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.argument_checks import checked
    from nlpseq.experiment.quickstart import quickstart as run_quickstart
    from nlpseq.recipe import to_assignments

    chosen = [tasks] if isinstance(tasks, str) else checked(tasks=tasks)["tasks"]
    options = checked(output=output, seed=seed)
    return run_quickstart(chosen, to_assignments(overrides), device=device, **options)


def evaluate(
    run: Folder,
    *,
    split: str = "test",
    data: Any = None,
    columns: Columns = None,
    data_options: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    device: Device = None,
    baselines: bool = True,
    code: Files = (),
    **overrides: Any,
) -> dict[str, Any]:
    """Score a trained model on a split, beside the baselines of its run; `nlpseq evaluate` on the command line.

    Args:
        run: a run directory, or a Hub id.
        split: split to score.
        data: data to score, as in `run`, instead of those that the run recorded. A single table is the data that
            the run was trained on if their fingerprints agree, and then its splits are drawn as the run
            drew them; any other table is the split to score.
        columns: column of the data for each field of the task, if the run had others.
        data_options: further keys of `[data]`.
        data_dir: folder of local data files, instead of those that the run recorded.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        baselines: score the baselines of the run too; they are trained again where the run did not score
            these data.
        code: Python files with classes that the model's recipe names, such as a cell.
        **overrides: changes to the sections `data`, `decoding` and `evaluation` of the recipe.

    Returns:
        Scores of the split under its name, `details`, `baselines` and `notes`; also written to
        `evaluations/<split>.json` of the run.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.argument_checks import checked
    from nlpseq.custom_code import register
    from nlpseq.data.in_memory import as_options
    from nlpseq.experiment.evaluate import evaluate as evaluate_run
    from nlpseq.given_data import scoring_data
    from nlpseq.recipe import to_assignments

    name = checked(run=run)["run"]
    folder = checked(data_dir=data_dir)["data_dir"]
    register(code)
    given = scoring_data(data, columns, data_options)
    return evaluate_run(
        name,
        overrides=[*given.assignments, *to_assignments(overrides)],
        split=split,
        device=device,
        baselines=baselines,
        **as_options(given.beside(folder)),
    )


@overload
def load(
    run: Folder, device: Device = ..., task: None = ..., code: Files = ...
) -> "Predictor[Any]": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: Literal["classification"], code: Files = ...
) -> "Predictor[Classification]": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: Literal["tagging"], code: Files = ...
) -> "Predictor[TaggedText]": ...
@overload
def load(
    run: Folder,
    device: Device = ...,
    *,
    task: Literal["translation", "summarization"],
    code: Files = ...,
) -> "TextGenerator": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: Literal["language_modeling"], code: Files = ...
) -> "Generator": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: Literal["recall"], code: Files = ...
) -> "Predictor[TokenPredictions]": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: "type[Task[Any]]", code: Files = ...
) -> "Predictor[Any]": ...
def load(
    run: Folder,
    device: Device = None,
    task: "str | type[Task[Any]] | None" = None,
    code: Files = (),
) -> Any:
    """Load a trained model from its run directory or from the Hub.

    Args:
        run: a run directory, or a Hub id.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        task: name of the task, such as `tagging`, which gives the result its type; or the class of a
            task that is not part of nlpseq.
        code: Python files with classes that the model's recipe names, such as a cell.

    Returns:
        The predictor. Its `predict(texts)` returns a list with one prediction for each text, of a class
        in `nlpseq.predictor`: `Classification`, `TaggedText`, `GeneratedText` (translation and
        summarization), `TextScore` (language_modeling) or `TokenPredictions` (recall). A language
        model is a `Generator` too, which continues prompts; a model for translation or summarization is
        a `TextGenerator`, which takes decoding options and returns attention weights.

    Raises:
        nlpseq.UserError: there is no model of this format and task.
    """
    from nlpseq import model_directory
    from nlpseq.argument_checks import checked
    from nlpseq.custom_code import register

    name = checked(run=run)["run"]
    register(code)
    return model_directory.load(name, device, task)


def inspect(
    *names: str | Path,
    models: Sequence[str] = (),
    texts: Sequence[str] = (),
    parts: Sequence[str] = (),
    distance: int = 50,
    data: Any = None,
    columns: Columns = None,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    code: Files = (),
    **overrides: Any,
) -> "Inspection":
    """Inspect models, and write pictures and an HTML page; `nlpseq inspect` on the command line.

    Args:
        *names: run directories or Hub ids of trained models; recipes for new models.
        models: kinds of new models of each recipe, such as `["lstm", "transformer"]`.
        texts: texts to read; some of the models' own data by default.
        parts: some of gradients, distances, gates and attention; all by default.
        distance: number of tokens to follow gradients back.
        data: data of the models, as in `run`, where they were trained on data in memory, or instead of their own.
        columns: column of the data for each field of the task of new models.
        data_dir: folder of local data files.
        output: folder to write to; `inspection` in the run directory of a single model by default.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        code: Python files with classes that the recipes name, such as a cell.
        **overrides: changes to the recipes, as in `run`.

    Returns:
        The page, and the numbers behind the pictures by the name of the model.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq import inspection
    from nlpseq.argument_checks import checked
    from nlpseq.custom_code import register
    from nlpseq.given_data import data_for
    from nlpseq.recipe import to_assignments

    chosen = checked(names=names)["names"]
    folder = checked(data_dir=data_dir)["data_dir"]
    options = checked(models=models, texts=texts, parts=parts, output=output)
    options |= {"distance": distance, "device": device}
    register(code)
    given = data_for(chosen, data, columns)
    options["local_data"] = given.beside(folder)
    assignments = [*given.assignments, *to_assignments(overrides)]
    return inspection.inspect(chosen, assignments, **options)


def compare(
    *named: str | Path,
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    match: str = "",
    minutes: float | None = None,
    split: str | None = None,
    score: str | None = None,
    difference: float | None = None,
    data: Any = None,
    columns: Columns = None,
    data_options: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    samples: int = 10_000,
    measure: bool | None = None,
    code: Files = (),
    **overrides: Any,
) -> "Report":
    """Compare finished runs, or train recipes and compare them; `nlpseq compare` on the command line.

    Args:
        *named: run directories, those of several seeds included; or names of recipes.
        models: kinds of encoder for one recipe: `["lstm", "transformer"]`.
        seeds: seeds of each model's runs; 13, 14 and 15 if empty.
        match: what is made equal: `parameters`, `time` or `steps`.
        minutes: training time of each model, with `match="time"`.
        split: split to compare on; the (first) test split by default.
        score: score to compare; the task's main score by default.
        difference: smallest difference of interest, for the sample-size estimate.
        data: data to train on, as in `run`; for finished runs the data that they were scored on, where these were in
            memory.
        columns: column of the data for each field of the task, where recipes are trained.
        data_options: further keys of `[data]`, where recipes are trained.
        data_dir: folder of local data files.
        output: folder for reports and runs; below `runs/compare` by default.
        device: device to train and measure on.
        samples: number of bootstrap resamples and of permutations.
        measure: measure speed and memory; by default only where recipes are trained.
        code: Python files with classes that the recipes name, such as a cell.
        **overrides: changes to the recipes, as in `run`.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq import custom_code, recipe
    from nlpseq.argument_checks import checked
    from nlpseq.experiment.compare import compare as compare_models
    from nlpseq.given_data import data_for

    names = checked(names=named)["names"]
    folder = checked(data_dir=data_dir)["data_dir"]
    options = checked(models=models, seeds=seeds, output=output)
    options |= {"match": match, "minutes": minutes, "split": split, "score": score}
    options |= {"difference": difference, "samples": samples, "measure": measure}
    custom_code.register(code)
    given = data_for(names, data, columns, data_options)
    options["local_data"] = given.beside(folder)
    assignments = [*given.assignments, *recipe.to_assignments(overrides)]
    return compare_models(names, assignments, device=device, **options)[0]
