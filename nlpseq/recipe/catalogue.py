"""The recipes that come with nlpseq, and what real runs of them have measured."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from .reading import locate, names, read

MEASURED = "measured.json"
"""Beside the recipes; `benchmarks/measured_recipes.py` writes it from docs/results."""


@dataclass(frozen=True)
class Entry:
    """A recipe.

    Attributes:
        name: as it is run.
        description: its first line.
        source: of its data.
        metric: the split and the score that it is judged by.
        value: that score, of one run or the mean of several; None if it was not measured.
        minutes: of training one run, with its validations.
        seeds: of how many runs the value is the mean.
    """

    name: str
    description: str
    source: str
    metric: str
    value: float | None = None
    minutes: float | None = None
    seeds: int = 1


def catalogue() -> Iterator[Entry]:
    """The recipes by name."""
    text = resources.files("nlpseq.recipes").joinpath(MEASURED).read_text(encoding="utf-8")
    measured = json.loads(text)
    for name in names():
        line = locate(name).read_text(encoding="utf-8").partition("\n")[0]
        yield Entry(
            name,
            description=line.removeprefix("#").partition("   ")[0].strip(),
            source=read(name)["data"]["source"],
            **measured.get(name, {"metric": "not measured"}),
        )
