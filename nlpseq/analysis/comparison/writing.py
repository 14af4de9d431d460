"""The folder of a comparison: report.json, report.html, and the figures as PNG."""

import json
from collections.abc import Sequence
from pathlib import Path

from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.files import distinct_names, portable_name, write_json, write_text
from nlpseq.reporting.figures import write_png
from nlpseq.staging import staged

from .figures import draw
from .html import page
from .results import ComparisonResults
from .runs import run_folders

PLAN = "plan.json"  # of a comparison that trains its models
_LONGEST = 100  # characters of a folder's name


def default_folder(shared: str, names: Sequence[str]) -> Path:
    """Return the default folder of a comparison: `runs/compare/<shared>/<names>`.

    Args:
        shared: the recipe of all models, or else their task.
        names: of the models.
    """
    joined = "-".join(portable_name(name.replace("/", "_")) for name in names)
    return Path("runs") / "compare" / shared.replace("/", "-") / joined[:_LONGEST]


def folder_of(compared: Sequence[Path]) -> Path:
    """Return the default folder for a comparison of finished runs.

    Args:
        compared: run directories, or those of `--seeds`.

    Raises:
        UserError: one is not a finished run.
    """
    runs = [run for folder in compared for run in run_folders(folder)]
    names = distinct_names([folder.resolve() for folder in compared])
    return default_folder(model_directory.load_task(runs[0]).recipe.task, names)


def check_folder(folder: Path, compared: Sequence[Path]) -> None:
    """Check that a report may be written into a folder: it holds none, or one of the same models.

    Args:
        folder: where to write.
        compared: run directories, or those of `--seeds`, which may hold more seeds than before.

    Raises:
        UserError: it holds the report of other models, a damaged one, or models that are being trained.
    """
    path, mine = folder / "report.json", {run.resolve() for run in compared}
    if path.exists():
        try:
            models = json.loads(path.read_bytes())["models"]
            known = [Path(run).resolve() for model in models for run in model["folders"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged; delete it or choose another --output") from error
        folders = [{run, run.parent} for run in known]
        if not all(pair & mine for pair in folders) or mine - set().union(*folders):
            raise UserError(
                f"{folder}: holds a comparison of other runs ({known[0]}); choose another --output"
            )
    elif (folder / PLAN).exists() and not all(folder.resolve() in run.parents for run in mine):
        raise UserError(
            f"{folder}: holds a comparison that has not finished; choose another --output"
        )


def write(report: ComparisonResults, folder: Path) -> None:
    """Write a report; it replaces an earlier one, see `check_folder`.

    Args:
        report: the results.
        folder: to write to.

    Raises:
        UserError: it cannot be written.
    """
    pictures = list(draw(report))
    with staged(folder, "report.json") as temporary:
        for picture in pictures:
            write_png(picture.images["light"], temporary / "plots" / f"{picture.name}.png")
        write_text(temporary / "report.html", page(report, pictures))
        write_json(temporary / "report.json", report.document())
