"""Learning curves are drawn from what a history holds."""

import math
from pathlib import Path

import pytest

from nlpseq.reporting.learning_curves import learning_curves

PNG = b"\x89PNG\r\n\x1a\n"
TRAINING = [
    {"step": step, "epoch": 0, "loss": 5 / step, "learning_rate": 1e-3 * step, "seconds": step / 10}
    for step in range(10, 210, 10)
]
VALIDATIONS = [
    {
        "step": step,
        "epoch": 0,
        "validation": {"perplexity": 99.0 / step, "nll_per_token": 4.0, "tokens": 5},
    }
    for step in (100, 200)
]


def size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_one_panel_for_each_curve(tmp_path: Path) -> None:
    both = learning_curves([*TRAINING, *VALIDATIONS], tmp_path / "both")
    only = learning_curves(TRAINING, tmp_path / "only")
    assert both == tmp_path / "both" / "learning_curves.png"
    assert both is not None
    assert only is not None
    assert size(both)[1] == pytest.approx(120 * (0.6 + 3 * 2.3), abs=2)
    assert size(only)[1] == pytest.approx(120 * (0.6 + 2 * 2.3), abs=2)
    assert size(both)[0] == size(only)[0] == 960
    assert [path.name for path in (tmp_path / "both").iterdir()] == ["learning_curves.png"]


def test_the_curve_depends_on_the_values(tmp_path: Path) -> None:
    other = [line | {"loss": 7.0} for line in TRAINING]
    first, again, changed = (
        learning_curves(lines, tmp_path / name)
        for name, lines in (("first", TRAINING), ("again", TRAINING), ("changed", other))
    )
    assert first is not None
    assert again is not None
    assert changed is not None
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != changed.read_bytes()


@pytest.mark.parametrize(
    "history",
    [
        TRAINING[:1],
        VALIDATIONS[:1],
        [{"step": 1, "loss": math.nan, "learning_rate": 0.0, "seconds": 0.0}],
        [{"step": 5, "loss": 1.0, "learning_rate": 0.1, "seconds": 1.0}] * 2,
    ],
)
def test_short_and_odd_histories_are_drawn_without_a_warning(
    history: list[dict[str, object]], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = learning_curves(history, tmp_path)
    assert path is not None
    assert path.read_bytes().startswith(PNG)
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("history", [[], [{"step": 3, "note": "resumed"}]])
def test_nothing_to_draw_writes_nothing(history: list[dict[str, object]], tmp_path: Path) -> None:
    assert learning_curves(history, tmp_path) is None
    assert list(tmp_path.iterdir()) == []
