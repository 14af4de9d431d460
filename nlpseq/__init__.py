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

from nlpseq.argument_checks import checked
from nlpseq.errors import UserError

if TYPE_CHECKING:
    from nlpseq.analysis.comparison import Report
    from nlpseq.analysis.errors import ErrorReport
    from nlpseq.data.in_memory import LocalData
    from nlpseq.data.report import DataReport
    from nlpseq.experiment.quickstart import Quickstart
    from nlpseq.experiment.training_run import RunResult
    from nlpseq.inspection import Inspection
    from nlpseq.predictor import (
        Classification,
        Generator,
        LabelledText,
        Predictor,
        Regression,
        TaggedText,
        TextGenerator,
        TokenPredictions,
    )
    from nlpseq.task import Task

__all__ = [
    "UserError",
    "__version__",
    "compare",
    "find_errors",
    "evaluate",
    "inspect",
    "load",
    "quickstart",
    "report",
    "run",
    "train",
]

__version__ = "0.2.0"


Folder = str | Path
Files = str | Path | Iterable[str | Path]
Device = str | None
Column = str | Sequence[str]
Columns = Mapping[str, str | Sequence[str]] | None


def _given(
    names: Sequence[str | Path],
    data: Any,
    columns: Columns,
    options: Mapping[str, Any] | None,
    data_dir: str | Path | None,
    overrides: Mapping[str, Any],
    code: Files,
) -> "tuple[LocalData | None, list[str]]":
    """Return the data that a call gives, and its changes to recipes; files with code are read first."""
    from nlpseq.custom_code import register
    from nlpseq.given_data import data_for
    from nlpseq.recipe import to_assignments

    folder = checked(data_dir=data_dir)["data_dir"]
    register(code)
    given = data_for([str(name) for name in names], data, columns, options)
    return given.beside(folder), [*given.assignments, *to_assignments(overrides)]


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
        data: data instead of the recipe's: a DataFrame, a Dataset, a list of dicts, a dict of columns or splits, a
            path or a Hub id. Keys of the section `[data]` change that section: `{"files": ...}`.
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
        **overrides: changes to the recipe by section: `seed=14, training={"epochs": 3}`.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.data.in_memory import as_options
    from nlpseq.experiment.run import run as run_recipe

    name = checked(recipe=recipe)["recipe"]
    options = checked(output=output, seeds=seeds, folds=folds)
    options |= {"device": device, "test": test, "resume": resume, "overwrite": overwrite}
    local_data, changes = _given([name], data, columns, data_options, data_dir, overrides, code)
    return run_recipe(name, changes, track=track, **as_options(local_data), **options)


def train(
    data: Any,
    *,
    text: Column | None = None,
    label: str | None = None,
    text2: Column | None = None,
    labels: Column | None = None,
    number: str | None = None,
    tags: str | None = None,
    spans: str | None = None,
    source: Column | None = None,
    target: Column | None = None,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    task: str = "",
    minutes: float | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **overrides: Any,
) -> "RunResult":
    """Train on your own data with settings chosen by the data; `nlpseq train` on the command line.

        nlpseq.train("tickets.csv", text="message", label="category")
        nlpseq.train(frame, label="category", minutes=5)

    Args:
        data: a path, several of them, the id of a data set of the Hub, or data in memory: a DataFrame,
            `datasets.Dataset` or `DatasetDict`, a list of dicts, a dict of columns.
        text: column of the texts; several are joined. Columns that leave no doubt need no name.
        label: column of classes.
        text2: column of the second text of a pair.
        labels: column of lists of labels, or several columns of 0 and 1.
        number: column of numbers, for regression.
        tags: column with a tag for each token.
        spans: column of spans by offset.
        source: column of texts to translate or to summarize.
        target: column of their translations or summaries.
        validation: file of the validation split.
        test: file of the test split; without these, 10% of the data are held out for each.
        task: name of the task, where several read such columns.
        minutes: time for the whole call.
        output: run directory; `runs/<name of the data>` by default.
        device: `cpu`, `cuda`, ...; CUDA if available by default.
        resume: continue a run that was stopped.
        overwrite: replace an earlier run in `output`.
        quiet: do not print the report and the plan.
        **overrides: changes to the recipe, as in `run`; they come last.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.experiment.train import Request, ignore
    from nlpseq.experiment.train import train as train_on
    from nlpseq.recipe import to_assignments

    given = {"text": text, "label": label, "text2": text2, "labels": labels, "number": number}
    given |= {"tags": tags, "spans": spans, "source": source, "target": target}
    files = {"validation": validation, "test": test}
    request = Request(
        data,
        {name: _as_name(value) for name, value in given.items() if value is not None},
        {name: file for name, file in files.items() if file is not None},
        to_assignments(overrides),
        task=task,
        output=checked(output=output)["output"],
        device=device,
        resume=resume,
        overwrite=overwrite,
        minutes=minutes,
    )
    return train_on(request, ignore if quiet else print)


def report(
    data: Any,
    *,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    **columns: Column,
) -> "DataReport":
    """Report on data: classes, lengths, languages, duplicates, unknown words; `nlpseq data` on the command line.

    Args:
        data: as in `train`.
        validation: file of the validation split.
        test: file of the test split.
        **columns: column for each field, as in `train`: `text="message", label="category"`.

    Returns:
        The report; `to_json()` has all of its numbers.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.experiment.own_data import check_fields, read_own_data

    files = {"validation": validation, "test": test}
    return read_own_data(
        data,
        check_fields({name: _as_name(value) for name, value in columns.items()}),
        {name: file for name, file in files.items() if file is not None},
        only_report=True,
    ).report


