"""The HTML page parses, is one file, has pictures that decode and escapes texts."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from nlpseq.analysis.comparison import Report, compare
from nlpseq.analysis.comparison.figures import (
    _front,
    _widen,
    draw,
)
from nlpseq.analysis.comparison.html import page
from nlpseq.analysis.comparison.tables import all_tables
from nlpseq.reporting.figures import Picture, new_figure

EVIL = '<script src="http://evil.example/x.js">alert(1)</script>&"\''
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Reader(HTMLParser):
    """Collects tags, texts and open elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.texts.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def report(trained: Path) -> Report:
    return compare([trained / "lstm", trained / "rnn"], samples=50)


@pytest.fixture(scope="module")
def pictures(report: Report) -> list[Picture]:
    return [*draw(report)]


def test_the_page_loads_nothing_and_every_image_decodes(report, pictures) -> None:
    text = page(report, pictures)
    found = read(text)
    images = []
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            address = attributes.get(name)
            if address is None:
                continue
            kind, _, content = address.partition(",")
            assert (tag, kind) == ("img", "data:image/png;base64")
            images.append(base64.b64decode(content, validate=True))
    assert not re.search(r"url\(|@import|https?:", text)
    assert len(images) == 6  # three figures, for light and dark paper
    for image in images:
        pixels = imread(io.BytesIO(image))
        assert pixels.shape[1] > 600
        assert np.std(pixels[..., :3]) > 0.01, "an empty picture"
    assert all(attributes["alt"] for tag, attributes in found.tags if tag == "img")
    policy = [
        a["content"] for t, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy[0].startswith("default-src 'none'")


def test_the_page_supports_light_dark_and_print(report, pictures) -> None:
    style = page(report, pictures).partition("<style>")[2].partition("</style>")[0]
    assert "@media screen and (prefers-color-scheme: dark)" in style
    assert "@media print" in style
    light, dark = (
        imread(io.BytesIO(pictures[0].images[theme]))[0, 0, :3] for theme in ("light", "dark")
    )
    assert light.mean() > 0.9
    assert dark.mean() < 0.2


def test_no_line_ends_within_a_p_value(report) -> None:
    verdicts = ["better by 1.2 (95% CI 0.5 to 1.9, p < 0.001, 3 seeds)", "none shown (p = 0.47)"]
    text = page(replace(report, verdicts=verdicts), [])
    assert "p&nbsp;&lt;&nbsp;0.001, 3 seeds" in text
    assert "(p&nbsp;=&nbsp;0.47)" in text


def test_every_command_has_its_own_line(report) -> None:
    reader = read(page(report, []))
    commands = [*(model.command for model in report.models), report.command]
    assert all(command in reader.texts for command in commands)


@pytest.mark.parametrize(("low", "high"), [(1_821_836, 1_822_002), (10, 90), (7, 7)])
def test_axes_of_costs_that_hardly_differ_are_widened(low: float, high: float) -> None:
    axis = new_figure(4, 3).subplots()
    axis.plot([low, high], [80, 90], "o")
    before = axis.get_xlim()
    _widen(axis)
    left, right = axis.get_xlim()
    assert right - left >= 0.0999 * (left + right) / 2
    assert left <= min(low, before[0])
    assert right >= max(high, before[1])
    if high > 2 * low:
        assert (left, right) == pytest.approx(before)


def test_the_page_shows_the_report_and_its_origin(report, pictures) -> None:
    found = " ".join(read(page(report, pictures)).texts).replace("\xa0", " ")
    for _, rows in all_tables(report):
        for row in rows:
            for cell in row:
                assert cell in found
    for sentence in [*report.verdicts, *report.notes, report.command, report.fingerprint]:
        assert sentence in found
    for model in report.models:
        assert model.command in found
        assert f"torch {model.versions['torch']}" in found


def test_texts_cannot_become_tags(report, pictures) -> None:
    models = [replace(report.models[0], command=EVIL), report.models[1]]
    evil = replace(
        report,
        models=models,
        verdicts=[EVIL],
        notes=[EVIL],
        task=EVIL,
        fingerprint=EVIL,
        command=EVIL,
    )
    found = read(page(evil, [replace(pictures[0], caption=EVIL)]))
    assert not any(tag == "script" for tag, _ in found.tags)
    assert "".join(found.texts).count(EVIL) >= 6
    assert any(attributes.get("alt") == EVIL for _, attributes in found.tags)


def test_the_front_holds_models_that_none_beats_in_both() -> None:
    points = [(3.0, 5.0), (1.0, 2.0), (2.0, 1.0), (2.0, 4.0), (4.0, 5.0)]
    assert _front(points, True) == [(1.0, 2.0), (2.0, 4.0), (3.0, 5.0)]
    assert _front(points, False) == [(1.0, 2.0), (2.0, 1.0)]


def test_runs_without_validations_have_no_curves(report) -> None:
    candidates = [
        replace(one, runs=[replace(run, history=[]) for run in one.runs])
        for one in report.candidates
    ]
    names = [picture.name for picture in draw(replace(report, candidates=candidates))]
    assert names == ["differences", "score_and_cost"]


def test_a_notebook_shows_verdicts_figures_and_tables(report) -> None:
    found = read(report._repr_html_())
    texts = " ".join(found.texts).replace("\xa0", " ")
    assert all(verdict in texts for verdict in report.verdicts)
    assert "Cost" in texts
    assert sum(tag == "img" for tag, _ in found.tags) == 3  # light ones
