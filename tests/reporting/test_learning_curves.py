"""Learning curves are drawn from what a history holds."""

import math
from pathlib import Path

import numpy as np
import pytest

from nlpseq.reporting.figures import LIGHT
from nlpseq.reporting.learning_curves import Chosen, _draw, learning_curves, time_unit

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
    assert size(both)[1] == pytest.approx(200 * (0.9 + 3 * 2.2), abs=2)
    assert size(only)[1] == pytest.approx(200 * (0.9 + 2 * 2.2), abs=2)
    assert size(both)[0] == size(only)[0] == 1600
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


def test_first_steps_do_not_squash_the_loss_panel() -> None:
    steep = [
        line | {"loss": 2.0 + (500.0 if line["step"] == 10 else 0.1 * line["step"] / 200)}
        for line in TRAINING
    ]
    (low, high) = _draw(steep, VALIDATIONS, "", {}, LIGHT).axes[0].get_ylim()
    assert low < 2.0
    assert 4.0 < high < 5.0  # the loss on validation is 4
    (_, high) = _draw(TRAINING, [], "", {}, LIGHT).axes[0].get_ylim()
    assert high >= 0.5  # nothing is hidden where the first steps are not extreme


def test_the_floor_the_title_and_percent_are_drawn() -> None:
    figure = _draw(TRAINING, VALIDATIONS, "a title", {"floor_perplexity": 0.25}, LIGHT)
    assert figure.get_suptitle() == "a title"
    assert [text.get_text() for text in figure.axes[1].texts] == ["best possible"]
    lines = [line.get_ydata() for line in figure.axes[1].lines]
    assert [0.25, 0.25] in [list(line) for line in lines]
    scores = [{"step": 100, "validation": {"accuracy": 0.75}}]
    panel = _draw([], scores, "", {}, LIGHT).axes[0]
    assert panel.get_ylabel() == "validation\naccuracy (%)"
    assert list(panel.lines[0].get_ydata()) == [75.0]


def test_times_are_round_and_in_a_fitting_unit() -> None:
    assert [time_unit(seconds)[0] for seconds in (5, 59, 61, 7000, 90_000)] == [
        "seconds",
        "seconds",
        "minutes",
        "minutes",
        "hours",
    ]
    top = _draw(TRAINING, VALIDATIONS, "", {}, LIGHT).axes[-1]
    assert top.get_xlabel() == "seconds of training"
    assert [label.get_text() for label in top.get_xticklabels()] == ["0", "5", "10", "15", "20"]
    assert list(top.get_xticks()) == [0, 50, 100, 150, 200]


@pytest.mark.parametrize("history", [[], [{"step": 3, "note": "resumed"}]])
def test_nothing_to_draw_writes_nothing(history: list[dict[str, object]], tmp_path: Path) -> None:
    assert learning_curves(history, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_validation_loss_is_drawn_under_either_name() -> None:
    for name in ("nll_per_token", "loss"):
        validations = [{"step": 100, "epoch": 0, "validation": {"accuracy": 0.5, name: 0.4}}]
        figure = _draw(TRAINING, validations, "", {}, LIGHT)
        loss, score, _ = figure.axes[:3]
        assert [line.get_label() for line in loss.get_lines()] == ["training", "validation"]
        assert score.get_ylabel() == "validation\naccuracy (%)"


CLASSES = [
    {
        "step": step,
        "epoch": step / 100,
        "validation": {"accuracy": 0.5, "macro_f1": step / 400, "loss": 3.0 - step / 100},
    }
    for step in (100, 200)
]


def test_the_score_that_chose_the_weights_is_drawn_and_its_step_marked() -> None:
    loss, score, _ = _draw(TRAINING, CLASSES, "", {}, LIGHT, Chosen("macro_f1", 200)).axes[:3]
    assert score.get_ylabel() == "validation\nmacro F1 (%)"
    (mark,) = [line for line in score.lines if line.get_label() == "kept: epoch 2, step 200"]
    assert np.array_equal(mark.get_xydata(), [[200, 50.0]])
    assert not [line for line in loss.lines if str(line.get_label()).startswith("kept")]


def test_weights_chosen_by_the_loss_are_marked_in_its_panel() -> None:
    loss, score, _ = _draw(TRAINING, CLASSES, "", {}, LIGHT, Chosen("loss", 100)).axes[:3]
    (mark,) = [line for line in loss.lines if line.get_label() == "kept: epoch 1, step 100"]
    assert np.array_equal(mark.get_xydata(), [[100, 2.0]])
    assert score.get_ylabel() == "validation\naccuracy (%)"
    unmarked = _draw(TRAINING, CLASSES, "", {}, LIGHT, Chosen("accuracy", 150))
    lines = [line for panel in unmarked.axes for line in panel.lines]
    assert not [line for line in lines if str(line.get_label()).startswith("kept")]
