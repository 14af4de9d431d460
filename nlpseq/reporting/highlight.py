"""Answers made visible: entities in colour, words shaded by weight, sources with what was written.

The same drawings for a terminal (rich's `Text`) and for a page: HTML in one piece that asks
nothing of the network, for light and dark screens. Colour is never alone: types, probabilities and
confidences are written too, and where there is no colour, weights are.
"""

import html
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.text import Text

Answer = Mapping[str, Any]

# In the terminal's own colours; on the page those of Okabe & Ito (2008), for colour-blind readers.
_TERMINAL = (
    "bright_cyan",
    "bright_yellow",
    "bright_green",
    "bright_magenta",
    "cyan",
    "yellow",
    "white",
)
_PAGE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
_FAINT, _STRONG = (165, 150, 120), (255, 180, 0)  # shades that show on black and on white
_LEAST = 0.1  # share of the largest weight; less is not shown
# Control characters of a text (or of a foreign model's labels) could command the terminal: their pictures
# (U+2400 on) cannot, nor can what stands for those of Latin-1, which have none.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_PICTURES |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}

PAGE_START = (
    """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nlpseq predict</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
p { margin: 0 0 .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { color: inherit; padding: .1em .3em; border-radius: .25em; }
small { font-size: .7em; opacity: .75; margin-left: .4em; }
b { margin-right: .6em; }
.token { background: rgb(240 150 0 / calc(var(--share) * 85%)); padding: .1em .15em; border-radius: .2em; }
.sentence { display: block; border-left: .35em solid rgb(0 114 178 / calc(var(--share) * 100%));
  padding-left: .6em; }
.source { display: block; opacity: .75; }
.output { display: block; border-left: .35em solid #0072b2; padding-left: .6em; }
.output.further { border-color: #0072b24d; }
.output:empty::before { content: "\\2014"; opacity: .5; }
"""
    + "".join(
        f".type-{place} {{ background: {colour}4d; border-bottom: 2px solid {colour}; }}\n"
        for place, colour in enumerate(_PAGE)
    )
    + """\
</style>
</head>
<body>
"""
)
PAGE_END = "</body>\n</html>\n"


