"""Candidates: models of matched sizes are trained for a comparison, kept, and resumed."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import nlpseq
from nlpseq import model_directory, recipe
from nlpseq.analysis.comparison import compare
from nlpseq.analysis.comparison import test_split as split_to_compare
from nlpseq.analysis.comparison.speed import measure_speed, speed_of
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.experiment.comparison_plan import ComparisonPlan
from nlpseq.experiment.run import summarize


def again(folder: Path, compare_options: dict):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        report = nlpseq.compare("sentiment/quickstart", **compare_options, output=folder)
    return report, printed.getvalue()


def test_models_have_one_size(trained: Path) -> None:
    report = compare([trained / "lstm", trained / "rnn"], samples=20)
    lstm, rnn = (model.cost for model in report.models)
    assert rnn.core == pytest.approx(lstm.core, rel=0.03)
    assert rnn.embedding == lstm.embedding
    plan = json.loads((trained / "plan.json").read_text())
    assert plan["changes"]["lstm"] == []
    assert plan["changes"]["rnn"][0] != "encoder.hidden_size=20"
    written = json.loads((trained / "report.json").read_text())
    words = shlex.split(written["command"])
    assert words[:3] == ["nlpseq", "compare", "sentiment/quickstart"]
    assert words[words.index("--models") + 1] == "lstm,rnn"
    assert "as many parameters" in written["notes"][0]
    assert (trained / "report.html").exists()


def test_it_resumes_where_it_stopped(trained: Path, tmp_path: Path, compare_options: dict) -> None:
    """A run that was stopped is resumed; those that had finished are not run again."""
    folder = tmp_path / "contest"
    for name in ("lstm", "rnn"):
        shutil.copytree(trained / name, folder / name)
    shutil.copy(trained / "plan.json", folder)
    stopped = folder / "rnn" / "seed-14"
    before = json.loads((stopped / "metrics.json").read_text())
    (stopped / "metrics.json").unlink()
    kept = [path for path in folder.rglob("metrics.json")]
    times = [path.stat().st_mtime_ns for path in kept]
    report, printed = again(folder, compare_options)
    assert len(kept) == 3
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert printed.count("training for") <= 1
    after = json.loads((stopped / "metrics.json").read_text())
    assert after["test"] == before["test"]
    assert [model.seeds for model in report.models] == [[13, 14], [13, 14]]


@pytest.mark.parametrize(
    ("recipes", "names"),
    [
        (["sentiment/sst2", "sentiment/sst5"], ["sst2", "sst5"]),
        (["a/lstm.toml", "sentiment/sst2"], ["lstm", "sst2"]),
        (["a/lstm.toml", "b/lstm.toml"], ["a-lstm", "b-lstm"]),
    ],
)
def test_models_are_named_after_their_recipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipes: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        recipe.copy("sentiment/sst2", tmp_path / folder / "lstm.toml")
    assert [model.name for model in ComparisonPlan(recipes).planned_models()] == names


def test_models_compared_on_validation_leave_test_unscored(
    trained: Path, tmp_path: Path, compare_options: dict
) -> None:
    """A later comparison on test scores it without training again."""
    report, _ = again(tmp_path, compare_options | {"seeds": (13,), "split": "validation"})
    assert (report.split, report.examples) == ("validation", 40)
    assert report.command.endswith(f"--output {tmp_path} --split validation")
    kept = {path: path.read_bytes() for path in tmp_path.glob("*/seed-13/m*")}
    assert len(kept) == 4  # weights and metrics of both
    for path in tmp_path.glob("*/seed-13/metrics.json"):
        metrics = json.loads(path.read_text())
        assert metrics["splits"] == ["validation"]
        assert "test" not in metrics

    report, printed = again(tmp_path, compare_options | {"seeds": (13,)})
    assert (report.split, report.examples) == ("test", 120)
    assert "training for" not in printed
    assert {path: path.read_bytes() for path in kept} == kept
    for model in report.models:
        path = trained / model.name / "seed-13" / "metrics.json"
        scored_at_once = json.loads(path.read_text())["test"]
        for name, found in model.scores.items():
            assert found.mean == pytest.approx(scored_at_once[name], abs=1e-6)


def test_a_summary_covers_splits_that_all_runs_have_scored() -> None:
    def metrics(accuracy: float, **others: dict) -> dict:
        scores = {"validation": {"accuracy": accuracy}, **others}
        return {"splits": list(scores), "seconds": 2.0, **scores}

    found = summarize({"13": metrics(0.7, test={"accuracy": 0.6}), "14": metrics(0.8)})
    assert set(found) == {"seeds", "validation", "seconds"}
    assert found["validation"]["accuracy"]["mean"] == pytest.approx(0.75)


def test_an_unscored_split_of_several_tests_is_named(runs: Path) -> None:
    folders = [runs / "lstm" / "seed-13", runs / "rnn" / "seed-13"]
    for folder in folders:
        path = folder / "metrics.json"
        metrics = json.loads(path.read_text())
        left = {"splits": ["validation"], "left_alone": ["test_2016", "test_2017"]}
        path.write_text(json.dumps(metrics | left))
    assert split_to_compare(folders) == "test_2016"
    for folder in folders:
        (folder / "evaluations").mkdir()
        (folder / "evaluations" / "test_2017.json").write_text("{}")
    assert split_to_compare(folders) == "test_2017"


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ("sentiment/quickstart --models lstm,rnn", "sentiment-quickstart/lstm-rnn"),
        ("sentiment/quickstart sentiment/sst2 --seeds 13", "classification/quickstart-sst2"),
    ],
)
def test_models_are_trained_where_their_recipe_or_task_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    folder: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "runs" / "compare" / folder / "plan.json"
    plan.parent.mkdir(parents=True)
    for damage in ("{", "[]", '{"request": {}}'):
        plan.write_text(damage)
        assert main(["compare", *shlex.split(words)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"runs/compare/{folder}" in said
        assert "damaged; delete it" in said or "holds another comparison" in said


@pytest.mark.parametrize("key", ["splits", "seconds", "seed"])
def test_metrics_without_a_key_are_refused_in_one_line(
    runs: Path, compare_options: dict, key: str
) -> None:
    path = runs / "rnn" / "seed-14" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics[key]
    path.write_text(json.dumps(metrics))
    with pytest.raises(UserError, match=rf"metrics.json: damaged \(no {key}\); delete it"):
        again(runs, compare_options)


def test_a_plan_without_a_model_is_refused_in_one_line(
    runs: Path, compare_options: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs / "plan.json"
    plan = json.loads(path.read_text())
    del plan["changes"]["rnn"]
    path.write_text(json.dumps(plan))
    with pytest.raises(UserError, match=r"plan.json: damaged; delete it to plan again"):
        again(runs, compare_options)


def test_a_comparison_of_other_runs_is_not_overwritten(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "lstm", "rnn", "--samples", "20"]
    assert main(words) == 0
    report = runs / "runs" / "compare" / "classification" / "lstm-rnn" / "report.json"
    before = report.read_bytes()
    other = runs / "other"
    for name in ("lstm", "rnn"):
        shutil.copytree(runs / name, other / name)
    capsys.readouterr()
    assert main(["compare", "other/lstm", "other/rnn", "--samples", "20"]) == 2
    said = capsys.readouterr().err
    assert re.search(
        r"classification/lstm-rnn: holds a comparison of other runs \(.*lstm/seed-13\)", said
    )
    assert said.count("\n") == 1
    assert report.read_bytes() == before

    # A comparison of the same models, on another split or with fewer seeds, is replaced.
    shutil.rmtree(runs / "rnn" / "seed-14")
    assert main([*words, "--split", "validation"]) == 0
    assert json.loads(report.read_text())["split"] == "validation"

    report.write_text("{")
    capsys.readouterr()
    assert main(words) == 2
    assert "report.json: damaged; delete it" in capsys.readouterr().err


def test_a_comparison_that_is_trained_is_left_alone(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = runs / "begun"
    begun.mkdir()
    shutil.copy(runs / "plan.json", begun)
    assert main(["compare", "lstm", "rnn", "--output", "begun", "--samples", "20"]) == 2
    assert "begun: holds a comparison that has not finished" in capsys.readouterr().err
    assert [path.name for path in begun.iterdir()] == ["plan.json"]


def test_speed_and_memory_are_measured(trained: Path) -> None:
    predictor = model_directory.load(trained / "lstm" / "seed-13", "cpu")
    calls: list[int] = []

    class Counting:
        def predict(self, texts):
            calls.append(len(texts))
            return predictor.predict(texts)

    found = speed_of(Counting(), ["Denby was proud ."] * 70)
    assert calls == [32, *[1] * 20, 32, 32, 6]
    assert found.milliseconds > 0
    assert found.per_second > 0
    assert 50 < found.megabytes < 100_000


def test_a_failed_measurement_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text to measure"):
        measure_speed(tmp_path, ["", " "])


def test_memory_is_measured_in_a_new_process(trained: Path) -> None:
    large = b"1" * 1_500_000_000  # memory of this process is not the model's
    found = measure_speed(trained / "words", ["Denby was proud ."] * 3, "cpu")
    assert min(found) > 0
    assert found.megabytes < len(large) / 1e6


def test_an_interruption_says_how_to_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "lstm" / "seed-13" / "data.json"

    def stop() -> None:
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    sizes = "data.sizes={ train = 300, validation = 20, test = 20 }"
    words = [
        "compare",
        "sentiment/quickstart",
        sizes,
        "training.epochs=10000",
        "--models",
        "lstm,gru",
    ]
    words += ["--match", "steps", "--device", "cpu", "--output", str(tmp_path)]
    threading.Thread(target=stop, daemon=True).start()
    assert main(words) == 130
    assert f"Resume with: {shlex.join(['nlpseq', *words])}" in capsys.readouterr().err
    assert not (tmp_path / "gru").exists()
