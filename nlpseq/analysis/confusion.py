"""Figures of what a classifier takes for what."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 24  # letters of a label that are shown
_MOST = 20  # classes whose counts can still be read; of more, colours tell


def draw_details(details: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """Draw what there is to draw of each split's details.

    Args:
        details: `details` of metrics.json, by split; of a `confusion_matrix` the figure is drawn.
        folder: where `confusion_matrix_<split>.png` is written.

    Returns:
        The paths of the figures.
    """
    paths = []
    for split, found in details.items():
        if "confusion_matrix" in found:
            path = folder / f"confusion_matrix_{split}.png"
            confusion_matrix(**found["confusion_matrix"], path=path)
            paths.append(path)
    return paths


def confusion_matrix(labels: Sequence[str], matrix: Sequence[Sequence[int]], path: Path) -> None:
    """Draw a confusion matrix: counts, and shaded by each row's shares.

    Args:
        labels: K names.
        matrix: (K, K) counts; a row is a true label, a column a predicted one.
        path: the PNG file.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # a row may be empty
    # Cells shrink with their number, down to what still holds a count and a share.
    cell = min(max(1.3 - 0.05 * len(labels), 0.55), 1.2) if len(labels) <= _MOST else 0.2
    side = 2.2 + cell * len(labels)
    figure = Figure(figsize=(side + 0.5, side), layout="compressed")
    FigureCanvasAgg(figure)
    axis: Axes = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _name(axis, labels)
    if len(labels) <= _MOST:
        _write(axis, counts, shares, size=5 + 4 * cell)
    bar = figure.colorbar(image, ax=axis, fraction=0.046, format=lambda x, _: f"{x:.0%}")
    bar.set_label("share of the true label")
    save(figure, path, trim=True)


def _name(axis: "Axes", labels: Sequence[str]) -> None:
    shown = [_short(label) for label in labels]
    places = range(len(labels))
    angle = 90 if len(labels) > _MOST else 45 if len(labels) > 3 else 0
    axis.set_xticks(places, shown, rotation=angle, ha="right" if angle == 45 else "center")
    axis.set_yticks(places, shown)
    for name in (*axis.get_xticklabels(), *axis.get_yticklabels()):
        name.set_parse_math(False)  # a label may hold a $
    axis.set_xlabel("predicted label")
    axis.set_ylabel("true label")


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _write(axis: "Axes", counts: Any, shares: Any, size: float) -> None:
    """The count and the share in each cell; an empty one stays empty but for a small 0."""
    for row, column in itertools.product(range(len(counts)), repeat=2):
        count, share = counts[row, column], shares[row, column]
        text = f"{count:,}\n{share:.0%}" if count else "0"
        colour = "white" if share > 0.6 else "black" if count else "grey"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
