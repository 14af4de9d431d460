"""Study models: look inside them, and compare them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.api.arguments import Columns, Files, data_and_changes
from nlpseq.argument_checks import checked

if TYPE_CHECKING:
    from nlpseq.analysis.comparison import Report
    from nlpseq.inspection import Inspection


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
        device: `auto`, `cpu`, `cuda`, ...; CUDA by default, else MPS (Apple), else the CPU.
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
    local_data, changes = data_and_changes(chosen, data, columns, None, data_dir, overrides, code)
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
    options["local_data"], changes = data_and_changes(
        named, data, columns, None, data_dir, overrides, code
    )
    return compare_models(checked(names=named)["names"], changes, **options)[0]
