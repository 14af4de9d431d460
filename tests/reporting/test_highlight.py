"""Entities in colour and tokens shaded by weight, on a terminal and on a page."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console
from rich.text import Text

from nlpseq.predictor import (
    AttendedText,
    Classification,
    DrawnPrediction,
    Entity,
    GeneratedText,
    Hypothesis,
    TaggedText,
)
from nlpseq.reporting.highlight import PAGE_END, PAGE_START, Palette

TEXT = "Ada & <b>Bob</b> met Ada in \x1b[31mRome"
ENTITIES = TaggedText(
    TEXT,
    entities=(
        Entity("Ada", "PER", 0, 3, 0.99),
        Entity("Bob", "X<Y", TEXT.index("Bob"), TEXT.index("Bob") + 3, 0.5),
        Entity("Rome", "LOC", TEXT.index("Rome"), len(TEXT), 0.875),
    ),
    tokens=(),
    tags=(),
)
FLAT = Classification(
    "a <fine> film",
    "good & fine",
    {"good & fine": 0.9, "bad": 0.1},
    tokens=("a", "<fine>", "film"),
    weights=(0.02, 0.6, 0.38),
)
HIERARCHICAL = Classification(
    "Not bad. It is fun !",
    "good",
    {"good": 0.9, "bad": 0.1},
    tokens=("Not", "bad", ".", "It", "is", "fun", "!"),
    weights=(0.5, 0.5, 0.0, 0.0, 0.1, 0.8, 0.1),
    sentences=("Not bad.", "It is fun !"),
    sentence_weights=(0.25, 0.75),
)


def drawn(prediction: DrawnPrediction, explain: bool = False) -> Text:
    """Return a prediction as it is drawn in colour."""
    text = Text()
    palette = Palette()
    for part in prediction.parts(explain=explain):
        for piece in part.pieces(palette, coloured=True):
            text.append(*piece)
    return text


def coloured(prediction: DrawnPrediction, explain: bool = False) -> str:
    """Return a prediction with the codes for colours of a terminal."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        no_color=False,  # regardless of NO_COLOR
    )
    console.print(drawn(prediction, explain), soft_wrap=True)
    return stream.getvalue()


