"""Learning curves: the history of a run as a figure.

Matplotlib's objects are used directly: no global figure, no display, nothing to close.
"""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = Mapping[str, Any]

# Okabe & Ito (2008): told apart by colour-blind readers too; markers and dashes help in grey.
BLUE, VERMILLION, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
SIZE = "tokens"


def learning_curves(history: Sequence[Line], folder: Path) -> Path | None:
    """Draw training loss, validation scores and learning rate against steps.

    Args:
        history: lines of history.jsonl: `step` with `loss` and `learning_rate`, or with `validation`.
        folder: where `learning_curves.png` is written.

    Returns:
        The path of the figure; None if there is nothing to draw.
    """
    training = [line for line in history if "loss" in line]
    validations = [line for line in history if "validation" in line]
    scores = _score_names(validations)
    if not training and not scores:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(scores) + (2 if training else 0)
    figure = Figure(figsize=(8, 0.6 + 2.3 * count), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    panels = iter(axes)
    if training:
        _draw(next(panels), training, "loss", "training loss (nats)", BLUE)
    for score in scores:
        points = [{"step": line["step"], score: line["validation"][score]} for line in validations]
        label = f"validation\n{score.replace('_', ' ')}"
        _draw(next(panels), points, score, label, VERMILLION, marker="o")
    if training:
        _draw(next(panels), training, "learning_rate", "learning rate", GREEN, dashes="--")
    axes[-1].set_xlabel("updates of the weights (steps)")
    _add_minutes(axes[0], training)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "learning_curves.png"
    _save(figure, path)
    return path


def _score_names(validations: Sequence[Line]) -> list[str]:
    """Validation scores to draw, one panel each: not sizes, and no score in two units."""
    names = list(dict.fromkeys(name for line in validations for name in line["validation"]))
    return [name for name in names if name != SIZE and not name.startswith("floor_")][:2]


def _draw(
    axis: "Axes",
    lines: Sequence[Line],
    key: str,
    label: str,
    colour: str,
    marker: str = "",
    dashes: str = "-",
) -> None:
    found = [(line["step"], line[key]) for line in lines if key in line]
    steps, values = [step for step, _ in found], [value for _, value in found]
    # One point makes no line: it needs a marker to be seen.
    axis.plot(
        steps,
        values,
        color=colour,
        linestyle=dashes,
        marker=marker or ("." if len(found) == 1 else ""),
    )
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)
    axis.margins(x=0.02)


def _add_minutes(axis: "Axes", lines: Sequence[Line]) -> None:
    """Minutes of training above the figure, at the ticks of the steps below."""
    timed = [(line["step"], line["seconds"] / 60) for line in lines if "seconds" in line]
    if len(timed) < 2:
        return
    import numpy as np

    steps, minutes = np.array(timed).T
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if steps[0] <= tick <= min(high, steps[-1])]
    top = axis.twiny()
    top.set_xlim(low, high)
    top.set_xticks(ticks, [f"{np.interp(tick, steps, minutes):.3g}" for tick in ticks])
    top.set_xlabel("minutes of training")


def _save(figure: Any, path: Path) -> None:
    """Write the figure whole or not at all."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        temporary.write_bytes(image.getvalue())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
