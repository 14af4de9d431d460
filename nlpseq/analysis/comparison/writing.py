"""A comparison on disk: report.json, report.html, and the figures as PNG."""

from pathlib import Path

from nlpseq.files import replacing, write_json, write_text

from .page import page
from .pictures import draw
from .report import Report


def write(report: Report, folder: Path | None = None) -> Path:
    """Write a report; an earlier one there is replaced.

    Args:
        report: what was found.
        folder: where; `runs/compare/<names>` below the working folder if None.

    Returns:
        The folder.

    Raises:
        UserError: it cannot be written.
    """
    names = "-".join(model.name.replace("/", "_") for model in report.models)
    folder = folder or Path("runs") / "compare" / names[:100]
    pictures = list(draw(report))
    for picture in pictures:
        with replacing(folder / "plots" / f"{picture.name}.png") as temporary:
            temporary.write_bytes(picture.images["light"])
    write_json(folder / "report.json", report.document())
    write_text(folder / "report.html", page(report, pictures))
    return folder
