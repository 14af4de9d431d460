"""Heat maps of attention, and their page."""

import html
import io
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nlpseq.analysis.attention import AttentionMap, decoder_map
from nlpseq.analysis.attention_plots import attention_page, draw, heat_map
from nlpseq.predictor import AttendedText
from nlpseq.reporting.figures import DARK, png, save


def prediction(source: list[str], output: list[str], weights: Any = None) -> AttendedText:
    if weights is None:
        weights = np.full((len(output), len(source)), 1 / max(len(source), 1))
    rows = tuple(map(tuple, np.asarray(weights, dtype=float).tolist()))
    return AttendedText(" ".join(source), " ".join(output), tuple(source), tuple(output), rows)


def draw_map(attention: AttentionMap, path: Path) -> None:
    save(partial(heat_map, attention), path, trim=True)


def answer(source: list[str], output: list[str], weights: Any = None) -> AttentionMap:
    return decoder_map(prediction(source, output, weights))


PLAIN = answer(["a", "red", "house"], ["ein", "rotes"], [[0.9, 0.08, 0.02], [0.002, 0.898, 0.1]])
EMPTY = answer([], [])
ODD = answer(
    ["Ġthe", "▁x", "", " ", "\n", "\x1b[31m", "中文", "$x^2$", "<b>&\"'", "ü" * 60, "😀"],
    ["Männer", "\t", "\x85", "\u2028", "\x7f", "עברית", "ไทย"],
)


def dark(path: Path) -> Any:
    """Return the mask of dark blue pixels."""
    with Image.open(path) as image:
        red, _, blue = np.moveaxis(np.asarray(image.convert("RGB"), dtype=int), 2, 0)
    return (red < 60) & (blue > 90)


def test_a_picture_is_dark_where_the_weights_are(tmp_path: Path) -> None:
    size = 12
    tokens = [f"t{number}" for number in range(size)]
    draw_map(answer(tokens, tokens, np.eye(size)), tmp_path / "same.png")
    draw_map(answer(tokens, tokens, np.eye(size)[::-1]), tmp_path / "reversed.png")
    for name, sign in (("same", 1), ("reversed", -1)):
        rows, columns = np.nonzero(dark(tmp_path / f"{name}.png")[:, :-160])  # without the bar
        assert len(rows) > 100
        assert sign * np.corrcoef(rows, columns)[0, 1] > 0.9


def test_a_picture_grows_with_the_tokens_up_to_a_bound(tmp_path: Path) -> None:
    sizes = []
    for count in (1, 20, 60, 700):
        draw_map(answer([f"s{n}" for n in range(count)], ["a", "b"]), tmp_path / "map.png")
        with Image.open(tmp_path / "map.png") as image:
            image.load()
            sizes.append(image.width)
    assert sizes == sorted(set(sizes))
    assert sizes[2] > 60 * 32  # pixels; a label is 27 high
    assert sizes[3] < 8200


def test_any_token_can_be_drawn(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    draw_map(ODD, tmp_path / "odd.png")
    draw_map(answer(["a"], ["b"], [[0.0]]), tmp_path / "nought.png")
    assert [str(warning.message) for warning in recwarn] == []


def test_labels_show_characters_that_the_fonts_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.axis import Axis

    shown: list[str] = []
    real = Axis.set_ticks

    def record(self: Axis, ticks: Any, labels: Any = None, **options: Any) -> Any:
        shown.extend(labels or [])
        return real(self, ticks, labels, **options)

    known = {"DejaVu Sans": frozenset(map(ord, " abcxüthe$^2[31m<>&\"'▁Ġ…␣⏎"))}
    monkeypatch.setattr("nlpseq.reporting.fonts._fonts", lambda: known)
    monkeypatch.setattr(Axis, "set_ticks", record)
    draw_map(replace(ODD, rows=("b",) * 7), tmp_path / "odd.png")
    expected = ["Ġthe", "▁x", "", "␣", "⏎", "^[[31m", "□□", "$x^2$", "<b>&\"'", "ü" * 23 + "…", "□"]
    assert shown[:11] == expected


def test_weights_that_do_not_fit_the_tokens_are_a_bug() -> None:
    with pytest.raises(ValueError, match="2 x 3 tokens"):
        replace(PLAIN, weights=((1.0, 0.0),) * 2)


def test_axes_are_named_and_dark_pages_have_no_white_card() -> None:
    figure = heat_map(replace(PLAIN, axes=("query", "key")))
    axis, bar = figure.axes
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("query", "key")
    assert bar.get_ylabel() == "attention weight"
    with Image.open(io.BytesIO(png(partial(heat_map, PLAIN), DARK, trim=True))) as image:
        pixels = np.asarray(image.convert("L"), dtype=int)
    assert np.median(pixels) < 60
    assert (pixels > 240).mean() < 0.01


class Reader(HTMLParser):
    """Collects texts and titles of a page, and checks that tags match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {"p": [], "th": []}
        self.cells: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        if tag in self.texts:
            self.texts[tag].append("")
        if tag == "td" and attrs:
            self.cells.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]][-1] += data


def test_the_page_has_a_table_for_each_answer_with_its_numbers() -> None:
    found = Reader(attention_page([PLAIN, EMPTY]))
    assert found.texts["p"] == ["a red house", "ein rotes", "", ""]
    assert found.texts["th"] == ["a", "red", "house", "ein", "rotes"]
    titles = [cell["title"] for cell in found.cells]
    assert titles == ["0.900", "0.080", "0.020", "0.002", "0.898", "0.100"]
    shares = [cell.get("style") for cell in found.cells]
    assert shares == ["--s:1.00", "--s:0.09", "--s:0.02", None, "--s:1.00", "--s:0.11"]


def test_the_page_shows_every_character_and_no_command() -> None:
    page = attention_page([ODD])
    found = Reader(page)
    assert found.texts["th"][5:9] == ["␛[31m", "中文", "$x^2$", "<b>&\"'"]
    assert html.escape("<b>&\"'") in page
    assert "\x1b" not in "".join(found.texts["th"])


def test_the_page_loads_nothing_from_the_network_and_knows_dark_screens() -> None:
    page = attention_page([PLAIN])
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", page)
    assert "color-scheme: light dark" in page


def test_pictures_are_numbered_like_the_texts(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "maps"
    plain = prediction(["a", "red", "house"], ["ein", "rotes"])
    draw([plain, prediction([], []), plain], folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "0001.png",
        "0003.png",
        "attention.html",
    ]
