"""Entities in colour and words shaded by weight, on a terminal and on a page."""

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from nlpseq.reporting.highlight import PAGE_END, PAGE_START, Palette, as_html, as_text, printed

TEXT = "Ada & <b>Bob</b> met Ada in \x1b[31mRome"


def entity(text: str, kind: str, start: int, confidence: float) -> dict[str, Any]:
    end = start + len(text)
    return {"text": text, "type": kind, "start": start, "end": end, "confidence": confidence}


ENTITIES: dict[str, Any] = {
    "text": TEXT,
    "entities": [
        entity("Ada", "PER", 0, 0.99),
        entity("Bob", "X<Y", TEXT.index("Bob"), 0.5),
        entity("Rome", "LOC", TEXT.index("Rome"), 0.875),
    ],
    "tokens": [],
    "tags": [],
}
FLAT: dict[str, Any] = {
    "text": "a <fine> film",
    "label": "good & fine",
    "probabilities": {"good & fine": 0.9, "bad": 0.1},
    "tokens": ["a", "<fine>", "film"],
    "weights": [0.02, 0.6, 0.38],
}
HIERARCHICAL: dict[str, Any] = {
    "text": "Not bad. It is fun !",
    "label": "good",
    "probabilities": {"good": 0.9, "bad": 0.1},
    "tokens": ["Not", "bad", ".", "It", "is", "fun", "!"],
    "weights": [0.5, 0.5, 0.0, 0.0, 0.1, 0.8, 0.1],
    "sentences": ["Not bad.", "It is fun !"],
    "sentence_weights": [0.25, 0.75],
}


def coloured(answer: dict[str, Any], explain: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        no_color=False,  # whatever NO_COLOR says
    )
    console.print(as_text(answer, Palette(), explain=explain), soft_wrap=True)
    return stream.getvalue()


class Reader(HTMLParser):
    """Text and attributes of a page; complains of tags that do not match."""

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


def page(*given: dict[str, Any], explain: bool = False) -> Reader:
    palette = Palette()
    parts = (as_html(answer, palette, explain=explain) for answer in given)
    return Reader(PAGE_START + "".join(parts) + PAGE_END)


def test_a_palette_remembers_and_begins_anew_when_it_is_used_up() -> None:
    palette = Palette()
    places = [palette.place(kind) for kind in ("PER", "LOC", "PER", "ORG", "LOC")]
    assert places == [0, 1, 0, 2, 1]
    assert {palette.place(str(number)) for number in range(40)} == set(range(7))


def test_entities_on_a_terminal_keep_the_text_but_not_its_commands() -> None:
    plain = as_text(ENTITIES, Palette()).plain
    assert plain == "[Ada PER 0.99] & <b>[Bob X<Y 0.50]</b> met Ada in ␛[31m[Rome LOC 0.88]"
    codes = re.findall(r"\x1b\[([\d;]*)m\[(Ada|Bob|Rome)", coloured(ENTITIES))
    assert len({code for code, _ in codes}) == 3
    assert "\x1b[31m" not in coloured(ENTITIES)
    foreign = {"text": "a\x7f\x9b31m", "label": "\x1b[1m", "probabilities": {"\x1b[1m": 1.0}}
    assert as_text(foreign, Palette()).plain == "␛[1m 1.00  a␡\ufffd31m"


def test_entities_on_a_page() -> None:
    found = page(ENTITIES)
    shown = found.text.replace("PER 0.99", "").replace("X<Y 0.50", "").replace("LOC 0.88", "")
    assert shown.strip() == TEXT
    classes = [a["class"] for a in found.attributes if "class" in a]
    assert classes == ["type-0", "type-1", "type-2"]
    titles = [a["title"] for a in found.attributes if "title" in a]
    assert titles[1] == "X<Y, confidence 0.5000"


def test_a_text_without_entities_and_an_empty_one() -> None:
    for text in ("nobody", ""):
        answer = ENTITIES | {"text": text, "entities": []}
        assert as_text(answer, Palette()).plain == text
        assert page(answer).text.strip() == text


def test_sources_and_what_was_written_of_them() -> None:
    several = [{"output": "x < y", "score": -0.25}, {"output": "z", "score": -1.0}]
    answers = [
        {"text": "a <b>", "output": "x < y", "score": -0.25},
        {"text": "", "output": "", "score": None},
        {"text": "c", "output": "x < y", "score": -0.25, "hypotheses": several},
    ]
    found = page(*answers)
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
    assert shares == pytest.approx([w / 0.6 for w in FLAT["weights"]], abs=1e-3)


def test_weights_are_written_where_there_is_no_colour() -> None:
    plain = as_text(FLAT, Palette(), explain=True, coloured=False).plain
    assert plain == "good & fine 0.90  a <fine>(0.60) film(0.38)"
    assert as_text(FLAT, Palette(), explain=True).plain == "good & fine 0.90  a <fine> film"
    assert as_text(FLAT, Palette()).plain == "good & fine 0.90  a <fine> film"
    assert list(printed([FLAT], Palette(), explain=True, terminal=False)) == [plain + "\n"]


def test_both_levels_of_a_hierarchical_network() -> None:
    plain = as_text(HIERARCHICAL, Palette(), explain=True).plain
    assert plain.splitlines() == ["good 0.90", "  0.25  Not bad .", "  0.75  It is fun !"]
    found = page(HIERARCHICAL, explain=True)
    sentences = [a["title"] for a in found.attributes if a.get("class") == "sentence"]
    assert sentences == ["0.250", "0.750"]
    shares = [a["style"] for a in found.attributes if a.get("class") == "token"]
    # 0.5 in a sentence of 0.25 counts for less than 0.8 in one of 0.75.
    assert shares[0] == f"--share:{0.5 * 0.25 / (0.8 * 0.75):.3f}"
    assert shares[5] == "--share:1.000"


def test_weights_that_are_all_nought_shade_nothing() -> None:
    answer = FLAT | {"weights": [0.0, 0.0, 0.0]}
    assert "48;2" not in coloured(answer, explain=True)
    assert page(answer, explain=True).text.count("film") == 1


def test_the_page_asks_nothing_of_the_network_and_knows_dark_screens() -> None:
    whole = PAGE_START + as_html(FLAT, Palette(), explain=True) + PAGE_END
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", whole)
    assert "color-scheme: light dark" in whole
    assert "good &amp; fine" in whole
