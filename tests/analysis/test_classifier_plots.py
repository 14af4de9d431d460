"""Reliability diagrams, ROC and precision-recall curves are drawn for splits that have them."""

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nlpseq.analysis.classifier_plots import (
    draw_probabilities,
    ranking_figure,
    reliability_figure,
)
from nlpseq.metrics.calibration import reliability
from nlpseq.metrics.ranking import ranking_curves
from nlpseq.reporting.figures import DARK


def tables(classes: int) -> dict[str, Any]:
    draw = random.Random(5)
    names = [f"${name}^ " * (8 if name == 1 else 1) for name in range(classes)]
    targets = [draw.choice(names) for _ in range(300)]
    scores = {name: [draw.random() + 0.4 * (t == name) for t in targets] for name in names}
    sure = [draw.random() for _ in range(300)]
    correct = [draw.random() < value for value in sure]
    return {
        "reliability": reliability(sure, correct, "examples"),
        "curves": ranking_curves(scores, targets),
    }


@pytest.mark.parametrize("classes", [2, 10])
def test_splits_with_tables_are_drawn(
    tmp_path: Path, classes: int, recwarn: pytest.WarningsRecorder
) -> None:
    details = {"validation": tables(classes), "test": {"per_class": {}}, "new": {"curves": {}}}
    paths = draw_probabilities(details, tmp_path)
    assert [path.name for path in paths] == ["reliability_validation.png", "ranking_validation.png"]
    assert sorted(paths) == sorted(tmp_path.iterdir())
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 500
    assert [str(warning.message) for warning in recwarn] == []


def test_the_legend_names_the_class_and_its_area() -> None:
    found = tables(2)
    figure = ranking_figure(found["curves"], DARK, title="test split")
    roc, precision_recall = figure.axes
    legends = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in figure.axes]
    curves = list(found["curves"].values())
    assert legends[0][0] == f"$0^ : {curves[0]['auroc']:.3f}"
    assert legends[1][0].endswith(f"{curves[0]['average_precision']:.3f}")
    assert len(legends[0][1]) < 32  # a long name is cut
    assert roc.get_xlabel() == "false positive rate"
    assert precision_recall.get_ylabel() == "precision"


def test_a_diagram_has_a_point_for_each_bin() -> None:
    table = tables(2)["reliability"]
    figure = reliability_figure(table, title="test split")
    upper, lower = figure.axes
    points = upper.collections[-1].get_offsets()
    assert [[*point] for point in points] == [
        pytest.approx([bin_["confidence"], bin_["accuracy"]]) for bin_ in table["bins"]
    ]
    assert [bar.get_height() for bar in lower.patches] == [b["count"] for b in table["bins"]]
    assert upper.get_title() == f"test split: calibration error {table['calibration_error']:.3f}"
