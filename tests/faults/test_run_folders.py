"""A run directory from a stranger: damaged files are one line, and nothing is read or written outside by surprise."""

import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from faults.damage import damage_run
from faults.model_folders import GIGABYTE, MODELS, SMALL, bounded, config_of

from nlpseq.analysis.comparison.runs import read_candidates
from nlpseq.analysis.errors import build_error_report
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.reporting.error_page import error_page
from nlpseq.reporting.error_tables import print_errors
from nlpseq.run_data import changed_splits

RUNS = ("tagging", "classification", "regression", "language_modeling", "translation")


def trained(name: str, folder: Path) -> Path:
    """Train a model for two updates."""
    recipe, overrides = MODELS[name]
    short = ("training.max_steps=2", "training.epochs=50", "evaluation.baselines=false")
    windows = ("training.bptt_length=8", "training.batch_size=2")
    changes = [*SMALL, *overrides, *short, *(windows if name == "language_modeling" else ())]
    command = ["run", recipe, *changes, "--device", "cpu", "--output", str(folder / name)]
    assert main(command) == 0
    return folder / name


def use_many(runs: list[Path], folder: Path, seeds: range) -> Counter[str]:
    """Damage files of runs, read them as `errors` and `compare` do, and count what is refused."""
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        copy = folder / "run"
        shutil.copytree(chance.choice(runs), copy)
        done = damage_run(copy, chance)
        for use in (list_errors, read_runs_to_compare):
            try:
                with bounded(20, 8 * GIGABYTE):
                    use(copy)
                outcomes["used"] += 1
            except UserError as error:
                assert_one_line(str(error))
                outcomes["refused"] += 1
            except BaseException as error:
                reason = f"{type(error).__name__}: {error}"
                raise AssertionError(f"{seed}, {done}, {use.__name__}: {reason}") from error
        shutil.rmtree(copy)
    return outcomes


def assert_one_line(message: str) -> None:
    assert "\n" not in message
    assert "\x1b" not in message


def list_errors(run: Path) -> None:
    report = build_error_report(run)[0].to_json()
    print_errors(report)
    error_page(report, {}, "")


def read_runs_to_compare(run: Path) -> None:
    candidates, split = read_candidates([run])
    assert candidates[0].runs[0].scores
    assert changed_splits(run, {}, [split]) == []


def test_damaged_files_of_a_run_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("tagging", tmp_path / "runs")
    outcomes = use_many([run], tmp_path, range(40))
    assert outcomes["refused"] >= 10
    assert outcomes["used"] >= 10
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.long
def test_five_hundred_damaged_runs_are_one_line(tmp_path: Path) -> None:
    runs = [trained(name, tmp_path / "runs") for name in RUNS]
    assert use_many(runs, tmp_path, range(1000, 1500)).total() == 1000


def test_links_lead_no_result_out_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, outside = trained("tagging", tmp_path / "runs"), tmp_path / "outside"
    outside.mkdir()
    for name, command in {
        "evaluations": "evaluate {} --device cpu",
        "errors": "errors {}",
        "inspection": "inspect {} --gates",
    }.items():
        (run / name).symlink_to(outside)
        assert main(command.format(run).split()) == 2
        assert "a symbolic link to" in capsys.readouterr().err
        (run / name).unlink()
    assert list(outside.iterdir()) == []


def test_a_run_that_names_files_of_others_is_not_scored_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, private = trained("classification", tmp_path / "runs"), tmp_path / "private"
    private.mkdir()
    (private / "diary.tsv").write_text("text\tlabel\nmy secret\tpositive\n")
    config = config_of(run)
    config["recipe"]["data"] |= {
        "source": "builtin",
        "files": {"test": "diary.tsv"},
        "format": "tsv",
    }
    (run / "config.json").write_text(json.dumps(config))
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    for recorded in ({}, {"test": "0" * 16}):
        record = {"folder": str(private), "files": {}, "fingerprints": recorded}
        (run / "data.json").write_text(json.dumps(record))
        (run / "metrics.json").write_text(json.dumps({**metrics, "data": recorded}))
        assert main(["evaluate", str(run), "--device", "cpu"]) == 2
        said = capsys.readouterr().err
        assert "--data-dir" in said
        assert "secret" not in said
    assert not list(run.glob("evaluations/*"))
