"""mypy accepts the example of typed predictions, and finds a mistake in it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "typed_predictions.py"
MISTAKES = {
    "classified.label]": ("classified.lable]", '"Classification" has no attribute "lable"'),
    "entity.confidence": ("entity.probability", '"Entity" has no attribute "probability"'),
    "hypothesis.score": ("hypothesis.rank", '"Hypothesis" has no attribute "rank"'),
    "scored.perplexity": ("scored.label", '"TextScore" has no attribute "label"'),
    "generate(": ("translate(", '"Generator" has no attribute "translate"'),
}


def mypy(*files: Path) -> list[str]:
    """Return the lines that mypy prints for these files, under the options of the project."""
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", "--hide-error-context"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
def test_mypy_knows_the_types_of_predictions(tmp_path: Path) -> None:
    """One run of mypy reads both files: most of its time is for torch."""
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    text = EXAMPLE.read_text(encoding="utf-8")
    for right, (mistake, _) in MISTAKES.items():
        assert right in text
        text = text.replace(right, mistake)
    wrong.write_text(text, encoding="utf-8")
    lines = mypy(EXAMPLE, wrong)
    assert [line for line in lines if Path(line.partition(":")[0]).name != "wrong.py"] == []
    for _, message in MISTAKES.values():
        assert [line for line in lines if message in line], (message, lines)
