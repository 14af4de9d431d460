"""Drawing of predictions on a terminal and on an HTML page: labels, entities, tokens shaded by weight.

A prediction lists its parts; each part draws itself as pieces of styled text and as HTML. The page requests
nothing from the network and works in light and dark mode. Colour is never the only sign: types, probabilities
and confidences are written too, and weights where there is no colour. Rich is imported only to print.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from nlpseq.safe_text import for_html, for_terminal

# Colours by name for a terminal; Okabe & Ito (2008), for colour-blind readers, on the page.
_TERMINAL_COLOURS = (
    "bright_cyan",
    "bright_yellow",
    "bright_green",
    "bright_magenta",
    "cyan",
    "yellow",
    "white",
)
_PAGE_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
_FAINT, _STRONG = (165, 150, 120), (255, 180, 0)  # shades that show on black and on white
_FAINT_AGAINST, _STRONG_AGAINST = (120, 150, 165), (70, 170, 255)
_MIN_SHARE = 0.1  # of the largest weight; a token with less is not shaded on a terminal

_RULES = """\
p { margin: 0 0 .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { color: inherit; padding: .1em .3em; border-radius: .25em; }
small { font-size: .7em; opacity: .75; margin-left: .4em; }
b { margin-right: .6em; }
.token { background: rgb(240 150 0 / calc(var(--share) * 85%)); padding: .1em .15em; border-radius: .2em; }
.token.against { background: rgb(0 114 178 / calc(var(--share) * 85%)); }
.sentence { display: block; border-left: .35em solid rgb(0 114 178 / calc(var(--share) * 100%));
  padding-left: .6em; }
.source { display: block; opacity: .75; }
.output { display: block; border-left: .35em solid #0072b2; padding-left: .6em; }
.output.further { border-color: #0072b24d; }
.output:empty::before { content: "\\2014"; opacity: .5; }
""" + "".join(
    f".type-{index} {{ background: {colour}4d; border-bottom: 2px solid {colour}; }}\n"
    for index, colour in enumerate(_PAGE_COLOURS)
)
PAGE_START = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nlpseq predict</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
{_RULES}</style>
</head>
<body>
"""
PAGE_END = "</body>\n</html>\n"


class Palette:
    """Colours for the types of entities, in the order in which the types first appear."""

    def __init__(self) -> None:
        self._indices: dict[str, int] = {}

    def index(self, type: str) -> int:
        """Return the index of a type's colour; the first colours differ most."""
        return self._indices.setdefault(type, len(self._indices)) % len(_PAGE_COLOURS)


class Piece(NamedTuple):
    """Text and its style, in rich's notation; an empty style is plain."""

    text: str
    style: str = ""


class Part(Protocol):
    """A part of a prediction that draws itself."""

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield styled text; where it is not `coloured`, whatever the colours say is written out."""
        ...

    def to_html(self, palette: Palette) -> str:
        """Return HTML without line ends."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Text without a mark; `indent` separates it from the part before, except in HTML."""

    text: str
    indent: str = ""

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the text after its indent."""
        yield Piece(f"{self.indent}{for_terminal(self.text)}")

    def to_html(self, palette: Palette) -> str:
        """Return the escaped text."""
        return for_html(self.text)


@dataclass(frozen=True, slots=True)
class Label:
    """The label of a whole text and its number, such as a probability, or None; without a label: `missing`."""

    label: str | None
    number: float | None = 0.0
    missing: str = "no label"

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the label in bold and the number."""
        if self.label is None:
            yield Piece(self.missing, "dim")
        elif self.number is None:
            yield Piece(for_terminal(self.label, one_line=True), "bold")
        else:
            yield Piece(f"{for_terminal(self.label, one_line=True)} ", "bold")
            yield Piece(f"{self.number:.2f}", "dim")

    def to_html(self, palette: Palette) -> str:
        """Return the label in bold and the number."""
        if self.label is None:
            return f"<b>{self.missing}</b>"
        if self.number is None:
            return f"<b>{for_html(self.label)}</b>"
        return f"<b>{for_html(self.label)}<small>{self.number:.2f}</small></b>"


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity: `[Ada Lovelace PER 0.98]`."""

    text: str
    type: str
    confidence: float

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the entity in brackets, with type and confidence."""
        style = f"black on {_TERMINAL_COLOURS[palette.index(self.type)]}"
        yield Piece(f"[{for_terminal(self.text)} ", style)
        yield Piece(
            f"{for_terminal(self.type, one_line=True)} {self.confidence:.2f}]", f"italic {style}"
        )

    def to_html(self, palette: Palette) -> str:
        """Return the entity as a coloured mark."""
        type, confidence = for_html(self.type), self.confidence
        return (
            f'<mark class="type-{palette.index(self.type)}" '
            f'title="{type}, confidence {confidence:.4f}">'
            f"{for_html(self.text)}<small>{type} {confidence:.2f}</small></mark>"
        )


@dataclass(frozen=True, slots=True)
class Note:
    """The name of what follows, such as `attention`."""

    text: str

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the name, less bright than the text."""
        yield Piece(f"  {for_terminal(self.text)}:", "dim")

    def to_html(self, palette: Palette) -> str:
        """Return the name in small letters."""
        return f"<small>{for_html(self.text)}:</small> "


@dataclass(frozen=True, slots=True)
class Second:
    """The mark before the second text of a pair: `|`, on a page a new line."""

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the mark, less bright than the texts."""
        yield Piece("  |", "dim")

    def to_html(self, palette: Palette) -> str:
        """Return a line break with an arrow."""
        return "<br><small>\u21b3</small> "


class ShadedToken(NamedTuple):
    """A token, its weight, and its share (0 to 1) of the largest weight in the text.

    Weights with a sign have shares from -1 to 1; negative ones have another colour.
    """

    text: str
    weight: float
    share: float
    signed: bool = False


@dataclass(frozen=True, slots=True)
class ShadedTokens:
    """The shaded tokens of a sentence, with its weight and share; of an undivided text the weight is None."""

    weight: float | None
    share: float
    tokens: tuple[ShadedToken, ...]

    def pieces(self, palette: Palette, *, coloured: bool) -> Iterator[Piece]:
        """Yield the tokens, shaded; for a sentence on a line of its own."""
        yield Piece(" " if self.weight is None else f"\n  {self.weight:.2f} ", "dim")
        for token in self.tokens:
            shaded = abs(token.share) >= _MIN_SHARE
            yield Piece(" ")
            yield Piece(for_terminal(token.text), _shade(token.share) if shaded else "")
            if shaded and not coloured:
                yield Piece(f"({token.weight:{'+' if token.signed else ''}.2f})")

    def to_html(self, palette: Palette) -> str:
        """Return the tokens, shaded; for a sentence in a block of its own."""
        tokens = " ".join(
            _span(
                "token against" if token.share < 0 else "token",
                for_html(token.text),
                token.weight,
                abs(token.share),
            )
            for token in self.tokens
        )
        if self.weight is None:
            return tokens
        return _span("sentence", tokens, self.weight, self.share)


def shade(
    tokens: Sequence[str],
    weights: Sequence[float],
    sentences: Sequence[str] = (),
    sentence_weights: Sequence[float] = (),
) -> list[ShadedTokens]:
    """Shade tokens by their weights, sentence by sentence where sentences have weights too.

    A token's share is that of its weight times the weight of its sentence.
    """
    weighted = list(zip(tokens, weights, strict=True))
    groups = _split(weighted, sentences) if sentences else [weighted]
    factors = list(sentence_weights) if sentences else [1.0]
    products = [
        weight * factor
        for group, factor in zip(groups, factors, strict=True)
        for _, weight in group
    ]
    largest_factor, largest = max(factors) or 1.0, max(products, default=0.0) or 1.0
    return [
        ShadedTokens(
            factor if sentences else None,
            factor / largest_factor,
            tuple(ShadedToken(text, weight, weight * factor / largest) for text, weight in group),
        )
        for factor, group in zip(factors, groups, strict=True)
    ]


def shade_signed(tokens: Sequence[str], weights: Sequence[float]) -> ShadedTokens:
    """Shade tokens by weights with a sign, relative to the largest absolute one."""
    largest = max(map(abs, weights), default=0.0) or 1.0
    shaded = [
        ShadedToken(token, weight, weight / largest, signed=True)
        for token, weight in zip(tokens, weights, strict=True)
    ]
    return ShadedTokens(None, 1.0, tuple(shaded))


def _split(
    tokens: list[tuple[str, float]], sentences: Sequence[str]
) -> list[list[tuple[str, float]]]:
    """Give each sentence as many tokens as make up its letters, and the last one the rest."""
    groups: list[list[tuple[str, float]]] = []
    for sentence in sentences:
        letters, count = len("".join(sentence.split())), 0
        while letters > 0 and count < len(tokens):
            letters -= len(tokens[count][0])
            count += 1
        groups.append(tokens[:count])
        tokens = tokens[count:]
    groups[-1].extend(tokens)
    return groups


def plain(parts: Iterable[Part]) -> str:
    """Return parts as text without colour, tabs as spaces."""
    palette = Palette()
    text = "".join(piece.text for part in parts for piece in part.pieces(palette, coloured=False))
    if "\t" not in text:
        return text
    from rich.text import Text

    line = Text(text)
    line.expand_tabs(8)  # by the width of characters on a terminal
    return line.plain


def paragraph(parts: Iterable[Part], palette: Palette) -> str:
    """Return parts as one paragraph of HTML."""
    return f"<p>{''.join(part.to_html(palette) for part in parts)}</p>\n"


def output_paragraph(source: str, outputs: Sequence[tuple[str, float | None]]) -> str:
    """Return a source and its outputs, the best one first, each with its score, as HTML."""
    spans = [
        f'<span class="output{" further" if rank else ""}"{_score(score)}>{for_html(output)}</span>'
        for rank, (output, score) in enumerate(outputs)
    ]
    return f'<p><span class="source">{for_html(source)}</span>{"".join(spans)}</p>\n'


def weight_table(
    columns: Sequence[str], rows: Sequence[str], weights: Sequence[Sequence[float]]
) -> str:
    """Return a table of weights (rows, columns) as HTML, each cell shaded by its weight."""
    head = "".join(f'<th scope="col">{for_html(name)}</th>' for name in columns)
    largest = max((weight for row in weights for weight in row), default=0.0) or 1.0
    body = "".join(
        f'<tr><th scope="row">{for_html(name)}</th>'
        + "".join(
            f'<td style="background: rgb(0 114 178 / {weight / largest:.0%})" title="{weight:.3f}"></td>'
            for weight in row
        )
        + "</tr>\n"
        for name, row in zip(rows, weights, strict=True)
    )
    return f"<table>\n<tr><td></td>{head}</tr>\n{body}</table>\n"


def snippet(content: str) -> str:
    """Return HTML with the style that it needs and that touches nothing else, for a notebook."""
    rules = re.sub(r"^(?=\S)", ".nlpseq ", _RULES, flags=re.MULTILINE)
    return f'<div class="nlpseq">\n<style>\n{rules}</style>\n{content}</div>'


class TerminalPrinter:
    """Renders parts for standard output, in colour where the terminal has colours."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stdout, highlight=False, emoji=False)
        self._coloured = self._console.color_system is not None and not self._console.no_color

    def render(self, parts: Iterable[Part], palette: Palette) -> str:
        """Return parts as text with the terminal's codes for colours, and a line end."""
        from rich.text import Text

        text = Text()
        for part in parts:
            for piece in part.pieces(palette, coloured=self._coloured):
                text.append(*piece)
        with self._console.capture() as captured:
            self._console.print(
                text, soft_wrap=True
            )  # lines are not broken at the terminal's width
        return captured.get()


def _score(score: float | None) -> str:
    return "" if score is None else f' title="score {score:.4f}"'


def _span(name: str, content: str, weight: float, share: float) -> str:
    return f'<span class="{name}" style="--share:{share:.3f}" title="{weight:.3f}">{content}</span>'


def _shade(share: float) -> str:
    ends = (_FAINT, _STRONG) if share >= 0 else (_FAINT_AGAINST, _STRONG_AGAINST)
    mixed = (round(a + abs(share) * (b - a)) for a, b in zip(*ends, strict=True))
    return f"black on rgb({','.join(map(str, mixed))})"
