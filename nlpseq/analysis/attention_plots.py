"""What each token of an output attended to: a heat map a text, and one page of them all.

The page shows every character and needs nothing of the network; a picture shows those that the fonts
of this machine have, and a box for each other one.
"""

import html
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from nlpseq.files import disk, write_text
from nlpseq.reporting.figures import save
from nlpseq.reporting.highlight import Answer, safe

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_CELL, _LONGEST_SIDE = 0.24, 60.0  # inches
_LABEL = 0.15  # inches from one label to the next, so that they can be read
_LETTERS = 24  # of a token that are shown in a picture
_LINES = 90  # letters of a title's line
_LEAST = 0.005  # share of the largest weight; less is not shaded on the page
_BLANKS = str.maketrans({"\n": "⏎", "\t": "⇥", " ": "␣", "\u2028": "⏎", "\u2029": "⏎"})
_BOX = "□"
# The first has Latin, Greek, Cyrillic, Hebrew and Arabic; of the others there is what the system has.
_FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans Symbols2",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
    "Hiragino Sans",
    "Microsoft YaHei",
)
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


def draw(answers: Sequence[Answer], folder: Path) -> None:
    """Write `0001.png` and so on, numbered as the texts are, and `attention.html`.

    A text without a token has no picture.

    Args:
        answers: as of `heat_map`.
        folder: made if it is not there.

    Raises:
        UserError: a file cannot be written.
    """
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number, answer in enumerate(answers, 1):
        if answer["source_tokens"] and answer["output_tokens"]:
            heat_map(answer, folder / f"{number:04}.png")
    write_text(folder / "attention.html", attention_page(answers))


def heat_map(answer: Answer, path: Path) -> None:
    """Draw the weights of one answer: source tokens from left to right, the output's downwards.

    Args:
        answer: `text`, `output`, `source_tokens` (S), `output_tokens` (T) and `weights` (T, S); neither
            side is empty.
        path: the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    source, output, weights = _sides(answer)
    cell = min(_CELL, _LONGEST_SIDE / max(len(source), len(output)))
    width, height = cell * len(source), cell * len(output)
    # Room for labels, and for a bar that does not grow with the map.
    figure = Figure(figsize=(max(width + 2.5, 4), max(height + 2, 2.5)))
    FigureCanvasAgg(figure)
    total_width, total_height = figure.get_size_inches()
    axis = figure.add_axes(
        (1.5 / total_width, 0.4 / total_height, width / total_width, height / total_height)
    )
    image = axis.imshow(weights, cmap="Blues", vmin=0, vmax=_largest(weights), aspect="auto")
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_xlabel("source", color="#606060")
    axis.set_ylabel("output", color="#606060")
    name_tokens(axis.xaxis, source, cell, rotation=90)
    name_tokens(axis.yaxis, output, cell, rotation=0)
    axis.set_xticks([place - 0.5 for place in range(1, len(source))], minor=True)
    axis.set_yticks([place - 0.5 for place in range(1, len(output))], minor=True)
    axis.grid(which="minor", color="#80808030", linewidth=0.5)
    axis.tick_params(which="both", length=0)
    bar_height = min(max(height, 0.6), 2.0)
    place = ((1.6 + width) / total_width, (0.4 + height - bar_height) / total_height)
    bar = figure.add_axes((*place, 0.1 / total_width, bar_height / total_height))
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    save(figure, path, trim=True)


def attention_page(answers: Sequence[Answer]) -> str:
    """A page with a table for each answer, shaded by weight; a cell's title is its number.

    Args:
        answers: as of `heat_map`; a side may be empty.
    """
    return _PAGE_START + "".join(map(_section, answers)) + "</body>\n</html>\n"


def _section(answer: Answer) -> str:
    text, written = html.escape(answer["text"]), html.escape(answer["output"])
    source, output, weights = _sides(answer)
    head = "".join(f'<th scope="col">{html.escape(token)}</th>' for token in source)
    largest = _largest(weights)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(token)}</th>'
        f"{''.join(_cell(weight, weight / largest) for weight in row)}</tr>\n"
        for token, row in zip(output, weights, strict=True)
    )
    table = f"<table>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    return (
        f'<section>\n<p>{text}</p>\n<p class="output">{written}</p>\n'
        f"{table if source and output else ''}</section>\n"
    )


def _cell(weight: float, share: float) -> str:
    shade = f' style="--s:{share:.2f}"' if share >= _LEAST else ""
    return f'<td{shade} title="{weight:.3f}"></td>'


def _sides(answer: Answer) -> tuple[list[str], list[str], list[list[float]]]:
    source, output = shown_tokens(answer["source_tokens"]), shown_tokens(answer["output_tokens"])
    weights = answer["weights"]
    if len(weights) != len(output) or any(len(row) != len(source) for row in weights):
        raise ValueError(f"{len(output)} x {len(source)} tokens, but other weights")
    return source, output, weights


def shown_tokens(tokens: Sequence[str]) -> list[str]:
    """Tokens whose blanks and control characters can be seen."""
    return [safe(token.translate(_BLANKS)) for token in tokens]


def _largest(weights: Sequence[Sequence[float]]) -> float:
    return max((weight for row in weights for weight in row), default=0.0) or 1.0


def name_tokens(axis: "Axis", tokens: Sequence[str], cell: float, rotation: int) -> None:
    """Write tokens along an axis: where cells are narrow, only every second, third ... one."""
    step = -int(-_LABEL // cell)
    places = range(0, len(tokens), step)
    axis.set_ticks(places, [_drawable(tokens[place]) for place in places])
    for label in axis.get_ticklabels():
        label.set(
            parse_math=False,  # a token may hold a $
            family=list(_fonts()),
            size=8,
            rotation=rotation,
        )


def _drawable(token: str) -> str:
    shown = "".join(map(_glyph, islice(token, _LETTERS)))
    return f"{shown[:-1]}…" if len(token) > _LETTERS else shown


def _glyph(character: str) -> str:
    """The character if a font has it; of the picture of a control character else its old notation, ^[."""
    code = ord(character)
    if any(code in font for font in _fonts().values()):
        return character
    return f"^{chr((code - 0x2400) ^ 0x40)}" if 0x2400 <= code < 0x2420 else _BOX


@cache
def _fonts() -> dict[str, frozenset[int]]:
    """The families that this machine has, each with the characters that it can draw."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        family: frozenset(font_manager.get_font(font_manager.findfont(family)).get_charmap())
        for family in _FAMILIES
        if family in installed
    }