def _as_name(column: Column) -> str | tuple[str, ...]:
    return column if isinstance(column, str) else tuple(column)


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
    from nlpseq.data.in_memory import as_options
    from nlpseq.experiment.evaluate import evaluate as evaluate_run

    name = checked(run=run)["run"]
    local_data, changes = _given((), data, columns, data_options, data_dir, overrides, code)
    options: dict[str, Any] = {"split": split, "device": device, "baselines": baselines}
    return evaluate_run(name, overrides=changes, **as_options(local_data), **options)


def find_errors(
    run: str | Path,
    *,
    split: str | None = None,
    limit: int = 20,
    output: str | Path | None = None,
    data: Any = None,
    data_dir: str | Path | None = None,
    device: Device = None,
    code: Files = (),
) -> "ErrorReport":
    """List where a trained model is wrong, and likely label errors; `nlpseq errors` on the command line.

        report = nlpseq.find_errors("runs/tickets", output="errors.html")
        for issue in report.label_errors.issues:
            print(issue.case.columns, issue.case.target, issue.suggested)

    Args:
        run: a run directory; of a cross-validation the folder of its folds.
        split: `test` by default, or else the last scored split.
        limit: number of rows of each table.
        output: HTML page to write, with texts shaded by what the model decided by; none by default.
        data: data of the run, as in `run`, to count rare words if it was trained on data in memory.
        data_dir: folder of local data files, if they have moved.
        device: `cpu`, `cuda`, ...; where the model shades texts.
        code: Python files with classes that the recipe names, such as a cell.

    Returns:
        The tables as dataclasses; `to_json()` has all of them, and a notebook shows them.

    Raises:
        nlpseq.UserError: no such run or split; one line says what to change.
    """
    from nlpseq.analysis.errors import build_error_report
    from nlpseq.analysis.errors.writing import write_page

    folder = Path(checked(run=run)["run"])
    local_data, _ = _given((), data, None, None, data_dir, {}, code)
    report, runs = build_error_report(folder, split=split, limit=limit, local_data=local_data)
    if output is not None:
        write_page(report, runs, Path(output), device=device)
    return report


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
    run: Folder, device: Device = ..., *, task: Literal["multilabel"], code: Files = ...
) -> "Predictor[LabelledText]": ...
@overload
def load(
    run: Folder, device: Device = ..., *, task: Literal["regression"], code: Files = ...
) -> "Predictor[Regression]": ...
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
        in `nlpseq.predictor`: `Classification`, `LabelledText`, `Regression`, `TaggedText`, `GeneratedText`
        (translation and summarization), `TextScore` (language_modeling) or `TokenPredictions` (recall). A language
        model is a `Generator` too, which continues prompts; a model for translation or summarization is
        a `TextGenerator`, which takes decoding options and returns attention weights.

    Raises:
        nlpseq.UserError: there is no model of this format and task.
    """
    from nlpseq import model_directory
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

    chosen = checked(names=names)["names"]
    options = checked(models=models, texts=texts, parts=parts, output=output)
    options |= {"distance": distance, "device": device}
    local_data, changes = _given(chosen, data, columns, None, data_dir, overrides, code)
    return inspection.inspect(chosen, changes, local_data=local_data, **options)


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
        data: data as in `run`; for finished runs those that they were scored on.
        columns: column of the data for each field of the task, where recipes are trained.
        data_dir: folder of local data files.
        output: folder for reports and runs; below `runs/compare` by default.
        device: where to train and measure.
        samples: number of bootstrap resamples and of permutations.
        measure: measure speed and memory; by default only where recipes are trained.
        code: Python files with classes that the recipes name, such as a cell.
        **overrides: changes to the recipes, as in `run`.

    Raises:
        nlpseq.UserError: bad input; one line says what to change.
    """
    from nlpseq.experiment.compare import compare as compare_models

    options = checked(models=models, seeds=seeds, output=output)
    options |= {"match": match, "minutes": minutes, "split": split, "score": score}
    options |= {"difference": difference, "samples": samples, "measure": measure, "device": device}
    options["local_data"], changes = _given(named, data, columns, None, data_dir, overrides, code)
    return compare_models(checked(names=named)["names"], changes, **options)[0]
