"""The page of an error report, whose texts are shaded where the model can be loaded."""

from collections.abc import Sequence
from pathlib import Path

from nlpseq.files import portable_name, write_text
from nlpseq.reporting.error_page import error_page
from nlpseq.stored_files import check_inside

from .examples import ScoredRun
from .results import ErrorReport
from .shading import shade_cases


def default_page(folder: Path, split: str) -> Path:
    """Return the default path of the page: `errors/<split>.html` of the run directory.

    Raises:
        UserError: a link leads out of the run directory.
    """
    page = folder / "errors" / f"{portable_name(split)}.html"
    check_inside(folder, page)
    return page


def write_page(
    report: ErrorReport,
    runs: Sequence[ScoredRun],
    path: Path,
    *,
    device: str | None = None,
    command: str = "",
) -> str:
    """Write the page; it replaces an earlier one.

    Args:
        report: the errors.
        runs: that the report is about; their models shade the texts.
        path: of the page.
        device: where to run the models.
        command: that made the page.

    Returns:
        Why texts are not shaded although the model could explain itself; '' if they are.
    """
    shading, note = shade_cases(report, runs, device)
    write_text(path, error_page(report.to_json(), shading, command))
    return note
