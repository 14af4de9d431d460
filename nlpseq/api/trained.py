"""Use a trained model: score it, list its errors, load it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from nlpseq.api.arguments import Columns, Device, Files, Folder, data_and_changes
from nlpseq.argument_checks import checked

if TYPE_CHECKING:
    from nlpseq.analysis.errors import ErrorReport
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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
    local_data, changes = data_and_changes(
        (), data, columns, data_options, data_dir, overrides, code
    )
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
    local_data, _ = data_and_changes((), data, None, None, data_dir, {}, code)
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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
