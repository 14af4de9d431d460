"""A look inside models: gradient flow, gates, attention, accuracy against distance; as pictures and a page.

file         | holds
-------------|----------------------------------------------
subjects.py  | the models to look into, trained or fresh, and texts for them
parts.py     | what is looked at
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpseq.errors import UserError, suggest
from nlpseq.files import disk, write_json, write_text
from nlpseq.inspection.page import Section, inspection_page
from nlpseq.versions import versions

from .models import VARIANTS, Subject, find
from .views import PARTS, Found, Request

__all__ = ["PARTS", "VARIANTS", "Inspection", "Subject", "find", "inspect"]


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        page: the HTML page, in a folder with its pictures and `inspection.json`.
        numbers: of each model by its name: `gradient_flow`, `spectral_radii`, `clipping`, `by_distance`.
        sections: of the page, with their tables.
    """

    page: Path
    numbers: dict[str, dict[str, Any]]
    sections: list[Section]


def inspect(
    names: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    texts: Sequence[str] = (),
    parts: Sequence[str] = (),
    distance: int = 50,
    data_dir: Path | None = None,
    output: Path | None = None,
    device: str | None = None,
    command: str = "",
) -> Inspection:
    """Look into models, and write pictures, numbers and a page of them.

    Args:
        names: runs or Hub ids of trained models; names or paths of recipes, for fresh ones.
        overrides: `section.key=value` assignments to the recipes.
        models: of `VARIANTS`: each recipe stands for one fresh model of each.
        texts: to read; (): some of the models' own data.
        parts: of `PARTS`; (): all that the models have.
        distance: largest k of gradient flow, in tokens.
        data_dir: folder of local data files.
        output: folder to write to; None: `inspection` in the run of a single trained model, else
            `runs/inspection`.
        device: where to run.
        command: what was asked, to be shown on the page.

    Raises:
        UserError: no such model, one that lacks a part that was named, no text, a folder that cannot be written.
    """
    _check(texts, parts, output)
    subjects = find(names, overrides, models=models, data_dir=data_dir, device=device)
    folder = output or _default_folder(names)
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    request = Request(subjects, texts, distance, folder, tuple(parts))
    found = Found(numbers={subject.name: {} for subject in subjects})
    for part in (one for name in parts or PARTS for one in PARTS[name]):
        more = part(request)
        found.sections += more.sections
        for name, numbers in more.numbers.items():
            found.numbers[name] |= numbers
    named = ", ".join(subject.name for subject in subjects)
    write_json(folder / "inspection.json", {"models": found.numbers, "versions": versions()})
    page = folder / "index.html"
    write_text(
        page, inspection_page(f"Inside {named}", [command] if command else [], found.sections)
    )
    return Inspection(page, found.numbers, found.sections)


def _check(texts: Sequence[str], parts: Sequence[str], output: Path | None) -> None:
    for name in parts:
        if name not in PARTS:
            raise UserError(f"parts: {name!r}: there are {', '.join(PARTS)}{suggest(name, PARTS)}")
    if any(not text.strip() for text in texts):
        raise UserError("--text: is empty; write a sentence, or leave it out")
    if output is not None and output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file; name a folder")


def _default_folder(names: Sequence[str]) -> Path:
    """In the run of a single one; a model of the Hub has no folder of the user's."""
    only = len(names) == 1 and Path(names[0]).is_dir()
    return (Path(names[0]) if only else Path("runs")) / "inspection"
