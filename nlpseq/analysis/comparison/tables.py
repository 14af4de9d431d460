"""A comparison on a terminal: scores, costs, parts of the test set, and the verdict."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nlpseq.analysis.statistics import Summary
from nlpseq.reporting.formats import format_number, readable_name

from .costs import Cost
from .report import Report
from .score_units import unit_of
from .slices import Slice
from .verdict import p_words, told

if TYPE_CHECKING:
    from rich.table import Table

Rows = list[list[str]]
"""Rows of text; the first is the head."""


def print_report(report: Report) -> None:
    """Print it."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    for title, rows in all_tables(report):
        console.print(_table(title, rows))
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    console.print()
    for sentence in report.verdicts:
        console.print(sentence, markup=False, style="bold")


def all_tables(report: Report) -> Iterator[tuple[str, Rows]]:
    """Titles and rows of every table, for terminal and page alike."""
    yield f"{report.split}: {report.examples:,} examples", score_rows(report)
    yield "cost", cost_rows(report)
    yield f"differences in {report.unit.name}", difference_rows(report)
    for title, cut in report.slices.items():
        yield f"{report.unit.told} by {title}", slice_rows(report, title, cut)


def score_rows(report: Report) -> Rows:
    """A row for each score, a column for each model: mean ± standard deviation, and interval of the mean."""
    models, task = report.models, report.contenders[0].runs[0].task
    names = list(dict.fromkeys(name for model in models for name in model.scores))
    names.sort(key=lambda name: name != report.score)
    head = ["score", *(f"{model.name} ({_seeds(model.seeds)})" for model in models)]
    rows = []
    for name in names:
        unit = unit_of(name, task)
        cells = [summary(model.scores.get(name), unit.factor) for model in models]
        rows.append([unit.told, *cells])
    for name, value in report.references.items():
        rows.append([readable_name(name), *[format_number(value)] * len(models)])
    return [head, *rows]


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"


def summary(found: Summary | None, factor: float = 1) -> str:
    """`86.83 ± 0.51 [85.57, 88.09]`, as much of it as is known, with two digits of the deviation."""
    if found is None:
        return ""
    deviation = found.standard_deviation
    if deviation is None or found.low is None or found.high is None:
        return _told(found.mean, factor)
    values = [factor * value for value in (found.mean, deviation, found.low, found.high)]
    decimals = 1 - math.floor(math.log10(values[1])) if values[1] > 0 else 2
    mean, spread, low, high = (f"{value:,.{min(max(decimals, 0), 4)}f}" for value in values)
    return f"{mean} ± {spread} [{low}, {high}]"


def _told(value: float | None, factor: float) -> str:
    if value is None:
        return ""
    return f"{factor * value:.2f}" if factor != 1 else format_number(value)


def slice_rows(report: Report, title: str, cut: Sequence[Slice]) -> Rows:
    """A row for each part of the test set, a column for each model."""
    names = [model.name for model in report.models]
    body = [
        [
            one.name,
            f"{one.examples:,}",
            *(_told(one.scores[name], report.unit.factor) for name in names),
        ]
        for one in cut
    ]
    return [[title, "examples", *names], *body]


def cost_rows(report: Report) -> Rows:
    """A row for each cost, a column for each model."""
    costs = [model.cost for model in report.models]
    head = ["", *(model.name for model in report.models)]
    return [head, *([name, *cells] for name, cells in _cost_cells(costs))]


def _cost_cells(costs: Sequence[Cost]) -> Iterator[tuple[str, list[str]]]:
    yield "parameters", [f"{cost.parameters:,}" for cost in costs]
    yield "of these embedding", [f"{cost.embedding:,}" for cost in costs]
    if any(cost.output for cost in costs):
        yield "of these output layer", [f"{cost.output:,}" for cost in costs]
    yield "all others", [f"{cost.core:,}" for cost in costs]
    yield "training minutes", [format_number(cost.minutes) for cost in costs]
    yield "tokens per second", [format_number(round(cost.tokens_per_second)) for cost in costs]
    yield "updates", [format_number(round(cost.steps)) for cost in costs]
    yield "megabytes on disk", [format_number(cost.megabytes) for cost in costs]
    speeds = [cost.speed for cost in costs if cost.speed is not None]
    if len(speeds) == len(costs):
        yield "ms for one example", [format_number(speed.milliseconds) for speed in speeds]
        yield "examples per second, 32 at once", [format_number(speed.per_second) for speed in speeds]
        yield "megabytes of memory at most", [format_number(round(speed.megabytes)) for speed in speeds]


def difference_rows(report: Report) -> Rows:
    """A row for each pair of models."""
    unit = report.unit
    head = ["first less second", "difference", f"{report.level:.0%} CI", "p", "Holm", "Cohen's d_z"]
    rows = []
    for pair in report.pairs:
        one = pair.scores[report.score]
        low, high = one.low * unit.factor, one.high * unit.factor
        rows.append(
            [
                f"{pair.first} - {pair.second}",
                told(one.difference * unit.factor, one, unit),
                f"{told(low, one, unit)} to {told(high, one, unit)}",
                *(
                    p_words(p).removeprefix("p ").removeprefix("= ")
                    for p in (one.p_value, one.corrected_p_value)
                ),
                "" if one.cohens_dz is None else f"{one.cohens_dz:.3f}",
            ]
        )
    return [head, *rows]


def _table(title: str, rows: Rows) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for place, name in enumerate(rows[0]):
        table.add_column(Text(name), justify="right" if place else "left", overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    return table
