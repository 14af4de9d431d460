"""Tables that commands print."""

import re
from pathlib import Path

import pytest

from nlpseq.recipe import Recipe
from nlpseq.recipe.keys import describe
from nlpseq.reporting.tables import report_keys, report_run, report_scores

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
    assert "10.50 ± 0.12" in printed
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
    assert ["good [b]", "75.00", "50.00", "60.00", "1,234"] in cells
    assert ["bad", "75.00", "50.00", "12.50", "1,234"] in cells
    assert ["good [b]", "617", "616"] in cells
    assert ["bad", "0", "8,765"] in cells
    assert "test by class" in printed
    assert "F1 (%)" in printed
    assert "unseen" not in printed


def test_report_by_class_without_a_scored_test(capsys: pytest.CaptureFixture[str]) -> None:
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
    assert all(len(line) <= 80 for line in printed.splitlines() if "run directory" not in line)


def test_report_by_distance(capsys: pytest.CaptureFixture[str]) -> None:
    details = {"test": {"by_distance": {"127": {"accuracy": 0.25, "answers": 600}}}}
    report_run(METRICS | {"details": details}, [], Path("x"))
    printed = capsys.readouterr().out
    assert "test by distance" in printed
    assert "127" in printed
    assert "25.00" in printed


def test_report_of_scores_has_no_detail_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report_run(METRICS | {"details": {"test": {}}}, [], Path("x"))
    without = capsys.readouterr().out
    report_run(METRICS, [], Path("x"))
    assert capsys.readouterr().out == without


def test_one_epoch_is_singular(capsys: pytest.CaptureFixture[str]) -> None:
    report_run(METRICS | {"epochs": 1.0, "steps": 1}, [], Path("x"))
    assert "1 step, 1 epoch\n" in re.sub(" +\n", "\n", capsys.readouterr().out)


def test_report_of_keys_fits_and_names_choices(capsys: pytest.CaptureFixture[str]) -> None:
    report_keys(describe(Recipe))
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "[training]" in printed
    assert "  learning_rate: number, default 0.001" in printed
    assert "One of: sgd, adam, adamw, rmsprop." in printed
