"""A comparison on disk: report.json, report.html, and the figures as PNG."""

import json
from collections.abc import Sequence
from pathlib import Path

from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.files import replacing, write_json, write_text

from .figures import draw
from .html import page
from .report import Report
from .runs import names_of, run_folders

PLAN = "plan.json"  # of models that are trained there
_LONGEST = 100  # letters of a folder's name


def default_folder(shared: str, names: Sequence[str]) -> Path:
    """Where a comparison is written if nobody says: `runs/compare/<shared>/<names>`.

    Args:
        shared: what the models have in common: their recipe, or else their task.
        names: of the models.
    """
    told = "-".join(name.replace("/", "_") for name in names)
    return Path("runs") / "compare" / shared.replace("/", "-") / told[:_LONGEST]


def folder_of(compared: Sequence[Path]) -> Path:
    """The default folder of a comparison of finished runs.

    Args:
        compared: run directories, or those of `--seeds`.

    Raises:
        UserError: one is no finished run.
    """
    runs = [run for folder in compared for run in run_folders(folder)]
    return default_folder(model_directory.read_task(runs[0]).recipe.task, names_of(compared))


def check_place(folder: Path, compared: Sequence[Path]) -> None:
    """See that a report may be written into a folder: it holds none, or one of the same models.

    Args:
        folder: where to write.
        compared: directories of runs, or of the runs of several seeds, which may have become more.

    Raises:
        UserError: it holds the report of other models, or a damaged one, or models that are being trained.
    """
    path, mine = folder / "report.json", {one.resolve() for one in compared}
    if path.exists():
        try:
            models = json.loads(path.read_bytes())["models"]
            known = [Path(run).resolve() for model in models for run in model["folders"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged; delete it, or choose another --output") from error
        places = [{run, run.parent} for run in known]
        if not all(one & mine for one in places) or mine - set().union(*places):
            raise UserError(
                f"{folder}: holds a comparison of other runs, as {known[0]}; choose another --output"
            )
    elif (folder / PLAN).exists() and not all(folder.resolve() in one.parents for one in mine):
        raise UserError(
            f"{folder}: holds a comparison that has not finished; choose another --output"
        )


def write(report: Report, folder: Path) -> None:
    """Write a report; an earlier one there is replaced, see `check_place`.

    Args:
        report: what was found.
        folder: where.

    Raises:
        UserError: it cannot be written.
    """
    pictures = list(draw(report))
    for picture in pictures:
        with replacing(folder / "plots" / f"{picture.name}.png") as temporary:
            temporary.write_bytes(picture.images["light"])
    write_json(folder / "report.json", report.document())
    write_text(folder / "report.html", page(report, pictures))
