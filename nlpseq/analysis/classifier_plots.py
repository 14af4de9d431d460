"""Figures of the probabilities of classifiers and taggers: reliability diagrams, ROC and precision-recall curves."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import LIGHT, Theme, new_figure, save
from nlpseq.reporting.fonts import legend_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LONGEST = 24  # characters of a class in a legend
_LINES = ("-", "--")


def draw_probabilities(details: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """Draw reliability diagrams, and ROC and precision-recall curves, of the splits that have them.

    Args:
        details: `details` of metrics.json, by split.
        folder: where `reliability_<split>.png` and `ranking_<split>.png` are written.

    Returns:
        The paths of the figures.
    """
    paths = []
    for split, tables in details.items():
        title = f"{split} split"
        if table := tables.get("reliability"):
            paths.append(folder / f"reliability_{split}.png")
            save(partial(reliability_figure, table, title=title), paths[-1])
        if curves := tables.get("curves"):
            paths.append(folder / f"ranking_{split}.png")
            save(partial(ranking_figure, curves, title=title), paths[-1])
    return paths


def reliability_figure(
    table: Mapping[str, Any], theme: Theme = LIGHT, *, title: str = ""
) -> "Figure":
    """Draw accuracy against confidence, and below it how many predictions are that sure.

    Args:
        table: from `metrics.calibration.reliability`.
        theme: colours.
        title: of the figure.
    """
    figure = new_figure(5, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins: Sequence[Mapping[str, Any]] = table["bins"]
    upper.plot([0, 1], [0, 1], color=theme.faint, linewidth=0.8, linestyle="--")
    upper.annotate(
        "calibrated", (0.03, 0.06), rotation=45, size=8, color=theme.faint, rotation_mode="anchor"
    )
    confidences, accuracies = ([bin_[key] for bin_ in bins] for key in ("confidence", "accuracy"))
    upper.vlines(confidences, confidences, accuracies, color=theme.colour(1), linewidth=2.5)
    largest = max(bin_["count"] for bin_ in bins)
    sizes = [20 + 100 * bin_["count"] / largest for bin_ in bins]
    upper.scatter(confidences, accuracies, s=sizes, color=theme.colour(0), zorder=3)
    upper.set_ylim(-0.03, 1.03)
    upper.set_ylabel("accuracy")
    upper.set_title(f"{title}: calibration error {table['calibration_error']:.3f}".lstrip(": "))
    left = [bin_["from"] for bin_ in bins]
    width = bins[0]["to"] - bins[0]["from"]
    lower.bar(
        left, [bin_["count"] for bin_ in bins], width * 0.9, align="edge", color=theme.colour(0)
    )
    lower.set_xlim(-0.03, 1.03)
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.set_ylabel(table["of"])
    lower.set_xlabel("confidence")
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    return figure


def ranking_figure(
    curves: Mapping[str, Mapping[str, Any]], theme: Theme = LIGHT, *, title: str = ""
) -> "Figure":
    """Draw ROC and precision-recall curves, each class against the rest.

    Args:
        curves: from `metrics.ranking.ranking_curves`, at least one.
        theme: colours.
        title: of the figure.
    """
    figure = new_figure(9.5, 4.6 if len(curves) < 6 else 5.4)
    roc, precision_recall = figure.subplots(1, 2)
    roc.plot([0, 1], [0, 1], color=theme.faint, linewidth=0.8, linestyle="--")
    for index, (name, curve) in enumerate(curves.items()):
        style: dict[str, Any] = {
            "color": theme.colour(index),
            "linestyle": _LINES[index // len(theme.colours) % len(_LINES)],
            "linewidth": 1.6,
        }
        short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        points = list(zip(*curve["roc"], strict=True))
        roc.plot(*points, label=legend_name(f"{short}: {curve['auroc']:.3f}"), **style)
        points = list(zip(*curve["precision_recall"], strict=True))
        label = legend_name(f"{short}: {curve['average_precision']:.3f}")
        precision_recall.plot(*points, label=label, drawstyle="steps-pre", **style)
    _finish(roc, "false positive rate", "true positive rate", "ROC", "AUROC")
    _finish(precision_recall, "recall", "precision", "Precision and recall", "average precision")
    if title:
        figure.suptitle(title, size=11)
    return figure


def _finish(axis: "Axes", x: str, y: str, title: str, legend: str) -> None:
    axis.set_xlim(-0.02, 1.02)
    axis.set_ylim(-0.02, 1.03)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_title(title)
    axis.grid(alpha=0.3)
    axis.legend(title=legend, fontsize=8, title_fontsize=8)
