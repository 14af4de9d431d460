"""Figures of confusion matrices."""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import LIGHT, Theme, new_figure, save
from nlpseq.reporting.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LONGEST = 24  # characters of a label that are shown
_MOST = 20  # classes whose counts are written; with more, cells are too small


def draw_details(details: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """Draw the confusion matrix of each split that has one.

    Args:
        details: `details` of metrics.json, by split.
        folder: where `confusion_matrix_<split>.png` is written.

    Returns:
        The paths of the figures.
    """
    paths = []
    for split, scores in details.items():
        if "confusion_matrix" in scores:
            path = folder / f"confusion_matrix_{split}.png"
            labels, matrix = (
                scores["confusion_matrix"]["labels"],
                scores["confusion_matrix"]["matrix"],
            )
            draw = partial(confusion_figure, labels, matrix, title=f"{split} split")
            save(draw, path, trim=True)
            paths.append(path)
    return paths


def confusion_figure(
    labels: Sequence[str],
    matrix: Sequence[Sequence[int]],
    theme: Theme = LIGHT,
    *,
    title: str = "",
) -> "Figure":
    """Draw a confusion matrix: counts, shaded by their share of the row.

    Args:
        labels: K names.
        matrix: (K, K) counts; rows are true labels, columns predicted ones.
        theme: colours.
        title: of the figure.
    """
    import numpy as np

    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # a row may be empty
    # Cells shrink with their number, as long as a count and a share fit.
    cell = min(max(1.3 - 0.05 * len(labels), 0.55), 1.2) if len(labels) <= _MOST else 0.2
    side = 2.2 + cell * len(labels)
    figure = new_figure(side + 0.5, side, layout="compressed")
    axis: Axes = figure.subplots()
    image = axis.imshow(shares, cmap=theme.sequential(), vmin=0, vmax=1)
    _name(axis, labels)
    if len(labels) <= _MOST:
        _write(axis, counts, shares, size=5 + 4 * cell)
    bar = figure.colorbar(image, ax=axis, fraction=0.046, format=lambda x, _: f"{x:.0%}")
    bar.set_label("share of the true label")
    axis.set_title(title)
    return figure


def _name(axis: "Axes", labels: Sequence[str]) -> None:
    shown = _shown_labels(labels)
    indices = range(len(labels))
    angle = 90 if len(labels) > _MOST else 45 if len(labels) > 3 else 0
    axis.set_xticks(indices, shown, rotation=angle, ha="right" if angle == 45 else "center")
    axis.set_yticks(indices, shown)
    axis.set_xlabel("predicted label")
    axis.set_ylabel("true label")


def _shown_labels(labels: Sequence[str]) -> list[str]:
    """Return short labels that can be drawn; labels that would look the same have their number before them."""
    short = [_short(drawable(" ".join(label.split()))) for label in labels]
    if len(set(short)) == len(short):
        return short
    return [f"{number} {label}" for number, label in enumerate(short, 1)]


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _write(axis: "Axes", counts: Any, shares: Any, size: float) -> None:
    """Write count and share into each cell; into an empty one only 0."""
    for row, column in itertools.product(range(len(counts)), repeat=2):
        count, share = counts[row, column], shares[row, column]
        text = f"{count:,}\n{share:.0%}" if count else "0"
        colour = "white" if share > 0.6 else "black" if count else "grey"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
