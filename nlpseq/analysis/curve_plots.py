"""Curves of several models in one figure: gradient flow, accuracy against distance; and gradient clipping."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import LIGHT, MARKERS, Line, Point, Theme, log_ticks, new_figure
from nlpseq.reporting.fonts import legend_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", "--", "-.", (0, (1, 1)))
_LOWEST = 1e-12  # relative to the first norm; smaller norms are rounding errors
_BINNED = 12  # with more distances, those between two powers of two are averaged
_THIN: dict[str, Any] = {"marker": ".", "linewidth": 1.4}


def gradient_flow_figure(norms: Mapping[str, Sequence[float]], theme: Theme = LIGHT) -> "Figure":
    """Draw gradient norms relative to k = 0 against k, on a logarithmic axis.

    Args:
        norms: for each model those for k = 0, 1, ..., K (`gradient_flow.Flow`); K may differ.
        theme: colours.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axis = _figure()
    axis.axhline(1, color=theme.faint, linewidth=0.8)
    for index, (name, values) in enumerate(norms.items()):
        first = values[0] or 1.0
        relative = [max(value / first, 0.0) for value in values]
        shown = [value if value >= _LOWEST else float("nan") for value in relative]
        axis.plot(
            shown,
            label=legend_name(name),
            **_style(index, theme),
            markevery=max(1, len(values) // 8),
        )
    axis.set_yscale("log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("k: time steps back from the loss")
    axis.set_title("Gradient flow through time")
    axis.set_ylabel("norm of d loss(t) / d h(t - k)\nrelative to k = 0")
    _finish(axis)
    log_ticks(axis.yaxis)
    return figure


def distance_figure(
    curves: Mapping[str, Mapping[str, Mapping[str, float]]], chance: float, theme: Theme = LIGHT
) -> "Figure":
    """Draw accuracy against distance.

    Args:
        curves: `by_distance` of each run: distance -> `accuracy` and `answers`.
        chance: the accuracy of the best constant prediction.
        theme: colours.
    """
    figure, axis = _figure()
    axis.axhline(100 * chance, color=theme.faint, linewidth=0.8)
    axis.annotate(
        "best constant prediction",
        (0.01, 100 * chance),
        xycoords=("axes fraction", "data"),
        va="bottom",
        size=8,
        color=theme.faint,
    )
    for index, (name, accuracies) in enumerate(curves.items()):
        distances, values = zip(*gather(accuracies), strict=True)
        percent = [100 * value for value in values]
        axis.plot(distances, percent, label=legend_name(name), **_style(index, theme))
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_ylim(0, 103)
    axis.set_xlabel("distance: tokens between a prediction and the input that decides it")
    axis.set_ylabel("accuracy (%)")
    axis.set_title("Accuracy against distance")
    _finish(axis)
    return figure


def gather(accuracies: Mapping[str, Mapping[str, float]]) -> list[Point]:
    """Return points (distance, accuracy); of many distances the means from 2^n to below 2^(n + 1).

    Means are over predictions, for distances as for accuracies.
    """
    rows = [(int(d), scores["accuracy"], scores["answers"]) for d, scores in accuracies.items()]
    if len(rows) <= _BINNED:
        return [(float(distance), accuracy) for distance, accuracy, _ in rows]
    points = []
    for size in sorted({distance.bit_length() for distance, _, _ in rows}):
        bin_ = [row for row in rows if row[0].bit_length() == size]
        count = sum(answers for _, _, answers in bin_)
        means = (sum(row[part] * row[2] for row in bin_) / count for part in (0, 1))
        points.append((next(means), next(means)))
    return points


def gradient_norms(history: Sequence[Line]) -> list[Point]:
    """Return (step, norm of the gradient before clipping) for the logged steps of history.jsonl."""
    return [(line["step"], line["gradient_norm"]) for line in history if "gradient_norm" in line]


def clipped_share(points: Sequence[Point], clip_norm: float) -> float:
    """Return the share of the logged steps whose gradient was clipped; `clip_norm` 0 clips nothing."""
    return sum(norm > clip_norm > 0 for _, norm in points) / len(points)


def clipping_figure(points: Sequence[Point], clip_norm: float, theme: Theme = LIGHT) -> "Figure":
    """Draw norms of the gradient before and after clipping, against steps.

    Clipping scales a gradient with a larger norm down to that norm and leaves others unchanged (Pascanu et al.
    2013, algorithm 1), so the norm after follows from the norm before.

    Args:
        points: from `gradient_norms`, at least one.
        clip_norm: `training.clip_norm`; 0: no clipping.
        theme: colours.
    """
    steps, before = zip(*points, strict=True)
    figure, axis = _figure()
    axis.plot(
        steps, before, label="before clipping", color=theme.colour(1), **(_THIN | {"linewidth": 4})
    )
    if clip_norm:
        after = [min(norm, clip_norm) for norm in before]
        axis.axhline(clip_norm, color=theme.faint, linewidth=0.8)
        label = f"after clipping to {clip_norm:g}"
        axis.plot(steps, after, label=label, color=theme.colour(0), **_THIN)
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_title("Gradient clipping")
    axis.set_ylabel("norm of the gradient")
    _finish(axis)
    axis.set_xlim(left=0)
    log_ticks(axis.yaxis)
    return figure


def _figure() -> "tuple[Figure, Axes]":
    figure = new_figure(7, 4)
    return figure, figure.subplots()


def _style(index: int, theme: Theme) -> dict[str, Any]:
    """Return a line's style: the first lines are the thickest, so that later ones do not hide them."""
    thick = max(3 - index, 0)
    return {
        "color": theme.colour(index),
        "linestyle": _LINES[index // len(theme.colours) % len(_LINES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 4 + thick,
        "linewidth": 1.4 + 0.6 * thick,
    }


def _finish(axis: "Axes") -> None:
    axis.grid(alpha=0.3)
    axis.margins(x=0.02)
    axis.legend(fontsize=8)
