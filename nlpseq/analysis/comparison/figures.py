"""Figures of a comparison: differences, learning curves, score against cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import MARKERS, Draw, Picture, Theme, new_figure, render
from nlpseq.reporting.fonts import legend_name
from nlpseq.reporting.learning_curves import time_unit

from .results import ComparisonResults, ModelSummary
from .verdict import SIGNIFICANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Validation = tuple[float, float, float]
"""Step, seconds of training, and score."""


def draw(report: ComparisonResults) -> Iterator[Picture]:
    """Draw every figure that there are data for."""
    label, split = report.unit.label, report.split.capitalize()
    pictures: list[tuple[str, str, Draw]] = [
        (
            "differences",
            f"Differences in {label} between models, with their intervals",
            partial(_differences, report),
        ),
    ]
    if curves := _validations(report):
        caption = f"Validation {label} against steps and against training time"
        pictures.append(("learning_curves", caption, partial(_learning_curves, report, curves)))
    caption = f"{split} {label} against training time and parameters"
    pictures.append(("score_and_cost", caption, partial(_score_and_cost, report)))
    for name, caption, function in pictures:
        yield render(name, caption, function)


def _differences(report: ComparisonResults, theme: Theme) -> "Figure":
    """Draw the interval of each pair; blue ones do not include chance."""
    pairs = report.pairs
    figure = new_figure(8, 1.6 + 0.3 * len(pairs))
    axis: Axes = figure.subplots()
    for index, pair in enumerate(pairs):
        result, factor = pair.scores[report.score], report.unit.factor
        middle, low, high = (
            factor * value for value in (result.difference, result.low, result.high)
        )
        bars = [[max(0.0, middle - low)], [max(0.0, high - middle)]]
        shown = result.corrected_p_value <= SIGNIFICANCE
        colour = theme.colour(0) if shown else theme.faint
        axis.errorbar(middle, index, xerr=bars, fmt="o", color=colour, capsize=4)
    axis.axvline(0, color=theme.ink, linewidth=0.8, linestyle="--")
    axis.set_yticks(range(len(pairs)), [f"{pair.first} - {pair.second}" for pair in pairs])
    axis.set_ylim(len(pairs) - 0.5, -0.5)
    better = {
        True: "; above 0 the first is better",
        False: "; below 0 the first is better",
        None: "",
    }
    axis.set_xlabel(f"difference in {report.unit.name}{better[report.unit.higher_is_better]}")
    axis.set_title(f"Differences on the {report.split} split, {report.level:.0%} intervals")
    axis.grid(axis="x", alpha=0.3)
    return figure


def _validations(report: ComparisonResults) -> Mapping[str, list[list[Validation]]]:
    """Return the validation scores of each run of each model; empty if there are none."""
    curves = {
        candidate.name: [_validation_points(run.history, report.score) for run in candidate.runs]
        for candidate in report.candidates
    }
    return curves if any(points for runs in curves.values() for points in runs) else {}


def _validation_points(history: Sequence[Mapping[str, Any]], score: str) -> list[Validation]:
    return [
        (line["step"], line.get("seconds", float("nan")), line["validation"][score])
        for line in history
        if score in line.get("validation", {})
    ]


def _learning_curves(
    report: ComparisonResults, curves: Mapping[str, list[list[Validation]]], theme: Theme
) -> "Figure":
    """Draw the score on validation, a line for each run; runs of one model share a colour."""
    figure = new_figure(9, 3.8)
    axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    longest = max(point[1] for runs in curves.values() for points in runs for point in points)
    unit, size = time_unit(longest)
    for index, (name, runs) in enumerate(curves.items()):
        for number, points in enumerate(runs):
            if not points:
                continue
            steps, seconds, values = zip(*points, strict=True)
            for axis, times in ((axes[0], steps), (axes[1], [second / size for second in seconds])):
                axis.plot(
                    times,
                    [value * report.unit.factor for value in values],
                    color=theme.colour(index),
                    marker=MARKERS[index % len(MARKERS)],
                    markersize=4,
                    linewidth=1.2,
                    alpha=0.85,
                    label=legend_name(name) if number == 0 else None,
                )
    axes[0].set_xlabel("step")
    axes[1].set_xlabel(f"training time ({unit})")
    axes[0].set_ylabel(f"validation {report.unit.full_label}")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.set_xlim(left=0)
    axes[0].legend()
    figure.suptitle("Learning curves", size=11)
    return figure


def _score_and_cost(report: ComparisonResults, theme: Theme) -> "Figure":
    """Draw score against cost; a dashed line joins the models that no other beats in both."""
    figure = new_figure(9, 3.8)
    axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    unit, size = time_unit(max(60 * model.cost.minutes for model in report.models))
    costs: list[tuple[str, Callable[[ModelSummary], float]]] = [
        (f"training time ({unit})", lambda model: 60 * model.cost.minutes / size),
        ("parameters", lambda model: model.cost.parameters),
    ]
    for axis, (label, cost) in zip(axes, costs, strict=True):
        points = []
        for index, model in enumerate(report.models):
            summary = model.scores[report.score]
            value = summary.mean * report.unit.factor
            spread = (summary.standard_deviation or 0.0) * report.unit.factor
            axis.errorbar(
                cost(model),
                value,
                yerr=spread or None,
                fmt=MARKERS[index % len(MARKERS)],
                color=theme.colour(index),
                capsize=4,
                label=legend_name(model.name),
            )
            points.append((cost(model), value))
        front = _front(points, report.unit.higher_is_better is not False)
        axis.plot(
            *zip(*front, strict=True), color=theme.ink, linestyle="--", linewidth=0.8, zorder=0
        )
        axis.set_xlabel(label)
        axis.margins(0.15)
        _widen(axis)
        axis.grid(alpha=0.3)
    axes[1].ticklabel_format(axis="x", style="plain")
    axes[1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes[1].xaxis.set_major_locator(_few_ticks())
    axes[0].set_ylabel(f"{report.split} {report.unit.full_label}")
    axes[0].legend()
    figure.suptitle("Score against cost", size=11)
    figure.set_layout_engine("constrained", wspace=0.08)  # room between the panels' tick labels
    return figure


def _widen(axis: "Axes") -> None:
    """Widen the axis to at least a tenth of its middle, so that nearly equal costs lie side by side."""
    low, high = axis.get_xlim()
    middle, half = (low + high) / 2, (high - low) / 2
    half = max(half, middle / 20)
    axis.set_xlim(middle - half, middle + half)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


def _front(points: Sequence[tuple[float, float]], higher: bool) -> list[tuple[float, float]]:
    """Return the points that no other beats in cost and score, by increasing cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda one: (one[0], -one[1] if higher else one[1])):
        if not front or (value > front[-1][1] if higher else value < front[-1][1]):
            front.append((cost, value))
    return front
