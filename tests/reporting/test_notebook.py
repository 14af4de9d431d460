"""Results show themselves in a notebook: HTML with escaped text and pictures inside."""

import base64
import io
import re
from pathlib import Path
from typing import Any

from PIL import Image

from nlpseq.experiment.training_run import RunResult
from nlpseq.reporting.learning_curves import learning_curves

METRICS: dict[str, Any] = {
    "splits": ["validation", "test"],
    "validation": {"accuracy": 0.5},
    "test": {"accuracy": 0.875},
    "seconds": 12.0,
    "steps": 7,
    "parameters": {"total": 100, "encoder": 60, "embedding": 40},
}


def test_a_run_shows_scores_cost_samples_and_learning_curves(tmp_path: Path) -> None:
    history = [{"step": n, "loss": 1.0, "learning_rate": 0.1, "seconds": n} for n in (1, 2, 3)]
    learning_curves(history, tmp_path / "plots")
    html = RunResult(tmp_path, METRICS, samples=["<b> -> c"])._repr_html_()
    assert "<td>accuracy (%)</td><td>50.00</td><td>87.50</td>" in html
    assert "100 (encoder 60, embedding 40)" in html
    assert "7 steps in 12.0 s" in html
    assert "<pre>&lt;b&gt; -&gt; c</pre>" in html
    (image,) = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    with Image.open(io.BytesIO(base64.b64decode(image, validate=True))) as decoded:
        assert f'width="{decoded.width // 2}"' in html
    assert str(tmp_path) in html


def test_several_seeds_show_mean_and_deviation(tmp_path: Path) -> None:
    summary = {
        "seeds": [1, 2],
        "test": {"accuracy": {"mean": 0.85, "standard_deviation": 0.0123}},
        "seconds": 2.0,
    }
    html = RunResult(tmp_path, summary)._repr_html_()
    assert "<td>accuracy (%)</td><td>85.0 ± 1.2</td>" in html
    assert "<img" not in html


def test_an_interrupted_run_says_how_to_continue(tmp_path: Path) -> None:
    assert "resume=True" in RunResult(tmp_path, {}, interrupted=True)._repr_html_()
