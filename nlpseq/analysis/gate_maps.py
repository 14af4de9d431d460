"""Heat maps of gates and states: a unit a row, a token a column."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.analysis.attention_maps import name_tokens, shown_tokens
from nlpseq.analysis.gates import Sweep, by_memory
from nlpseq.analysis.plots import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL, _LONGEST_SIDE = 0.24, 60.0  # inches a token, and of the picture
_PANEL = 1.25  # inches high
_TITLES = {"c": "cell state c", "h": "output h"}


def draw_gates(sweep: Sweep, tokens: Sequence[str], path: Path) -> None:
    """Draw one layer and direction: a panel for each gate, shaded from closed (0) to open (1), and each state.

    Units are in the same order in all panels, those that hold on longest at the top (`gates.by_memory`).

    Args:
        sweep: what is to be drawn.
        tokens: T, how they are spelt.
        path: the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = shown_tokens(tokens)
    cell = min(_CELL, _LONGEST_SIDE / len(names))
    panels = [(f"{name} gate", values, False) for name, values in sweep.gates.items()]
    panels += [(_TITLES[name], sweep.states[name], True) for name in reversed(sweep.states)]
    width, height = max(cell * len(names), 1.5), _PANEL * len(panels)
    figure = Figure(figsize=(width + 2, height + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0])
    order = by_memory(sweep)
    for axis, (title, values, signed) in zip(axes, panels, strict=True):
        _draw(figure, axis, values[:, order].t().float().cpu().numpy(), title, signed)
    axes[0].xaxis.tick_top()
    for axis in axes:
        axis.tick_params(length=0, labelbottom=False, labeltop=axis is axes[0])
        axis.set_yticks([])
    name_tokens(axes[0].xaxis, names, cell, rotation=90)
    save(figure, path, trim=True)


def _draw(figure: Any, axis: "Axes", values: Any, title: str, signed: bool) -> None:
    """One panel: blue on white for gates, blue and red around 0 for states."""
    if signed:
        bound = float(abs(values).max()) or 1.0
        image = axis.imshow(
            values, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest"
        )
    else:
        image = axis.imshow(
            values, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
    axis.set_ylabel(f"{title}\n{len(values)} units", fontsize=8)
    bar = figure.colorbar(image, ax=axis, pad=0.01, aspect=12)
    bar.ax.tick_params(labelsize=7)
