"""The shipped recipes with their measured scores."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from .reading import locate, names, read_document

MEASURED = "measured.json"
"""File beside the recipes; `benchmarks/measured_recipes.py` writes it from docs/results."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A shipped recipe.

    Attributes:
        name: the name that `nlpseq run` takes.
        task: the value of `task =`.
        description: the first line of the file.
        source: the value of `data.source`.
        metric: split and score that judge it, such as `test F1`.
        value: that score, averaged over `seeds` runs; None if not measured.
        minutes: training time of one run, validation included.
        seeds: number of runs behind `value`.
    """

    name: str
    task: str
    description: str
    source: str
    metric: str
    value: float | None = None
    minutes: float | None = None
    seeds: int = 1


def catalogue() -> Iterator[CatalogueEntry]:
    """Yield the shipped recipes, sorted by name."""
    text = resources.files("nlpseq.recipes").joinpath(MEASURED).read_text(encoding="utf-8")
    measured = json.loads(text)
    for name in names():
        line = locate(name).read_text(encoding="utf-8").partition("\n")[0]
        document = read_document(name)
        yield CatalogueEntry(
            name,
            task=document["task"],
            description=line.removeprefix("#").partition("   ")[0].strip(),
            source=document["data"]["source"],
            **measured.get(name, {"metric": "not measured"}),
        )
