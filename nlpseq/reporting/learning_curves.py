"""Learning curves: the history of a run as a figure.

Matplotlib's objects are used directly: no global figure, no display, nothing to close.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nlpseq.reporting.figures import BLUE, GREEN, VERMILLION, Line, Point, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SIZE, LOSS = "tokens", "nll_per_token"  # among the scores: no score, and what training minimises


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
        panel = next(panels)
        _draw(panel, _points(training, "loss"), "loss (nats)", BLUE, name="training")
        validation_loss = _validation_points(validations, LOSS)
        if validation_loss:
            _draw(panel, validation_loss, "loss (nats)", VERMILLION, "o", name="validation")
        panel.legend()
    for score in scores:
        label = f"validation\n{score.replace('_', ' ')}"
        _draw(next(panels), _validation_points(validations, score), label, VERMILLION, "o")
    if training:
        _draw(next(panels), _points(training, "learning_rate"), "learning rate", GREEN, line="--")
    axes[-1].set_xlabel("updates of the weights (steps)")
    _add_minutes(axes[0], training)
    path = folder / "learning_curves.png"
    save(figure, path)
    return path


def _score_names(validations: Sequence[Line]) -> list[str]:
    """The validation score to draw in a panel of its own: the first that a metric names."""
    names = dict.fromkeys(name for line in validations for name in line["validation"])
    return [name for name in names if name not in (SIZE, LOSS)][:1]


def _points(lines: Sequence[Line], key: str) -> list[Point]:
    return [(line["step"], line[key]) for line in lines if key in line]


def _validation_points(lines: Sequence[Line], score: str) -> list[Point]:
    return [
        (line["step"], line["validation"][score]) for line in lines if score in line["validation"]
    ]


def _draw(
    axis: "Axes",
    points: Sequence[Point],
    label: str,
    colour: str,
    marker: str = "",
    *,
    line: str = "-",
    name: str = "",
) -> None:
    steps, values = [step for step, _ in points], [value for _, value in points]
    # One point makes no line: it needs a marker to be seen.
    marker = marker or ("." if len(points) == 1 else "")
    axis.plot(steps, values, color=colour, linestyle=line, marker=marker, markersize=4, label=name)
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
    top.set_xticks(ticks, [f"{np.interp(tick, steps, minutes):.2g}" for tick in ticks])
    top.set_xlabel("minutes of training")
