"""Curves of several models on one plot: gradient flow, accuracy against distance; and what clipping does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import BLUE, GREEN, VERMILLION, Line, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008), without the yellow that is faint on white; dashes and markers tell in grey.
_COLOURS = (BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINES = ("-", "--", "-.", (0, (1, 1)))
_MARKERS = "osD^vXP*"
_LOWEST = 1e-12  # of the first norm; what is below is no longer told apart
_BINNED = 12  # more distances than these are gathered, from each power of two to the next
_THIN: dict[str, Any] = {"marker": ".", "linewidth": 1.4}
Point = tuple[float, float]


def draw_gradient_flow(norms: Mapping[str, Sequence[float]], path: Path) -> None:
    """Norms of gradients relative to k = 0, against k, on a log axis.

    Args:
        norms: of each model for k = 0, 1, ..., K (`gradient_flow.Flow`); K need not be the same.
        path: the PNG file.
    """
    figure, axis = _figure()
    axis.axhline(1, color="#808080", linewidth=0.8)
    for number, (name, values) in enumerate(norms.items()):
        first = values[0] or 1.0
        relative = [max(value / first, 0.0) for value in values]
        shown = [value if value >= _LOWEST else float("nan") for value in relative]
        axis.plot(shown, label=name, **_style(number), markevery=max(1, len(values) // 8))
    axis.set_yscale("log")
    axis.set_xlabel("k, tokens between a loss and the state that it is differentiated by")
    axis.set_ylabel("norm of d loss(t) / d h(t - k)\nrelative to k = 0")
    _finish(figure, axis, path)


def draw_distances(
    curves: Mapping[str, Mapping[str, Mapping[str, float]]], chance: float, path: Path
) -> None:
    """Accuracy against distance.

    Args:
        curves: of each run its `by_distance`: distance -> `accuracy` and `answers`.
        chance: the accuracy of the best constant answer.
        path: the PNG file.
    """
    figure, axis = _figure()
    axis.axhline(chance, color="#808080", linewidth=0.8)
    axis.annotate(
        "best constant answer",
        (0.01, chance),
        xycoords=("axes fraction", "data"),
        va="bottom",
        size=8,
        color="#606060",
    )
    for number, (name, accuracies) in enumerate(curves.items()):
        distances, values = zip(*gathered(accuracies), strict=True)
        axis.plot(distances, values, label=name, **_style(number))
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_ylim(0, 1.03)
    axis.set_xlabel("tokens between an answer and what it follows from")
    axis.set_ylabel("accuracy")
    _finish(figure, axis, path)


def gathered(accuracies: Mapping[str, Mapping[str, float]]) -> list[Point]:
    """Points (distance, accuracy); of many distances the mean of those from 2^n to below 2^(n + 1).

    Means are over answers, of distances as of accuracies.
    """
    rows = [(int(d), one["accuracy"], one["answers"]) for d, one in accuracies.items()]
    if len(rows) <= _BINNED:
        return [(float(distance), accuracy) for distance, accuracy, _ in rows]
    points = []
    for size in sorted({distance.bit_length() for distance, _, _ in rows}):
        bin_ = [row for row in rows if row[0].bit_length() == size]
        count = sum(answers for _, _, answers in bin_)
        means = (sum(row[part] * row[2] for row in bin_) / count for part in (0, 1))
        points.append((next(means), next(means)))
    return points


def draw_clipping(history: Sequence[Line], clip_norm: float, path: Path) -> float | None:
    """Norms of the gradient before and after clipping, by update.

    Clipping scales a gradient of a larger norm down to that norm and leaves others alone (Pascanu et al.
    2013, algorithm 1), so what it left is known from what history.jsonl holds: the norm before.

    Args:
        history: lines of history.jsonl.
        clip_norm: `training.clip_norm`; 0: nothing was clipped.
        path: the PNG file.

    Returns:
        the share of the logged updates that were clipped; None if there is nothing to draw.
    """
    points = [(line["step"], line["gradient_norm"]) for line in history if "gradient_norm" in line]
    if not points:
        return None
    steps, before = zip(*points, strict=True)
    figure, axis = _figure()
    axis.plot(steps, before, label="before clipping", color=VERMILLION, **_THIN)
    if clip_norm:
        after = [min(norm, clip_norm) for norm in before]
        axis.axhline(clip_norm, color="#808080", linewidth=0.8)
        axis.plot(steps, after, label=f"after clipping to {clip_norm:g}", color=BLUE, **_THIN)
    axis.set_yscale("log")
    axis.set_xlabel("updates of the weights (steps)")
    axis.set_ylabel("norm of the gradient")
    _finish(figure, axis, path)
    clipped = [norm for norm in before if norm > clip_norm > 0]
    return len(clipped) / len(before)


def _figure() -> tuple[Any, "Axes"]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _style(number: int) -> dict[str, Any]:
    """The first lines are the thickest, so that they are seen below those that cover them."""
    thick = max(3 - number, 0)
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _LINES[number // len(_COLOURS) % len(_LINES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 4 + thick,
        "linewidth": 1.4 + 0.6 * thick,
    }


def _finish(figure: Any, axis: "Axes", path: Path) -> None:
    axis.grid(alpha=0.3)
    axis.margins(x=0.02)
    for label in axis.legend(fontsize=8).get_texts():
        label.set_parse_math(False)  # the name of a run may hold a $
    save(figure, path)
