"""Train: a recipe, your own data, the built-in tasks; and report on data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.api.arguments import Column, Columns, Files, as_name, data_and_changes
from nlpseq.api.keywords import as_keywords, in_python
from nlpseq.argument_checks import checked

if TYPE_CHECKING:
    from nlpseq.data.report import DataReport
    from nlpseq.experiment.quickstart import Quickstart
    from nlpseq.experiment.training_run import RunResult


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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
    from nlpseq.recipe import locate

    name = checked(recipe=recipe)["recipe"]
    locate(name)  # a misspelt recipe is reported before faults of the data
    options = checked(output=output, seeds=seeds, folds=folds)
    options |= {"device": device, "test": test, "resume": resume, "overwrite": overwrite}
    local_data, changes = data_and_changes(
        [name], data, columns, data_options, data_dir, overrides, code
    )
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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
        {name: as_name(value) for name, value in given.items() if value is not None},
        {name: file for name, file in files.items() if file is not None},
        to_assignments(overrides),
        task=task,
        output=checked(output=output)["output"],
        device=device,
        resume=resume,
        overwrite=overwrite,
        minutes=minutes,
    )
    with in_python() as say:
        return train_on(request, ignore if quiet else say)


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
    with in_python():
        report = read_own_data(
            data,
            check_fields({name: as_name(value) for name, value in columns.items()}),
            {name: file for name, file in files.items() if file is not None},
            only_report=True,
        ).report
    return replace(report, lines=tuple(map(as_keywords, report.lines)))


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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
