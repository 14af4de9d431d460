"""Labels of any script are drawn, or written as character codes, without a warning."""

import warnings
from pathlib import Path

import pytest

from nlpseq.analysis.confusion import confusion_figure, draw_details
from nlpseq.reporting import fonts
from nlpseq.reporting.figures import LIGHT, new_figure, png

LABELS = [
    "\u5929\u6c14",
    "\u8fd0\u52a8",
    "\u0928\u092e",
    "\u12a0\u121b",
    "plain",
    "a\u2028b",
    "$x$",
]


@pytest.fixture
def latin_only(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"DejaVu Sans": frozenset(range(32, 0x250))}
    monkeypatch.setattr(fonts, "_fonts", lambda: known)


def test_characters_without_a_glyph_are_codes(latin_only: None) -> None:
    assert fonts.drawable("caf\u00e9") == "caf\u00e9"
    assert fonts.drawable("a\n\u5929b") == "a\n\\u5929b"
    assert fonts.drawable("\U0001f600") == "\\U1f600"
    assert len({fonts.drawable(label) for label in LABELS}) == len(LABELS)


def test_a_confusion_matrix_of_any_script(tmp_path: Path, latin_only: None) -> None:
    matrix = [[1] * len(LABELS)] * len(LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        details = {"test": {"confusion_matrix": {"labels": LABELS, "matrix": matrix}}}
        assert draw_details(details, tmp_path)[0].stat().st_size > 1000
    figure = confusion_figure(LABELS, matrix)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown[0] == "\\u5929\\u6c14"
    assert len(set(shown)) == len(LABELS)


def test_long_labels_that_begin_alike_differ(latin_only: None) -> None:
    labels = ["a very long name of a class, first", "a very long name of a class, second"]
    figure = confusion_figure(labels, [[1, 0], [0, 1]])
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == ["1 a very long name of a c…", "2 a very long name of a c…"]


def test_every_text_of_a_figure(latin_only: None) -> None:
    def draw(theme: object) -> object:
        figure = new_figure(3, 2)
        axis = figure.subplots()
        axis.plot([0, 1], label="\u5929")
        axis.set_yticks([0, 1], ["\u6c14", "b"])
        axis.set_title("\u8fd0\u52a8")
        axis.legend()
        return figure

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(draw, LIGHT)  # type: ignore[arg-type]
