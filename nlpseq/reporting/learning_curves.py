"""Learning curves: loss, validation score and learning rate of a run, against steps and time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.reporting.figures import LIGHT, Line, Point, Theme, new_figure, save
from nlpseq.reporting.fonts import legend_name
from nlpseq.reporting.formats import is_percent, score_label
from nlpseq.reporting.tables import FLOOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SIZE = "tokens"  # among the scores, but no score
LOSSES = ("nll_per_token", "loss")  # among the scores: what training minimises, under either name
_FIRST_STEPS = 0.05  # share of the logged steps whose loss may lie outside the panel,
_SQUASHED = 2.5  # if it makes the panel's range that many times larger


@dataclass(frozen=True)
class Chosen:
    """The weights that a run kept.

    Attributes:
        score: validation score that chose them; `loss` for the validation loss; '' if none did.
        step: their step.
    """

    score: str = ""
    step: int = 0


def learning_curves(
    history: Sequence[Line],
    folder: Path,
    *,
    title: str = "",
    scores: Mapping[str, Any] | None = None,
    chosen: Chosen = Chosen(),
) -> Path | None:
    """Draw training loss, validation score and learning rate against steps.

    Args:
        history: lines of history.jsonl: `step` with `loss` and `learning_rate`, or with `validation`.
        folder: where `learning_curves.png` is written.
        title: of the figure, such as the name of the recipe.
        scores: final scores on validation; a `floor_x` among them is drawn beside the score `x`.
        chosen: weights that were kept; their score is drawn, and their step marked.

    Returns:
        The path of the figure; None if there is nothing to draw.
    """
    training = [line for line in history if "loss" in line]
    validations = [line for line in history if "validation" in line]
    if not training and not _score_names(validations, chosen.score):
        return None
    path = folder / "learning_curves.png"
    save(lambda theme: _draw(training, validations, title, scores or {}, theme, chosen), path)
    return path


def _draw(
    training: Sequence[Line],
    validations: Sequence[Line],
    title: str,
    final: Mapping[str, Any],
    theme: Theme = LIGHT,
    chosen: Chosen = Chosen(),
) -> "Figure":
    scores = _score_names(validations, chosen.score)
    count = len(scores) + (2 if training else 0)
    figure = new_figure(8, 0.9 + 2.2 * count)
    axes: list[Axes] = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    panels = iter(axes)
    blue, red, green, *_ = theme.colours
    if training:
        panel = next(panels)
        _draw_loss(panel, training, validations, blue, red)
        if chosen.score in LOSSES:
            _mark_chosen(panel, validations, _loss_name(validations), chosen, theme)
    for score in scores:
        panel = next(panels)
        _draw_score(panel, validations, score, final.get(FLOOR + score), red, theme)
        if score == chosen.score:
            _mark_chosen(panel, validations, score, chosen, theme)
    if training:
        panel = next(panels)
        _plot(panel, _points(training, "learning_rate"), green, line="--")
        panel.set_ylabel("learning rate")
        panel.set_ylim(bottom=0)
    axes[-1].set_xlabel("step")
    axes[-1].set_xlim(left=0)
    _add_time(axes[0], training)
    if title:
        figure.suptitle(title)
    return figure


def _draw_loss(
    panel: "Axes", training: Sequence[Line], validations: Sequence[Line], blue: str, red: str
) -> None:
    points = _points(training, "loss")
    validation = _validation_points(validations, _loss_name(validations))
    _plot(panel, points, blue, name="training")
    if validation:
        _plot(panel, validation, red, "o", name="validation")
    _hide_first_steps(panel, points, validation)
    panel.set_ylabel("loss (nats)")
    panel.legend()


def _loss_name(validations: Sequence[Line]) -> str:
    """Return the name of the validation loss; '' if there is none."""
    return next((name for name in LOSSES if any(name in v["validation"] for v in validations)), "")


def _mark_chosen(
    panel: "Axes", validations: Sequence[Line], score: str, chosen: Chosen, theme: Theme
) -> None:
    """Mark the validation whose weights were kept."""
    factor = 100 if is_percent(score) else 1
    lines = [line for line in validations if line["step"] == chosen.step]
    points = _validation_points(lines[-1:], score)
    if not points or not math.isfinite(points[0][1]):
        return
    panel.axvline(chosen.step, color=theme.faint, linewidth=1, linestyle="--", zorder=0)
    panel.plot(
        [chosen.step],
        [factor * points[0][1]],
        color=theme.ink,
        linestyle="",
        marker="D",
        markersize=6,
        label=f"kept: epoch {lines[-1]['epoch']:g}, step {chosen.step:,}",
    )
    panel.legend()


def _draw_score(
    panel: "Axes",
    validations: Sequence[Line],
    score: str,
    floor: float | None,
    red: str,
    theme: Theme,
) -> None:
    factor = 100 if is_percent(score) else 1
    points = [(step, factor * value) for step, value in _validation_points(validations, score)]
    _plot(panel, points, red, "o", name="validation")
    if floor is not None and math.isfinite(floor):
        panel.axhline(factor * floor, color=theme.faint, linewidth=1, linestyle=":")
        panel.annotate(
            "best possible",
            (0.01, factor * floor),
            xycoords=("axes fraction", "data"),
            va="bottom",
            size=8,
            color=theme.faint,
        )
    panel.set_ylabel(f"validation\n{score_label(score)}")


def _score_names(validations: Sequence[Line], chosen: str = "") -> list[str]:
    """Return the validation score to draw in a panel of its own: the one that chose, or else the first."""
    names = dict.fromkeys(name for line in validations for name in line["validation"])
    scores = [name for name in names if name not in (SIZE, *LOSSES)]
    return [chosen] if chosen in scores else scores[:1]


def _points(lines: Sequence[Line], key: str) -> list[Point]:
    return [(line["step"], line[key]) for line in lines if key in line]


def _validation_points(lines: Sequence[Line], score: str) -> list[Point]:
    return [
        (line["step"], line["validation"][score]) for line in lines if score in line["validation"]
    ]


def _plot(
    axis: "Axes",
    points: Sequence[Point],
    colour: str,
    marker: str = "",
    *,
    line: str = "-",
    name: str = "",
) -> None:
    steps, values = [step for step, _ in points], [value for _, value in points]
    # One point makes no line: it needs a marker to be seen.
    marker = marker or ("." if len(points) == 1 else "")
    shown = legend_name(name)
    axis.plot(steps, values, color=colour, linestyle=line, marker=marker, markersize=4, label=shown)
    axis.grid(alpha=0.3)
    axis.margins(x=0.02)


def _hide_first_steps(axis: "Axes", training: Sequence[Point], validation: Sequence[Point]) -> None:
    """Limit the loss axis to the later steps, where the first are so high that they would squash them."""
    values = [value for _, value in training if math.isfinite(value)]
    skipped = math.ceil(_FIRST_STEPS * len(values))
    later = [*values[skipped:], *(value for _, value in validation if math.isfinite(value))]
    if len(values) < 10 or not later:
        return
    low, high = min(later), max(later)
    if max(values) - low > _SQUASHED * (high - low) > 0:
        margin = 0.08 * (high - low)
        axis.set_ylim(min(low, *values) - margin, high + margin)


def _add_time(axis: "Axes", lines: Sequence[Line]) -> None:
    """Add an axis of training time above the panel, with round ticks in seconds, minutes or hours."""
    timed = [(0.0, 0.0), *((line["step"], line["seconds"]) for line in lines if "seconds" in line)]
    if timed[-1][1] <= 0:
        return
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    steps, seconds = np.array(timed, dtype=np.float64).T
    unit, size = time_unit(seconds[-1])
    low, high = axis.get_xlim()
    times = MaxNLocator(6, steps=[1, 2, 3, 5, 10]).tick_values(0, seconds[-1] / size)
    ticks = [time for time in times if 0 <= time * size <= seconds[-1]]
    top = axis.twiny()
    top.set_xlim(low, high)
    top.set_xticks(
        np.interp([tick * size for tick in ticks], seconds, steps), [f"{t:g}" for t in ticks]
    )
    top.set_xlabel(f"{unit} of training")


def time_unit(seconds: float) -> tuple[str, float]:
    """Return the unit in which people read a time, and its length in seconds."""
    if seconds < 60:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < 2 * 3600 else ("hours", 3600.0)
