"""What a finished run prints."""

import math
from pathlib import Path

import pytest

from nlpseq.reporting.tables import duration, number, parameter_line, report_run, report_scores

METRICS = {
    "splits": ["validation", "test"],
    "validation": {"perplexity": 9.8765, "tokens": 12345},
    "test": {"perplexity": 10.4321, "tokens": 23456, "floor_perplexity": 8.25},
    "seconds": 83.4,
    "tokens_per_second": 45678.9,
    "steps": 1200,
    "epochs": 2.5,
    "parameters": {"total": 1_234_567, "embedding": 1_000_000, "encoder": 234_567, "head": 0},
    "versions": {"torch": "2"},
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (1234567, "1,234,567"),
        (23456.0, "23,456"),
        (537.0, "537"),
        (1.0, "1.000"),
        (104.567, "104.57"),
        (1.5, "1.500"),
        (0.5, "0.500"),
        (0.00123456, "0.001235"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ({"mean": 104.567, "standard_deviation": 0.25}, "104.57 ± 0.250"),
        ({"mean": 104.567, "standard_deviation": None}, "104.57"),
    ],
)
def test_numbers_for_people(value: object, text: str) -> None:
    assert number(value) == text


def test_durations() -> None:
    assert [duration(s) for s in (4.21, 59.7, 185, 7800)] == [
        "4.2 s",
        "1 min 0 s",
        "3 min 5 s",
        "2 h 10 min",
    ]


def test_parameters_with_their_parts() -> None:
    assert (
        parameter_line(METRICS["parameters"]) == "1,234,567 (embedding 1,000,000, encoder 234,567)"
    )
    assert parameter_line({"total": 5}) == "5"


def test_report_has_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("runs") / ("a-long-name-" * 12)
    report_run(METRICS, ["the [bold]old[/bold] man :smile:", "x" * 200], folder)
    printed = capsys.readouterr().out
    (row,) = [line for line in printed.splitlines() if "perplexity" in line]
    assert [part for part in row.split() if part[0].isdigit()] == ["9.877", "10.43", "8.250"]
    for fact in ("test floor", "45,679", "1,234,567", "1 min 23 s", "1,200 steps, 2.5 epochs"):
        assert printed.count(fact) == 1
    assert "the [bold]old[/bold] man :smile:" in printed
    assert "x" * 200 in printed
    assert printed.endswith(f"run directory: {folder}\n")
    assert "\x1b" not in printed


def test_report_of_several_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {
        "seeds": [13, 14],
        "test": {"perplexity": {"mean": 10.5, "standard_deviation": 0.125}},
        "seconds": 10.0,
    }
    report_run(summary, [], Path("runs/x"))
    printed = capsys.readouterr().out
    assert "10.50 ± 0.125" in printed
    assert "13, 14" in printed


def test_report_of_one_split(capsys: pytest.CaptureFixture[str]) -> None:
    report_scores({"split": "test", "test": METRICS["test"], "versions": {}}, ["test"])
    printed = capsys.readouterr().out
    assert "10.43" in printed
    assert "validation" not in printed


SCORES = {"precision": 0.75, "recall": 0.5, "f1": 0.6, "support": 1234}
DETAILS = {
    "validation": {"per_class": {"unseen": SCORES}},
    "test": {
        "per_class": {"good [b]": SCORES, "bad": SCORES | {"f1": 0.125}},
        "confusion_matrix": {"labels": ["good [b]", "bad"], "matrix": [[617, 616], [0, 8765]]},
    },
}


def test_report_by_class_is_of_the_last_split(capsys: pytest.CaptureFixture[str]) -> None:
    report_run(METRICS | {"details": DETAILS}, [], Path("x"))
    printed = capsys.readouterr().out
    rows = [line.strip("│ ").split("│") for line in printed.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert ["good [b]", "0.750", "0.500", "0.600", "1,234"] in cells
    assert ["bad", "0.750", "0.500", "0.125", "1,234"] in cells
    assert ["good [b]", "617", "616"] in cells
    assert ["bad", "0", "8,765"] in cells
    assert "test by class" in printed
    assert "unseen" not in printed


def test_report_by_class_where_test_was_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = METRICS | {"splits": ["validation"], "details": {"validation": DETAILS["validation"]}}
    report_run(metrics, [], Path("x"))
    printed = capsys.readouterr().out
    assert "validation by class" in printed
    assert "unseen" in printed


def test_report_by_type_of_many_types_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    types = {f"type{n:02}": SCORES for n in range(25)}
    labels = [f"c{n}" for n in range(9)]
    confusion = {"labels": labels, "matrix": [[0] * 9] * 9}
    details = {"test": {"per_type": types, "confusion_matrix": confusion}}
    report_run(METRICS | {"details": details}, [], Path("x"))
    printed = capsys.readouterr().out
    assert "test by type" in printed
    assert "type19" in printed
    assert "type20" not in printed
    assert "5 more in metrics.json" in printed
    assert "predicted" not in printed


def test_report_by_distance(capsys: pytest.CaptureFixture[str]) -> None:
    details = {"test": {"by_distance": {"127": {"accuracy": 0.25, "answers": 600}}}}
    report_run(METRICS | {"details": details}, [], Path("x"))
    printed = capsys.readouterr().out
    assert "test by distance" in printed
    assert "127" in printed


def test_report_of_scores_has_no_detail_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report_run(METRICS | {"details": {"test": {}}}, [], Path("x"))
    without = capsys.readouterr().out
    report_run(METRICS, [], Path("x"))
    assert capsys.readouterr().out == without
