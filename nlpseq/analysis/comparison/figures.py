"""Figures of a comparison: the differences, learning curves, score and cost; for light and dark pages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nlpseq.reporting.figures import png

from .report import Model, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), told apart by colour-blind readers; the first is lighter on dark paper.
_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_MARKERS = "osD^vPX"


class Style(NamedTuple):
    """Colours of a page."""

    paper: str
    ink: str
    first: str

    def colour(self, place: int) -> str:
        """Of the model at that place."""
        return (self.first, *_COLOURS)[place % (len(_COLOURS) + 1)]


LIGHT = Style(paper="#ffffff", ink="#1c1e21", first="#0072B2")
DARK = Style(paper="#1b1e23", ink="#e4e6ea", first="#56B4E9")
STYLES = {"light": LIGHT, "dark": DARK}


class Picture(NamedTuple):
    """A figure.

    Attributes:
        name: of its file.
        text: what it shows, for those who do not see it.
        images: PNG by the names of `STYLES`.
    """

    name: str
    text: str
    images: Mapping[str, bytes]


def draw(report: Report) -> Iterator[Picture]:
    """Every figure that there is something to draw for."""
    score = report.unit.label
    drawn: list[tuple[str, str, Callable[[Report, Style], Figure | None]]] = [
        (
            "differences",
            f"Differences in {score} between models, with their intervals",
            _differences,
        ),
        ("learning_curves", f"Validation {score} against updates and against minutes", _curves),
        (
            "score_and_cost",
            f"{report.split.capitalize()} {score} against training minutes and parameters",
            _pareto,
        ),
    ]
    for name, text, function in drawn:
        images = {}
        for theme, style in STYLES.items():
            figure = _styled(function, report, style)
            if figure is not None:
                images[theme] = figure
        if images:
            yield Picture(name, text, images)


def _styled(
    function: Callable[[Report, Style], "Figure | None"], report: Report, style: Style
) -> bytes | None:
    from matplotlib import rc_context

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), style.ink
    )
    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), style.paper)
    others = {"text.parse_math": False, "legend.framealpha": 0.6, "legend.facecolor": style.paper}
    settings: Any = {**ink, **paper, **others}  # a union of 350 names to the type checker
    with rc_context(settings):
        figure = function(report, style)
        return None if figure is None else png(figure)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _differences(report: Report, style: Style) -> "Figure":
    """An interval for each pair; what crosses the line at 0 may be chance."""
    pairs = report.pairs
    figure = _figure(8, 1.3 + 0.3 * len(pairs))
    axis: Axes = figure.subplots()
    for place, pair in enumerate(pairs):
        one, factor = pair.scores[report.score], report.unit.factor
        middle, low, high = (factor * value for value in (one.difference, one.low, one.high))
        bars = [[max(0.0, middle - low)], [max(0.0, high - middle)]]
        colour = style.first if one.corrected_p_value <= 0.05 else style.ink
        axis.errorbar(middle, place, xerr=bars, fmt="o", color=colour, capsize=4)
    axis.axvline(0, color=style.ink, linewidth=0.8, linestyle="--")
    axis.set_yticks(range(len(pairs)), [f"{pair.first} - {pair.second}" for pair in pairs])
    axis.set_ylim(len(pairs) - 0.5, -0.5)
    better = {
        True: "; above 0 the first is better",
        False: "; below 0 the first is better",
        None: "",
    }
    axis.set_xlabel(f"difference in {report.unit.name}{better[report.unit.higher_is_better]}")
    axis.grid(axis="x", alpha=0.3)
    return figure


def _curves(report: Report, style: Style) -> "Figure | None":
    """The score on validation, a line for each run; runs of one model share a colour."""
    found = {
        contender.name: [_validations(run.history, report.score) for run in contender.runs]
        for contender in report.contenders
    }
    if not any(len(points) for runs in found.values() for points in runs):
        return None
    figure = _figure(9, 3.8)
    axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    for place, (name, runs) in enumerate(found.items()):
        for number, points in enumerate(runs):
            if not points:
                continue
            steps, seconds, values = zip(*points, strict=True)
            for axis, times in ((axes[0], steps), (axes[1], [second / 60 for second in seconds])):
                axis.plot(
                    times,
                    [value * report.unit.factor for value in values],
                    color=style.colour(place),
                    marker=_MARKERS[place % len(_MARKERS)],
                    markersize=4,
                    linewidth=1.2,
                    alpha=0.85,
                    label=name if number == 0 else None,
                )
    axes[0].set_xlabel("updates of the weights")
    axes[1].set_xlabel("minutes of training")
    axes[0].set_ylabel(f"validation {report.unit.told}")
    for axis in axes:
        axis.grid(alpha=0.3)
    axes[0].legend()
    return figure


def _validations(
    history: Sequence[Mapping[str, Any]], score: str
) -> list[tuple[float, float, float]]:
    """Steps, seconds and values."""
    return [
        (line["step"], line.get("seconds", float("nan")), line["validation"][score])
        for line in history
        if score in line.get("validation", {})
    ]


def _pareto(report: Report, style: Style) -> "Figure":
    """Score against cost; the dashed line joins the models that no other beats in both."""
    figure = _figure(9, 3.8)
    axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    costs: list[tuple[str, Callable[[Model], float]]] = [
        ("minutes of training", lambda model: model.cost.minutes),
        ("parameters", lambda model: model.cost.parameters),
    ]
    for axis, (label, cost) in zip(axes, costs, strict=True):
        points = []
        for place, model in enumerate(report.models):
            found = model.scores[report.score]
            value = found.mean * report.unit.factor
            spread = (found.standard_deviation or 0.0) * report.unit.factor
            marker = _MARKERS[place % len(_MARKERS)]
            axis.errorbar(
                cost(model),
                value,
                yerr=spread or None,
                fmt=marker,
                color=style.colour(place),
                capsize=4,
                label=model.name,
            )
            points.append((cost(model), value))
        front = _front(points, report.unit.higher_is_better is not False)
        axis.plot(
            *zip(*front, strict=True), color=style.ink, linestyle="--", linewidth=0.8, zorder=0
        )
        axis.set_xlabel(label)
        axis.margins(0.15)
        _widen(axis)
        axis.grid(alpha=0.3)
    axes[1].ticklabel_format(axis="x", style="plain")
    axes[1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes[1].xaxis.set_major_locator(_few_ticks())
    axes[0].set_ylabel(f"{report.split} {report.unit.told}")
    axes[0].legend()
    return figure


def _widen(axis: "Axes") -> None:
    """Let costs that hardly differ lie side by side: the axis spans a tenth of its middle at least."""
    low, high = axis.get_xlim()
    middle, half = (low + high) / 2, (high - low) / 2
    half = max(half, middle / 20)
    axis.set_xlim(middle - half, middle + half)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, integer=True)


def _front(points: Sequence[tuple[float, float]], higher: bool) -> list[tuple[float, float]]:
    """The points that no other beats in cost and score, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda one: (one[0], -one[1] if higher else one[1])):
        if not front or (value > front[-1][1] if higher else value < front[-1][1]):
            front.append((cost, value))
    return front