class Palette:
    """A colour for each type of entity, in the order in which they first come."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, kind: str) -> int:
        """Which colour; the first ones are told apart best."""
        return self._places.setdefault(kind, len(self._places)) % len(_PAGE)


class Token(NamedTuple):
    """A token, its weight, and its share (0 to 1) of the largest one in the text."""

    text: str
    weight: float
    share: float


class Sentence(NamedTuple):
    """A part of a text, its weight (None: the only part) and share, and the tokens in it."""

    weight: float | None
    share: float
    tokens: list[Token]


def printed(
    answers: Sequence[Answer], palette: Palette, *, explain: bool, terminal: bool
) -> Iterator[str]:
    """Answers as lines of text, in colour where standard output is a terminal that has some."""
    from rich.console import Console

    file = sys.stdout if terminal else io.StringIO()
    console = Console(file=file, highlight=False, emoji=False)
    coloured = console.color_system is not None and not console.no_color
    for answer in answers:
        text = as_text(answer, palette, explain=explain, coloured=coloured)
        with console.capture() as captured:
            console.print(text, soft_wrap=True)  # a text keeps its own line ends
        yield captured.get()


def as_text(
    answer: Answer, palette: Palette, *, explain: bool = False, coloured: bool = True
) -> "Text":
    """`[Ada Lovelace PER 0.98] wrote`, or `positive 0.97  what a film`, with its colours.

    Args:
        answer: of a tagger or a classifier.
        palette: remembers the colours of types.
        explain: shade the tokens by their weights.
        coloured: if not, large weights are written behind their tokens.
    """
    from rich.text import Text

    text = Text()
    if "entities" in answer:
        for piece, entity in _pieces(answer):
            if entity is None:
                text.append(safe(piece))
            else:
                style = f"black on {_TERMINAL[palette.place(entity['type'])]}"
                text.append(f"[{safe(piece)} ", style)
                kind = safe(entity["type"])
                text.append(f"{kind} {entity['confidence']:.2f}]", f"italic {style}")
        return text
    if answer["label"] is None:
        return text.append("no label", "dim")
    text.append(f"{safe(answer['label'])} ", "bold").append(f"{_probability(answer):.2f}", "dim")
    if not explain:
        return text.append(f"  {safe(answer['text'])}")
    for sentence in _sentences(answer):
        text.append(" " if sentence.weight is None else f"\n  {sentence.weight:.2f} ", "dim")
        for token in sentence.tokens:
            seen = token.share >= _LEAST
            text.append(" ").append(safe(token.text), _shade(token.share) if seen else "")
            text.append(f"({token.weight:.2f})" if seen and not coloured else "")
    return text


def as_html(answer: Answer, palette: Palette, *, explain: bool = False) -> str:
    """An answer as a paragraph of the page; arguments as of `as_text`."""
    if "entities" in answer:
        return f"<p>{''.join(_marked(*piece, palette) for piece in _pieces(answer))}</p>\n"
    if "output" in answer:
        return _pair(answer)
    if answer["label"] is None:
        return "<p><b>no label</b></p>\n"
    label = f"<b>{html.escape(answer['label'])}<small>{_probability(answer):.2f}</small></b>"
    if not explain:
        return f"<p>{label}{html.escape(answer['text'])}</p>\n"
    parts = []
    for sentence in _sentences(answer):
        tokens = " ".join(
            _span("token", html.escape(token.text), token.weight, token.share)
            for token in sentence.tokens
        )
        parts.append(tokens)
        if sentence.weight is not None:
            parts[-1] = _span("sentence", tokens, sentence.weight, sentence.share)
    return f"<p>{label}{''.join(parts)}</p>\n"


def _pair(answer: Answer) -> str:
    """A source and what was written of it; of several hypotheses each, with its score."""
    found = answer.get("hypotheses") or [answer]
    outputs = [
        f'<span class="output{" further" if place else ""}"{_score(hypothesis["score"])}>'
        f"{html.escape(hypothesis['output'])}</span>"
        for place, hypothesis in enumerate(found)
    ]
    return f'<p><span class="source">{html.escape(answer["text"])}</span>{"".join(outputs)}</p>\n'


def _score(score: float | None) -> str:
    return "" if score is None else f' title="score {score:.4f}"'


def _span(kind: str, content: str, weight: float, share: float) -> str:
    return f'<span class="{kind}" style="--share:{share:.3f}" title="{weight:.3f}">{content}</span>'


def _pieces(answer: Answer) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """The text cut at its entities: each piece, and the entity that it is."""
    end = 0
    for entity in sorted(answer["entities"], key=lambda entity: int(entity["start"])):
        yield answer["text"][end : entity["start"]], None
        yield answer["text"][entity["start"] : entity["end"]], entity
        end = entity["end"]
    yield answer["text"][end:], None


def _marked(piece: str, entity: Mapping[str, Any] | None, palette: Palette) -> str:
    text = html.escape(piece)
    if entity is None:
        return text
    kind, confidence = html.escape(entity["type"]), entity["confidence"]
    return (
        f'<mark class="type-{palette.place(entity["type"])}" '
        f'title="{kind}, confidence {confidence:.4f}">{text}<small>{kind} {confidence:.2f}</small></mark>'
    )


def _sentences(answer: Answer) -> list[Sentence]:
    """Tokens with their weights, by sentence where the network reads sentences.

    What a token then counts for is its weight times its sentence's.
    """
    tokens = list(zip(answer["tokens"], answer["weights"], strict=True))
    weights = answer.get("sentence_weights", [None])
    parts = _split(tokens, answer["sentences"]) if "sentences" in answer else [tokens]
    counts = [1.0 if weight is None else float(weight) for weight in weights]
    products = [w * count for part, count in zip(parts, counts, strict=True) for _, w in part]
    most, largest = max(counts) or 1.0, max(products, default=0.0) or 1.0
    return [
        Sentence(weight, count / most, [Token(text, w, w * count / largest) for text, w in part])
        for weight, count, part in zip(weights, counts, parts, strict=True)
    ]


def _split(
    tokens: list[tuple[str, float]], sentences: Sequence[str]
) -> list[list[tuple[str, float]]]:
    """A sentence takes as many tokens as make up its letters; the last one takes the rest."""
    parts: list[list[tuple[str, float]]] = []
    for sentence in sentences:
        letters, count = len("".join(sentence.split())), 0
        while letters > 0 and count < len(tokens):
            letters -= len(tokens[count][0])
            count += 1
        parts.append(tokens[:count])
        tokens = tokens[count:]
    parts[-1].extend(tokens)
    return parts


def _probability(answer: Answer) -> float:
    return float(answer["probabilities"][answer["label"]])


def _shade(share: float) -> str:
    mixed = (round(a + share * (b - a)) for a, b in zip(_FAINT, _STRONG, strict=True))
    return f"black on rgb({','.join(map(str, mixed))})"


def safe(text: str) -> str:
    """A text whose control characters are seen and command nothing."""
    return text.translate(_PICTURES)
