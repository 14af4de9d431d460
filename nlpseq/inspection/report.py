"""An inspection from beginning to end: find the models, run each view, write pictures, numbers and the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nlpseq.data.in_memory import LocalData
from nlpseq.errors import UserError, suggest
from nlpseq.files import NotWrittenError, write_json, write_text
from nlpseq.owner import check_free, owned
from nlpseq.reporting.figures import write_png
from nlpseq.staging import staged
from nlpseq.stored_files import check_inside
from nlpseq.versions import versions

from .models import find_models
from .page import PageSection, inspection_page, sections_html
from .views import PARTS, Request, View


@dataclass(frozen=True)
class Inspection:
    """The result of an inspection; a notebook shows its sections.

    Attributes:
        page: the HTML page, in a folder with its pictures and `inspection.json`.
        numbers: for each model by its name: `gradient_flow`, `spectral_radii`, `clipping`, `by_distance`.
        sections: of the page, with tables and pictures.
        not_written: why the page could not be written; '' if it is.
    """

    page: Path
    numbers: dict[str, dict[str, Any]]
    sections: list[PageSection]
    not_written: str = ""

    def _repr_html_(self) -> str:
        """Show text, tables and pictures in a notebook."""
        return sections_html(
            [
                replace(section, pictures=[picture.for_notebook() for picture in section.pictures])
                for section in self.sections
            ]
        )


def inspect(
    names: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    texts: Sequence[str] = (),
    parts: Sequence[str] = (),
    distance: int = 50,
    local_data: LocalData | None = None,
    output: Path | None = None,
    device: str | None = None,
    command: str = "",
) -> Inspection:
    """Inspect models, then write pictures, numbers and a page.

    Args:
        names: runs or Hub ids of trained models; names or paths of recipes for new models.
        overrides: `section.key=value` assignments to the recipes.
        models: names in `VARIANTS`; each recipe is built once as each of them.
        texts: texts to read; by default some of the models' own data.
        parts: names in `PARTS`; by default all that apply to the models.
        distance: largest k of gradient flow, in time steps.
        local_data: folder of local data files, or data in memory.
        output: folder to write to; by default `inspection` in the run of a single trained model, else
            `runs/inspection`.
        device: where to run.
        command: shown on the page.

    Raises:
        UserError: no such model, a named part that does not apply, or no text.
    """
    _check(texts, parts, output)
    inspected = find_models(names, overrides, models=models, local_data=local_data, device=device)
    folder = output or _default_folder(names)
    place = folder.parent if folder.parent == Path(names[0]) else folder
    check_free(place)
    whole = View(numbers={model.name: {} for model in inspected})
    request = Request(inspected, texts, distance, tuple(parts))
    for view in (view for name in parts or PARTS for view in PARTS[name]):
        whole.add(view(request))
    done = Inspection(folder / "index.html", whole.numbers, whole.sections)
    try:
        with owned(place):
            _write(done, f"Inside {', '.join(model.name for model in inspected)}", command)
    except NotWrittenError as error:
        return replace(done, not_written=str(error))
    return done


def _write(done: Inspection, title: str, command: str) -> None:
    """Write pictures, numbers and page, which replace earlier ones together."""
    facts = [command] if command else []
    with staged(done.page.parent, done.page.name) as place:
        for picture in (picture for section in done.sections for picture in section.pictures):
            write_png(picture.images["light"], place / f"{picture.name}.png")
        write_json(place / "inspection.json", {"models": done.numbers, "versions": versions()})
        write_text(place / done.page.name, inspection_page(title, facts, done.sections))


def _check(texts: Sequence[str], parts: Sequence[str], output: Path | None) -> None:
    for name in parts:
        if name not in PARTS:
            raise UserError(
                f"parts: unknown part {name!r}; available: {', '.join(PARTS)}{suggest(name, PARTS)}"
            )
    if any(not text.strip() for text in texts):
        raise UserError("--text is empty: write a sentence, or omit it")
    if output is not None and output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file; name a folder")


def _default_folder(names: Sequence[str]) -> Path:
    """Return a folder in the run of a single trained model; models on the Hub have none."""
    only = len(names) == 1 and Path(names[0]).is_dir()
    if not only:
        return Path("runs") / "inspection"
    check_inside(Path(names[0]), Path(names[0]) / "inspection")
    return Path(names[0]) / "inspection"
