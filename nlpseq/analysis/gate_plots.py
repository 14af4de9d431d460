"""Heat maps of gates and states: a unit a row, a token a column."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpseq.analysis.attention_plots import name_tokens, shown_tokens
from nlpseq.analysis.gates import Sweep, by_memory
from nlpseq.reporting.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Box = tuple[float, float, float, float]

_CELL, _LONGEST_SIDE = 0.24, 60.0  # inches a token, and of the picture
_PANEL, _GAP = 1.25, 0.15  # inches high
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
    width, height = max(cell * len(names), 1.5), (_PANEL + _GAP) * len(panels)
    figure = Figure(figsize=(width + 2, height + 1.5))
    FigureCanvasAgg(figure)
    order = by_memory(sweep)
    for row, (title, values, signed) in enumerate(panels):
        bottom = 0.2 + (_PANEL + _GAP) * (len(panels) - 1 - row)
        axis = figure.add_axes(_box(figure, 0.8, bottom, width))
        image = _draw(axis, values[:, order].t().float().cpu().numpy(), title, signed)
        bar = figure.add_axes(_box(figure, width + 0.9, bottom, 0.1))
        figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_xticks([])
        axis.set_yticks([])
        if not row:
            name_tokens(axis.xaxis, names, cell, rotation=90)
    save(figure, path, trim=True)


def _box(figure: "Figure", left: float, bottom: float, width: float) -> Box:
    """A panel's place in shares of the figure, from inches."""
    total_width, total_height = figure.get_size_inches()
    return left / total_width, bottom / total_height, width / total_width, _PANEL / total_height


def _draw(axis: "Axes", values: Any, title: str, signed: bool) -> "AxesImage":
    """One panel: blue on white for gates, blue and red around 0 for states."""
    bound = (float(abs(values).max()) or 1.0) if signed else 1.0
    axis.set_ylabel(f"{title}\n{len(values)} units", fontsize=8)
    return axis.imshow(
        values,
        cmap="RdBu_r" if signed else "Blues",
        vmin=-bound if signed else 0.0,
        vmax=bound,
        aspect="auto",
        interpolation="nearest",
    )
