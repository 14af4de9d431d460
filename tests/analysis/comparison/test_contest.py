"""Models trained to be compared: matched, kept, and gone on with."""

import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import nlpseq
from nlpseq import hub
from nlpseq.analysis.comparison import compare
from nlpseq.analysis.comparison.measuring import measure_speed, speed_of
from nlpseq.cli import main
from nlpseq.errors import UserError
from nlpseq.experiment.contest import Contest


def again(folder: Path, asked: dict):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        report = nlpseq.compare("sentiment/quickstart", **asked, output=folder)
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


def test_it_goes_on_where_it_stopped(trained: Path, tmp_path: Path, asked: dict) -> None:
    """A run that was stopped is gone on with; those that had finished are not run again."""
    folder = tmp_path / "contest"
    for name in ("lstm", "rnn"):
        shutil.copytree(trained / name, folder / name)
    shutil.copy(trained / "plan.json", folder)
    stopped = folder / "rnn" / "seed-14"
    before = json.loads((stopped / "metrics.json").read_text())
    (stopped / "metrics.json").unlink()
    kept = [path for path in folder.rglob("metrics.json")]
    times = [path.stat().st_mtime_ns for path in kept]
    report, printed = again(folder, asked)
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
        (["sentiment/quickstart", "ner/quickstart"], ["sentiment-quickstart", "ner-quickstart"]),
    ],
)
def test_models_are_called_by_their_recipes(recipes: list[str], names: list[str]) -> None:
    assert [entry.name for entry in Contest(recipes).entries()] == names


def test_models_compared_on_validation_leave_the_test_alone(tmp_path: Path, asked: dict) -> None:
    report, _ = again(tmp_path, asked | {"seeds": (13,), "split": "validation"})
    assert (report.split, report.examples) == ("validation", 40)
    assert report.command.endswith(f"--output {tmp_path} --split validation")
    for path in tmp_path.glob("*/seed-13/metrics.json"):
        metrics = json.loads(path.read_text())
        assert metrics["splits"] == ["validation"]
        assert "test" not in metrics


def test_speed_and_memory_are_measured(trained: Path) -> None:
    predictor = hub.load(trained / "lstm" / "seed-13", "cpu")
    calls: list[int] = []

    class Counting:
        def predict(self, texts):
            calls.append(len(texts))
            return predictor.predict(texts)

    found = speed_of(Counting(), ["Denby was proud ."] * 70)
    assert calls == [32, *[1] * 20, 32, 32, 6]
    assert found.milliseconds > 0
    assert found.per_second > 1000 / found.milliseconds / 5
    assert 50 < found.megabytes < 100_000


def test_what_cannot_be_measured_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text to measure"):
        measure_speed(tmp_path, ["", " "])


def test_the_process_that_measures_answers(trained: Path) -> None:
    found = measure_speed(trained / "words", ["Denby was proud ."] * 3, "cpu")
    assert min(found) > 0


def test_an_interruption_says_how_to_go_on(
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
    assert f"to go on: {shlex.join(['nlpseq', *words])}" in capsys.readouterr().err
    assert not (tmp_path / "gru").exists()
