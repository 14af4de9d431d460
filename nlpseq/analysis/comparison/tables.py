"""The tables of a report, for terminal and page: scores, costs, differences, parts of the test set."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nlpseq.analysis.statistics import Summary
from nlpseq.reporting.formats import (
    decimals_for,
    format_duration,
    format_number,
    readable_name,
)
from nlpseq.reporting.terminal import cell, console
from nlpseq.wording import format_count

from .costs import Cost
from .results import ComparisonResults
from .score_units import unit_of
from .slices import Slice
from .verdict import format_difference, format_p_value

if TYPE_CHECKING:
    from rich.table import Table

Rows = list[list[str]]
"""Rows of text; the first is the head."""


def print_report(report: ComparisonResults) -> None:
    """Print tables, notes and verdicts."""
    screen = console()
    for title, rows in all_tables(report):
        screen.print(_table(title, rows))
    for note in report.notes:
        screen.print(f"note: {note}", markup=False)
    screen.print()
    for sentence in report.verdicts:
        screen.print(sentence, markup=False, style="bold")


def all_tables(report: ComparisonResults) -> Iterator[tuple[str, Rows]]:
    """Yield the title and rows of every table."""
    yield f"{report.split} split: {format_count(report.examples, 'example')}", score_rows(report)
    yield "cost", cost_rows(report)
    yield f"differences in {report.unit.name}", difference_rows(report)
    for title, parts in report.slices.items():
        yield f"{report.unit.full_label} by {title}", slice_rows(report, title, parts)


def score_rows(report: ComparisonResults) -> Rows:
    """Return a row for each score, a column for each model: mean ± deviation and the interval of the mean."""
    models, task = report.models, report.candidates[0].runs[0].task
    names = list(dict.fromkeys(name for model in models for name in model.scores))
    names.sort(key=lambda name: name != report.score)
    head = ["score", *(f"{model.name}\n({_seeds(model.seeds)})" for model in models)]
    rows = []
    for name in names:
        unit = unit_of(name, task)
        cells = [format_summary(model.scores.get(name), unit.factor) for model in models]
        rows.append([unit.full_label, *cells])
    for name, value in report.baselines.items():
        rows.append([readable_name(name), *[format_number(value)] * len(models)])
    return [head, *rows]


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"


def format_summary(summary: Summary | None, factor: float = 1) -> str:
    """Return `86.83 ± 0.51` and, on a second line, `[85.57, 88.09]`, with two digits of the deviation."""
    if summary is None:
        return ""
    deviation = summary.standard_deviation
    if deviation is None or summary.low is None or summary.high is None:
        return _format_value(summary.mean, factor)
    values = [factor * value for value in (summary.mean, deviation, summary.low, summary.high)]
    decimals = decimals_for(values[1])
    mean, spread, low, high = (f"{value:,.{decimals}f}" for value in values)
    return f"{mean} ± {spread}\n[{low}, {high}]"  # narrow, so that four models fit 80 columns


def _format_value(value: float | None, factor: float) -> str:
    if value is None:
        return ""
    return f"{factor * value:.2f}" if factor != 1 else format_number(value)


def slice_rows(report: ComparisonResults, title: str, parts: Sequence[Slice]) -> Rows:
    """Return a row for each part of the test set, a column for each model."""
    names = [model.name for model in report.models]
    body = [
        [
            part.name,
            f"{part.examples:,}",
            *(_format_value(part.scores[name], report.unit.factor) for name in names),
        ]
        for part in parts
    ]
    return [[title, "examples", *names], *body]


def cost_rows(report: ComparisonResults) -> Rows:
    """Return a row for each cost, a column for each model."""
    costs = [model.cost for model in report.models]
    head = ["", *(model.name for model in report.models)]
    return [head, *([name, *cells] for name, cells in _cost_cells(costs))]


def _cost_cells(costs: Sequence[Cost]) -> Iterator[tuple[str, list[str]]]:
    yield "parameters", [f"{cost.parameters:,}" for cost in costs]
    yield "- embedding", [f"{cost.embedding:,}" for cost in costs]
    if any(cost.output for cost in costs):
        yield "- output layer", [f"{cost.output:,}" for cost in costs]
    yield "- other", [f"{cost.core:,}" for cost in costs]
    yield "training time", [format_duration(60 * cost.minutes) for cost in costs]
    yield "training tokens/s", [format_number(round(cost.tokens_per_second)) for cost in costs]
    yield "steps", [format_number(round(cost.steps)) for cost in costs]
    yield "size on disk (MB)", [format_number(cost.megabytes) for cost in costs]
    speeds = [cost.speed for cost in costs if cost.speed is not None]
    if len(speeds) == len(costs):
        yield "latency (ms/example)", [format_number(speed.milliseconds) for speed in speeds]
        yield "examples/s (batch 32)", [format_number(round(speed.per_second)) for speed in speeds]
        yield "peak memory (MB)", [format_number(round(speed.megabytes)) for speed in speeds]


def difference_rows(report: ComparisonResults) -> Rows:
    """Return a row for each pair of models."""
    unit = report.unit
    head = [
        "first - second",
        "difference",
        f"{report.level:.0%} CI",
        "p",
        "p (Holm)",
        "Cohen's d_z",
    ]
    rows = []
    for pair in report.pairs:
        result = pair.scores[report.score]
        middle, low, high = (
            format_difference(value * unit.factor, result, unit)
            for value in (result.difference, result.low, result.high)
        )
        p_values = [
            format_p_value(p).removeprefix("p ").removeprefix("= ")
            for p in (result.p_value, result.corrected_p_value)
        ]
        effect = "" if result.cohens_dz is None else f"{result.cohens_dz:.3f}"
        rows.append(
            [f"{pair.first} - {pair.second}", middle, f"{low} to {high}", *p_values, effect]
        )
    return [head, *rows]


def _table(title: str, rows: Rows) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, name in enumerate(rows[0]):
        table.add_column(cell(name), justify="right" if index else "left", overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(cell, row))
    return table
