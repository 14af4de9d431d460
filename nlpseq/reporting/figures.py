"""Shared parts of all figures: colours for light and dark pages, PNG images, and their HTML.

A figure is drawn by a function of a `Theme`. Matplotlib's objects are used directly: no global figure, no
display, nothing to close.
"""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nlpseq.files import replacing
from nlpseq.reporting.fonts import drawable, families
from nlpseq.safe_text import for_html

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Line = Mapping[str, Any]
"""A line of history.jsonl."""
Point = tuple[float, float]
MARKERS = "osD^vPX*"

_PIXELS_PER_INCH = 200  # twice what a page shows, for sharp text on dense screens
_MOST_PIXELS = 8000  # of a side; larger figures are drawn coarser


class Theme(NamedTuple):
    """Colours for a light or a dark page.

    Attributes:
        name: `light` or `dark`.
        paper: background.
        ink: text and axes.
        faint: reference lines and their labels.
        colours: of lines, by Okabe & Ito (2008): distinct for colour-blind readers too.
    """

    name: str
    paper: str
    ink: str
    faint: str
    colours: tuple[str, ...]

    def colour(self, index: int) -> str:
        """Return the colour of a line, a model or a run by its index."""
        return self.colours[index % len(self.colours)]

    def sequential(self) -> "Colormap":
        """Return a colour map from the paper (0) to a strong blue (1)."""
        return self._map("sequential", ("#1b1e23", "#1d4666", "#2f7fb5", "#8accf5"), "Blues")

    def diverging(self) -> "Colormap":
        """Return a colour map from blue (negative) over the paper (0) to red (positive)."""
        return self._map(
            "diverging", ("#56b4e9", "#1f5a80", "#1b1e23", "#8a3d05", "#ff7a1a"), "RdBu_r"
        )

    def _map(self, name: str, dark: tuple[str, ...], light: str) -> "Colormap":
        from matplotlib import colormaps
        from matplotlib.colors import LinearSegmentedColormap

        if self.name == "light":
            return colormaps[light]
        return LinearSegmentedColormap.from_list(f"dark {name}", dark)


_SHARED = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
LIGHT = Theme("light", "#ffffff", "#1c1e21", "#666b73", ("#0072B2", *_SHARED, "#56B4E9", "#999999"))
DARK = Theme("dark", "#1b1e23", "#e4e6ea", "#9aa1ab", ("#56B4E9", *_SHARED, "#F0E442", "#999999"))
THEMES = (LIGHT, DARK)
Draw = Callable[[Theme], "Figure"]

STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --faint: #5f656d; --line: #d5d9de;
  --shade: #f3f5f7; --accent: #0072b2; }
body { background: var(--paper); color: var(--ink); }
img.dark { display: none; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #1b1e23; --ink: #e4e6ea; --faint: #a3a9b2; --line: #3b4048; --shade: #24282e;
    --accent: #56b4e9; }
  img.dark { display: inline; } img.light { display: none; }
}
"""
"""CSS of a page with pictures: the colours of both themes, and the picture that fits; paper is light."""


@dataclass(frozen=True)
class Picture:
    """A figure as PNG images, for light and dark pages.

    Attributes:
        name: of its file, without a suffix.
        caption: what it shows.
        images: PNG by the name of the theme.
    """

    name: str
    caption: str
    images: Mapping[str, bytes]

    @property
    def width(self) -> int:
        """Pixels that a page gives to it: half of the image's own."""
        return int.from_bytes(self.images["light"][16:20], "big") // 2  # of the PNG header

    def for_notebook(self) -> "Picture":
        """Return the picture with its light image alone: notebooks do not follow the theme of the screen."""
        return replace(self, images={"light": self.images["light"]})

    def to_html(self) -> str:
        """Return `<img>` elements with the images inside, one for each theme."""
        return "".join(
            f'<img class="{theme}" alt="{for_html(self.caption)}" width="{self.width}" '
            f'src="data:image/png;base64,{base64.b64encode(image).decode()}">'
            for theme, image in self.images.items()
        )


def render(name: str, caption: str, draw: Draw, *, trim: bool = False) -> Picture:
    """Draw a figure for light and for dark pages; `trim` cuts off its empty margins."""
    return Picture(name, caption, {theme.name: png(draw, theme, trim=trim) for theme in THEMES})


def save(draw: Draw, path: Path, *, trim: bool = False) -> None:
    """Write a figure for light pages as PNG, whole or not at all."""
    write_png(png(draw, LIGHT, trim=trim), path)


def write_png(image: bytes, path: Path) -> None:
    """Write a PNG image, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(image)


def png(draw: Draw, theme: Theme, *, trim: bool = False) -> bytes:
    """Draw a figure in the colours of a theme and return it as PNG."""
    image = io.BytesIO()
    with _colours_of(theme):
        figure = draw(theme)
        _make_drawable(figure)
        dpi = min(_PIXELS_PER_INCH, _MOST_PIXELS / max(figure.get_size_inches()))
        figure.savefig(image, format="png", dpi=dpi, bbox_inches="tight" if trim else None)
    return image.getvalue()


def _make_drawable(figure: "Figure") -> None:
    """Spell characters that no font has in another way: in titles, legends, and labels of ticks."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for text in figure.findobj(Text):
        if (shown := drawable(text.get_text())) != text.get_text():
            text.set_text(shown)
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for formatter in (axis.get_major_formatter(), axis.get_minor_formatter()):
            if isinstance(formatter, FixedFormatter):
                formatter.seq = [drawable(label) for label in formatter.seq]
            elif isinstance(formatter, FuncFormatter):  # labels of given ticks, too
                formatter.func = _drawable_function(formatter.func)


def _drawable_function(write: Callable[..., str]) -> Callable[..., str]:
    return lambda *position: drawable(write(*position))


@contextmanager
def _colours_of(theme: Theme) -> Iterator[None]:
    from matplotlib import rc_context

    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    paper = ("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor")
    settings: Any = {  # a union of 350 names to the type checker
        **dict.fromkeys(ink, theme.ink),
        **dict.fromkeys(paper, theme.paper),
        "font.family": families(),
        "text.parse_math": False,  # a token or the name of a run may hold a $
        "legend.framealpha": 0.6,
        "axes.titlesize": 11,
    }
    with rc_context(settings):
        yield


def new_figure(width: float, height: float, layout: Any = "constrained") -> "Figure":
    """Return an empty figure; sizes are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def log_ticks(axis: "Axis") -> None:
    """Label a logarithmic axis with plain numbers; 2 and 5 too where it spans few powers of ten."""
    from matplotlib.ticker import NullFormatter

    low, high = axis.get_view_interval()
    few = 0 < low < high < 30 * low
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    if few:
        axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    else:
        axis.set_minor_formatter(NullFormatter())
