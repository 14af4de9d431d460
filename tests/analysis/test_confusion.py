"""Confusion matrices are drawn so that counts and shares can be read."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from nlpseq.analysis.confusion import confusion_figure, draw_details
from nlpseq.reporting.figures import save


def matrix(classes: int) -> list[list[int]]:
    return (np.eye(classes, dtype=int) * 90 + 5).tolist()


def draw(labels: list[str], counts: list[list[int]], path: Path) -> None:
    save(partial(confusion_figure, labels, counts), path, trim=True)


def dark_share(path: Path) -> float:
    """Return the share of pixels in the blue of a cell that holds most of its row."""
    with Image.open(path) as image:
        red, _, blue = np.moveaxis(np.asarray(image.convert("RGB"), dtype=int), 2, 0)
    return float(((red < 90) & (blue - red > 60)).mean())


@pytest.mark.parametrize("classes", [2, 5, 20, 40])
def test_a_png_that_decodes_and_grows_with_the_classes(classes: int, tmp_path: Path) -> None:
    path = tmp_path / "plots" / "matrix.png"
    draw([f"label {n}" for n in range(classes)], matrix(classes), path)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert 500 < image.height < 3700
        assert image.width > image.height
    assert [file.name for file in path.parent.iterdir()] == ["matrix.png"]


def test_colours_follow_the_matrix(tmp_path: Path) -> None:
    draw(["a", "b"], [[90, 10], [10, 90]], tmp_path / "right.png")
    draw(["a", "b"], [[50, 50], [50, 50]], tmp_path / "undecided.png")
    assert dark_share(tmp_path / "right.png") > 0.2
    assert dark_share(tmp_path / "undecided.png") < 0.05


def test_each_cell_shows_its_count_and_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    real = Axes.text

    def text(self: Axes, x: float, y: float, content: str, **options: object) -> object:
        written.append((x, y, content))
        return real(self, x, y, content, **options)

    monkeypatch.setattr(Axes, "text", text)
    draw(["a", "b"], [[1500, 500], [0, 0]], tmp_path / "x.png")
    # A row is a true label, a column a predicted one; a row without examples divides by nothing.
    assert written == [(0, 0, "1,500\n75%"), (1, 0, "500\n25%"), (0, 1, "0"), (1, 1, "0")]


def test_odd_labels_are_drawn_without_a_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    labels = ["costs $5 or $x^", "a\\frac{", "long " * 40, ""]
    draw(labels, matrix(4), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.width < 2000
    assert [str(warning.message) for warning in recwarn] == []


def test_details_of_all_splits_are_drawn_if_there_are_any(tmp_path: Path) -> None:
    drawable = {"confusion_matrix": {"labels": ["a", "b"], "matrix": matrix(2)}, "per_class": {}}
    details = {"validation": drawable, "test": drawable, "other": {"per_type": {"PER": {}}}}
    paths = draw_details(details, tmp_path)
    assert [path.name for path in paths] == [
        "confusion_matrix_validation.png",
        "confusion_matrix_test.png",
    ]
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert draw_details({}, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
