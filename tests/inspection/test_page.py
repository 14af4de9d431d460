"""The page is one file that loads nothing else."""

import base64
import io
import re
from html.parser import HTMLParser

from PIL import Image

from nlpseq.inspection.page import PageSection, inspection_page
from nlpseq.reporting.figures import Picture


class Reader(HTMLParser):
    """Collects images, cells and other texts, and checks that tags match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data
        if "style" not in self.open:
            self.text += data


def png(width: int, colour: str) -> bytes:
    image = io.BytesIO()
    Image.new("RGB", (width, 30), colour).save(image, "png")
    return image.getvalue()


def page() -> str:
    pictures = [
        Picture(
            str(width),
            f'{width} "wide" <b>',
            {"light": png(width, "white"), "dark": png(width, "black")},
        )
        for width in (40, 4000)
    ]
    section = PageSection(
        "Gates & states", ["What <i>is</i>."], pictures, [["model", "of"], ["<rnn>", "1"]]
    )
    return inspection_page(
        "Inside <me>", ['nlpseq inspect "x & y"'], [section, PageSection("Empty")]
    )


def test_every_image_is_in_the_page_and_decodes() -> None:
    found = Reader(page())
    sizes = []
    for image in found.images:
        kind, _, data = str(image["src"]).partition(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as decoded:
            decoded.load()
            sizes.append(decoded.size)
        assert image["alt"]
    assert sizes == [(40, 30)] * 2 + [(4000, 30)] * 2
    assert [image["class"] for image in found.images] == ["light", "dark"] * 2
    assert [image["width"] for image in found.images] == ["20"] * 2 + ["2000"] * 2
    assert page().count('<figure class="wide">') == 1


def test_texts_are_shown_unchanged() -> None:
    found = Reader(page())
    assert found.cells == ["model", "of", "<rnn>", "1"]
    for said in (
        "Inside <me>",
        "Gates & states",
        "What <i>is</i>.",
        'inspect "x & y"',
        '40 "wide" <b>',
    ):
        assert said in found.text


def test_the_page_loads_nothing_and_fits_dark_screens_and_paper() -> None:
    text = page()
    assert not re.search(
        r"https?:|//|href=|url\(|@import|<script|<link", re.sub(r"base64,[^\"]*", "", text)
    )
    assert "color-scheme: light dark" in text
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text
