"""Attention weights as heat maps, one for each text, and as one HTML page.

The page shows every character and loads nothing from the network. A picture shows the characters that a font
of this machine has, and a box for any other.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from nlpseq.analysis.attention import AttentionMap, decoder_map
from nlpseq.files import disk, write_text
from nlpseq.predictor import AttendedText
from nlpseq.reporting.figures import LIGHT, Theme, new_figure, save
from nlpseq.reporting.fonts import BOX, families, has_glyph
from nlpseq.safe_text import for_html, for_terminal

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_CELL, _LONGEST_SIDE = 0.24, 60.0  # inches
_LABEL = 0.15  # inches between labels, so that they can be read
_CHARACTERS = 24  # of a token shown in a picture
_LEAST = 0.005  # share of the largest weight; smaller weights are not shaded on the page
_BLANKS = str.maketrans({"\n": "⏎", "\t": "⇥", " ": "␣", "\u2028": "⏎", "\u2029": "⏎"})
_PAGE_START = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nlpseq predict: attention</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; }
section { margin: 0 0 3rem; overflow-x: auto; }
p { margin: 0 0 .3rem; max-width: 60rem; overflow-wrap: anywhere; white-space: pre-wrap; }
.output { border-left: .35em solid #0072b2; padding-left: .6em; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.2; }
th { font-weight: normal; white-space: pre; text-align: right; padding: 0 .4em; }
thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: .4em 0; }
td { min-width: 1.3em; height: 1.3em; padding: 0; border: 1px solid rgb(128 128 128 / 15%);
  background: rgb(0 114 178 / calc(var(--s, 0) * 100%)); }
tr:hover th, td:hover { outline: 1px solid #d55e00; }
@media (prefers-color-scheme: dark) {
  td { background: rgb(86 180 233 / calc(var(--s, 0) * 100%)); }
}
</style>
</head>
<body>
"""


def draw(predictions: Iterable[AttendedText], folder: Path) -> None:
    """Write `0001.png` and so on, numbered as the texts are, and `attention.html`.

    A text without a token has no picture.

    Args:
        predictions: with attention weights.
        folder: created if it does not exist.

    Raises:
        UserError: a file cannot be written.
    """
    maps = [decoder_map(prediction) for prediction in predictions]
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number, attention in enumerate(maps, 1):
        if attention.rows and attention.columns:
            save(partial(heat_map, attention), folder / f"{number:04}.png", trim=True)
    write_text(folder / "attention.html", attention_page(maps))


def heat_map(attention: AttentionMap, theme: Theme = LIGHT) -> "Figure":
    """Draw attention weights: tokens that attend from top to bottom, tokens attended to from left to right.

    Args:
        attention: with at least one row and one column.
        theme: colours.
    """
    rows, columns = shown_tokens(attention.rows), shown_tokens(attention.columns)
    cell = min(_CELL, _LONGEST_SIDE / max(len(columns), len(rows)))
    width, height = cell * len(columns), cell * len(rows)
    # Room for labels, and for a colour bar that does not grow with the map.
    figure = new_figure(max(width + 2.5, 4), max(height + 2, 2.5), layout=None)
    total_width, total_height = figure.get_size_inches()
    axis = figure.add_axes(
        (1.5 / total_width, 0.4 / total_height, width / total_width, height / total_height)
    )
    image = axis.imshow(
        attention.weights, cmap=theme.sequential(), vmin=0, vmax=attention.largest, aspect="auto"
    )
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_ylabel(attention.axes[0], color=theme.faint)
    axis.set_xlabel(attention.axes[1], color=theme.faint)
    name_tokens(axis.xaxis, columns, cell, rotation=90)
    name_tokens(axis.yaxis, rows, cell, rotation=0)
    axis.set_xticks([index - 0.5 for index in range(1, len(columns))], minor=True)
    axis.set_yticks([index - 0.5 for index in range(1, len(rows))], minor=True)
    axis.grid(which="minor", color="#80808030", linewidth=0.5)
    axis.tick_params(which="both", length=0)
    bar_height = min(max(height, 0.9), 2.0)
    left, bottom = (1.6 + width) / total_width, (0.4 + height - bar_height) / total_height
    bar = figure.add_axes((left, bottom, 0.1 / total_width, bar_height / total_height))
    axis.set_title(attention.name, y=0, pad=-8, va="top", size=9)  # above are the tokens
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    bar.set_ylabel("attention weight", fontsize=7)
    return figure


def attention_page(maps: Iterable[AttentionMap]) -> str:
    """Return a page with a table for each map, shaded by weight; a cell's title is its weight.

    Args:
        maps: rows or columns may be empty.
    """
    return _PAGE_START + "".join(map(_section, maps)) + "</body>\n</html>\n"


def _section(attention: AttentionMap) -> str:
    text, output = for_html(attention.text), for_html(attention.output)
    rows, columns = shown_tokens(attention.rows), shown_tokens(attention.columns)
    head = "".join(f'<th scope="col">{for_html(token)}</th>' for token in columns)
    body = "".join(
        f'<tr><th scope="row">{for_html(token)}</th>'
        f"{''.join(_cell(weight, weight / attention.largest) for weight in weights)}</tr>\n"
        for token, weights in zip(rows, attention.weights, strict=True)
    )
    table = f"<table>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
    return (
        f'<section>\n<p>{text}</p>\n<p class="output">{output}</p>\n'
        f"{table if rows and columns else ''}</section>\n"
    )


def _cell(weight: float, share: float) -> str:
    shade = f' style="--s:{share:.2f}"' if share >= _LEAST else ""
    return f'<td{shade} title="{weight:.3f}"></td>'


def shown_tokens(tokens: Sequence[str]) -> list[str]:
    """Make blanks and control characters of tokens visible."""
    return [for_terminal(token.translate(_BLANKS)) for token in tokens]


def name_tokens(axis: "Axis", tokens: Sequence[str], cell: float, rotation: int) -> None:
    """Label an axis with tokens; where cells are narrow, only every second or third."""
    step = -int(-_LABEL // cell)
    indices = range(0, len(tokens), step)
    axis.set_ticks(indices, [_drawable(tokens[index]) for index in indices])
    for label in axis.get_ticklabels():
        label.set(family=families(), size=8, rotation=rotation)


def _drawable(token: str) -> str:
    shown = "".join(map(_glyph, islice(token, _CHARACTERS)))
    return f"{shown[:-1]}…" if len(token) > _CHARACTERS else shown


def _glyph(character: str) -> str:
    """Return the character if a font has it; else a box, for a control character its caret notation ^[."""
    code = ord(character)
    if has_glyph(character):
        return character
    return f"^{chr((code - 0x2400) ^ 0x40)}" if 0x2400 <= code < 0x2420 else BOX