class Reader(HTMLParser):
    """The text and the attributes of a page; an assertion fails at tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.attributes.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "body" in self.open else ""


def page(*predictions: DrawnPrediction | GeneratedText, explain: bool = False) -> Reader:
    palette = Palette()
    parts = (
        one.to_html(explain=explain, palette=palette)
        if isinstance(one, DrawnPrediction)
        else one.to_html()
        for one in predictions
    )
    return Reader(PAGE_START + "".join(parts) + PAGE_END)


def test_a_palette_remembers_types_and_starts_over_after_the_last_colour() -> None:
    palette = Palette()
    indices = [palette.index(type) for type in ("PER", "LOC", "PER", "ORG", "LOC")]
    assert indices == [0, 1, 0, 2, 1]
    assert {palette.index(str(number)) for number in range(40)} == set(range(7))


def test_entities_on_a_terminal_keep_the_text_but_not_its_control_characters() -> None:
    plain = drawn(ENTITIES).plain
    assert plain == "[Ada PER 0.99] & <b>[Bob X<Y 0.50]</b> met Ada in ␛[31m[Rome LOC 0.88]"
    codes = re.findall(r"\x1b\[([\d;]*)m\[(Ada|Bob|Rome)", coloured(ENTITIES))
    assert len({code for code, _ in codes}) == 3
    assert "\x1b[31m" not in coloured(ENTITIES)
    foreign = Classification("a\x7f\x9b31m", "\x1b[1m", {"\x1b[1m": 1.0})
    assert foreign.to_text() == drawn(foreign).plain == "␛[1m 1.00  a␡\ufffd31m"


def test_entities_on_a_page() -> None:
    found = page(ENTITIES)
    shown = found.text.replace("PER 0.99", "").replace("X<Y 0.50", "").replace("LOC 0.88", "")
    assert shown.strip() == TEXT.replace("\x1b", "␛")
    classes = [a["class"] for a in found.attributes if "class" in a]
    assert classes == ["type-0", "type-1", "type-2"]
    titles = [a["title"] for a in found.attributes if "title" in a]
    assert titles[1] == "X<Y, confidence 0.5000"


def test_a_text_without_entities_and_an_empty_one() -> None:
    for text in ("nobody", ""):
        prediction = replace(ENTITIES, text=text, entities=())
        assert drawn(prediction).plain == text
        assert page(prediction).text.strip() == text


def test_sources_and_their_outputs() -> None:
    hypotheses = (Hypothesis("x < y", -0.25, -1.0), Hypothesis("z", -1.0, -2.0))
    found = page(
        GeneratedText("a <b>", "x < y", -0.25),
        GeneratedText("", "", None),
        GeneratedText("c", "x < y", -0.25, hypotheses=hypotheses),
    )
    assert found.text.split() == ["a", "<b>x", "<", "y", "cx", "<", "yz"]
    classes = [a["class"] for a in found.attributes if "class" in a]
    pair = ["source", "output"]
    assert classes == [*pair, *pair, *pair, "output further"]
    titles = [a["title"] for a in found.attributes if "title" in a]
    assert titles == ["score -0.2500", "score -0.2500", "score -1.0000"]


def test_shades_grow_with_the_weights() -> None:
    shown = coloured(FLAT, explain=True)
    shades = {
        token: (int(red), int(blue))
        for red, blue, token in re.findall(r"48;2;(\d+);\d+;(\d+)m(\S+?)\x1b", shown)
    }
    assert set(shades) == {"<fine>", "film"}
    assert shades["<fine>"] == (255, 0)
    assert shades["film"][0] < 255
    assert shades["film"][1] > 0
    shares = [
        float(str(a["style"]).removeprefix("--share:"))
        for a in page(FLAT, explain=True).attributes
        if a.get("class") == "token"
    ]
    assert shares == pytest.approx([w / 0.6 for w in FLAT.weights], abs=1e-3)


def test_weights_are_written_where_there_is_no_colour() -> None:
    assert FLAT.to_text(explain=True) == "good & fine 0.90  a <fine>(0.60) film(0.38)"
    assert drawn(FLAT, explain=True).plain == "good & fine 0.90  a <fine> film"
    assert drawn(FLAT).plain == FLAT.to_text() == "good & fine 0.90  a <fine> film"


def test_tabs_become_spaces_in_text() -> None:
    tagged = replace(ENTITIES, text="Ada\tBob\n\tRome", entities=())
    assert tagged.to_text() == "Ada     Bob\n        Rome"


def test_both_levels_of_a_hierarchical_network() -> None:
    plain = drawn(HIERARCHICAL, explain=True).plain
    assert plain.splitlines() == ["good 0.90", "  0.25  Not bad .", "  0.75  It is fun !"]
    found = page(HIERARCHICAL, explain=True)
    sentences = [a["title"] for a in found.attributes if a.get("class") == "sentence"]
    assert sentences == ["0.250", "0.750"]
    shares = [a["style"] for a in found.attributes if a.get("class") == "token"]
    # 0.5 in a sentence of 0.25 counts for less than 0.8 in one of 0.75.
    assert shares[0] == f"--share:{0.5 * 0.25 / (0.8 * 0.75):.3f}"
    assert shares[5] == "--share:1.000"


def test_weights_that_are_all_zero_shade_nothing() -> None:
    prediction = replace(FLAT, weights=(0.0, 0.0, 0.0))
    assert "48;2" not in coloured(prediction, explain=True)
    assert page(prediction, explain=True).text.count("film") == 1


def test_the_page_requests_nothing_from_the_network_and_has_a_dark_mode() -> None:
    whole = PAGE_START + FLAT.to_html(explain=True) + PAGE_END
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", whole)
    assert "color-scheme: light dark" in whole
    assert "good &amp; fine" in whole


def test_a_prediction_shows_itself_in_a_notebook_with_its_own_style() -> None:
    attended = AttendedText("a <b>", "x", ("a", "<b>"), ("x", "</s>"), ((0.9, 0.1), (0.5, 0.5)))
    for prediction in (ENTITIES, FLAT, GeneratedText("a <b>", "x", -1.0), attended):
        shown = prediction._repr_html_()
        rules = re.search("<style>(.*)</style>", shown, re.DOTALL)
        assert rules is not None
        selectors = [line for line in rules[1].splitlines() if line[:1].strip()]
        assert selectors
        assert all(line.startswith(".nlpseq ") for line in selectors)
        Reader(shown)
        assert not re.search(r"https?:|src=|href=|url\(|@import|<script", shown)
    assert 'class="token"' in FLAT._repr_html_()
    assert 'class="token"' not in replace(FLAT, weights=(), tokens=())._repr_html_()
    assert attended._repr_html_().count("<td ") == 4
