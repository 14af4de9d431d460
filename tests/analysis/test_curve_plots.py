"""Curves of several models, and their values."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nlpseq.analysis.curve_plots import (
    clipped_share,
    clipping_figure,
    distance_figure,
    gather,
    gradient_flow_figure,
    gradient_norms,
)
from nlpseq.reporting.figures import save


def accuracies(rows: dict[int, tuple[float, int]]) -> dict[str, dict[str, float]]:
    return {str(d): {"accuracy": a, "answers": n} for d, (a, n) in rows.items()}


def test_few_distances_are_shown_singly_and_many_are_grouped() -> None:
    assert gather(accuracies({5: (0.5, 3), 90: (1.0, 1)})) == [(5.0, 0.5), (90.0, 1.0)]
    many = {distance: (1 / distance, distance) for distance in range(1, 32, 2)}
    points = gather(accuracies(many))
    assert points[0] == (1.0, 1.0)
    assert points[2] == pytest.approx(((25 + 49) / 12, 2 / 12))  # 5 and 7: weighted by answers
    assert len(points) == 5


def history(norms: list[float]) -> list[dict[str, Any]]:
    return [{"step": 10 * n, "gradient_norm": norm} for n, norm in enumerate(norms)]


def test_the_share_of_clipped_updates(tmp_path: Path) -> None:
    lines = [*history([0.5, 1.0, 1.5, 20.0]), {"step": 9, "validation": {}}]
    points = gradient_norms(lines)
    assert clipped_share(points, 1.0) == 0.5
    assert clipped_share(points, 0.0) == 0.0
    assert gradient_norms([{"step": 9, "validation": {}}]) == []
    for clip_norm in (0.0, 1.0):
        save(partial(clipping_figure, points, clip_norm), tmp_path / "clipping.png")


def test_curves_of_every_kind_are_drawn(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.axes import Axes

    drawn: list[list[float]] = []
    real = Axes.plot

    def record(self: Axes, *given: Any, **options: Any) -> Any:
        drawn.append([float(value) for value in given[-1]])
        return real(self, *given, **options)

    monkeypatch.setattr(Axes, "plot", record)
    flows = {"a_$b$": [2.0, 1.0, 0.0, 1e-20], "big": [1e-3, 1e30], "none": [0.0, 0.0], "one": [1.0]}
    save(partial(gradient_flow_figure, flows), tmp_path / "flow.png")
    assert drawn[0][:2] == [1.0, 0.5]
    assert all(math.isnan(value) for value in drawn[0][2:])
    assert drawn[1] == pytest.approx([1.0, 1e33])
    curves = {"x": accuracies({5: (0.5, 3)}), "y": accuracies({7: (1.0, 3)})}
    save(partial(distance_figure, curves, 0.1), tmp_path / "d.png")
    for name in ("flow.png", "d.png"):
        with Image.open(tmp_path / name) as image:
            assert image.width > 600
    assert [str(warning.message) for warning in recwarn] == []
