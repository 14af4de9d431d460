"""Heat maps of gates and states: one row for each unit, one column for each token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlpseq.analysis.attention_plots import name_tokens, shown_tokens
from nlpseq.analysis.gates import Sweep, by_memory, sorted_by
from nlpseq.reporting.figures import LIGHT, Theme, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Box = tuple[float, float, float, float]

_CELL, _LONGEST_SIDE = 0.24, 60.0  # inches for a token, and for the whole picture
_PANEL, _GAP = 1.25, 0.15  # inches high
_TITLES = {"c": "cell state c", "h": "output h"}


def gate_figure(sweep: Sweep, tokens: Sequence[str], theme: Theme = LIGHT) -> "Figure":
    """Draw one layer and direction: a panel for each gate, from closed (0) to open (1), and for each state.

    Units are in the same order in all panels, longest memory on top (`gates.by_memory`).

    Args:
        sweep: gates and states.
        tokens: T tokens as text.
        theme: colours.
    """
    names = shown_tokens(tokens)
    cell = min(_CELL, _LONGEST_SIDE / len(names))
    panels = [(f"{name} gate", values, False) for name, values in sweep.gates.items()]
    panels += [
        (_TITLES.get(name, name), sweep.states[name], True) for name in reversed(sweep.states)
    ]
    width, height = max(cell * len(names), 1.5), (_PANEL + _GAP) * len(panels)
    figure = new_figure(width + 2, height + 1.5, layout=None)
    order = by_memory(sweep)
    for row, (title, values, signed) in enumerate(panels):
        bottom = 0.2 + (_PANEL + _GAP) * (len(panels) - 1 - row)
        axis = figure.add_axes(_box(figure, 0.8, bottom, width))
        image = _draw(axis, values[:, order].t().float().cpu().numpy(), signed, theme)
        axis.set_ylabel(f"{title}\n{values.shape[1]} units", fontsize=8)
        bar = figure.add_axes(_box(figure, width + 0.9, bottom, 0.1))
        figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
        bar.set_ylabel("value" if signed else "open (1)", fontsize=7)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_xticks([])
        axis.set_yticks([])
        if not row:
            name_tokens(axis.xaxis, names, cell, rotation=90)
    where = f"{sweep.kind} layer {sweep.layer}, {sweep.direction}"
    order_text = f"units sorted by {sorted_by(sweep)}, longest memory on top"
    axis.set_xlabel(f"{where}; {order_text}", fontsize=8)
    return figure


def _box(figure: "Figure", left: float, bottom: float, width: float) -> Box:
    """Return a panel's box in shares of the figure, from inches."""
    total_width, total_height = figure.get_size_inches()
    return left / total_width, bottom / total_height, width / total_width, _PANEL / total_height


def _draw(axis: "Axes", values: Any, signed: bool, theme: Theme) -> "AxesImage":
    """Draw one panel: shades of blue for gates, blue to red around 0 for states."""
    bound = (float(abs(values).max()) or 1.0) if signed else 1.0
    return axis.imshow(
        values,
        cmap=theme.diverging() if signed else theme.sequential(),
        vmin=-bound if signed else 0.0,
        vmax=bound,
        aspect="auto",
        interpolation="nearest",
    )
