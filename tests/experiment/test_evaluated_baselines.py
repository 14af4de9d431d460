"""`nlpseq evaluate` shows the baselines of a run: stored ones, or trained again on the run's own train split."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import nlpseq
from nlpseq.cli.main import main
from nlpseq.experiment import evaluated_baselines
from nlpseq.experiment.run import run

RECIPE = """task = "classification"
[data]
format = "csv"
files = { train = "train.csv", validation = "validation.csv", test = "test.csv" }
[embedding]
dim = 8
[encoder]
hidden_size = 8
[training]
max_steps = 4
batch_size = 8
"""
TEXTS = ["a {} dry day", "the {} sea", "wind and {} clouds", "{} rain by night"]
WORDS = {"warm": ["sunny", "mild"], "cold": ["icy", "frozen"]}


def write_csv(path: Path, start: int, count: int) -> None:
    lines = ["text,label"]
    for number in range(start, start + count):
        label = ("warm", "cold")[number % 2]
        text = TEXTS[number % 4].format(WORDS[label][number // 4 % 2])
        lines.append(f"{text} number {number},{label}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    for start, count, name in ((0, 60, "train"), (60, 12, "validation"), (80, 20, "test")):
        write_csv(data / f"{name}.csv", start, count)
    (tmp_path / "r.toml").write_text(RECIPE)
    run("r.toml", data_dir=data, output=tmp_path / "out", device="cpu")
    return tmp_path / "out"


def own_metrics(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_bytes())
    return metrics


def test_stored_baselines_are_shown_without_training(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluated_baselines, "score_baselines", None)  # calling it would fail
    assert main(["evaluate", "out", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "TF-IDF with logistic regression" in shown
    assert "most frequent class" in shown
    assert "The network is" in shown
    result = nlpseq.evaluate(trained, device="cpu")
    stored = own_metrics(trained)["baselines"]
    assert [entry["name"] for entry in result["baselines"]] == ["most_frequent_class", "tfidf"]
    for again, entry in zip(result["baselines"], stored, strict=True):
        assert again["scores"] == {"test": entry["scores"]["test"]}
        assert again["difference"] == entry["difference"]
        assert again["verdict"] == entry["verdict"]


def test_other_data_are_scored_by_baselines_of_the_same_train_split(
    trained: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_csv(other / "test.csv", 200, 10)
    files = {"files": {"test": "test.csv"}}
    result = nlpseq.evaluate(trained, data_dir=other, device="cpu", data=files)
    frequent, tfidf = result["baselines"]
    assert frequent["scores"]["test"]["accuracy"] == 0.5
    assert tfidf["scores"]["test"]["accuracy"] == 1.0
    assert tfidf["difference"]["split"] == "test"
    # The same data by another name give the same numbers as the run.
    shutil.copy(tmp_path / "data" / "test.csv", other / "test.csv")
    again = nlpseq.evaluate(trained, data_dir=other, device="cpu", data=files)["baselines"]
    stored = own_metrics(trained)["baselines"]
    assert [entry["scores"]["test"] for entry in again] == [
        entry["scores"]["test"] for entry in stored
    ]


def test_validation_of_other_data_does_not_choose_the_penalty(
    trained: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "data", other)
    lines = (other / "validation.csv").read_text().splitlines()
    swapped = [
        line.replace(",warm", ",?").replace(",cold", ",warm").replace("?", "cold") for line in lines
    ]
    (other / "validation.csv").write_text("\n".join(swapped) + "\n")
    result = nlpseq.evaluate(trained, split="validation", data_dir=other, device="cpu")
    assert result["baselines"][1]["scores"]["validation"]["accuracy"] == 0.0


def test_why_baselines_are_not_shown(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_csv(other / "test.csv", 200, 10)
    files = {"files": {"test": "test.csv"}}

    def notes() -> list[str]:
        result = nlpseq.evaluate(trained, data_dir=other, device="cpu", data=files)
        assert "baselines" not in result
        return [note for note in result["notes"] if note.startswith("baselines: not shown")]

    write_csv(tmp_path / "data" / "train.csv", 0, 58)
    (note,) = notes()
    assert "the train split has changed since" in note
    (tmp_path / "data").rename(tmp_path / "moved")
    (note,) = notes()
    assert "a folder that is not there" in note


def test_baselines_can_be_left_out(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "out", "--no-baselines", "--device", "cpu"]) == 0
    assert "TF-IDF" not in capsys.readouterr().out
    for options in ({"baselines": False}, {"evaluation": {"baselines": False}}):
        assert "baselines" not in nlpseq.evaluate(trained, device="cpu", **options)


def test_a_run_without_baselines_has_none(tmp_path: Path, trained: Path) -> None:
    bare = tmp_path / "bare"
    run(
        "r.toml",
        ["evaluation.baselines=false"],
        data_dir=tmp_path / "data",
        output=bare,
        device="cpu",
    )
    result = nlpseq.evaluate(bare, device="cpu")
    assert "baselines" not in result
    assert not any("baselines" in note for note in result["notes"])


def test_a_split_scored_later_is_compared_with_its_baselines(trained: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    run("r.toml", data_dir=tmp_path / "data", output=later, device="cpu", test=False)
    assert "test" not in own_metrics(later)
    nlpseq.evaluate(later, device="cpu")
    report = nlpseq.compare(later, output=tmp_path / "report", samples=50)
    reference = nlpseq.compare(trained, output=tmp_path / "reference", samples=50)
    assert report.split == "test"
    names = ["later", "most_frequent_class", "tfidf"]
    assert [model.name for model in report.models] == names
    for one, other in zip(report.models[1:], reference.models[1:], strict=True):
        assert one.values == other.values


@pytest.mark.parametrize(
    "recipe", ["translation/quickstart", "language_modeling/quickstart", "ner/quickstart"]
)
def test_every_task_shows_its_baselines_on_a_new_split(tmp_path: Path, recipe: str) -> None:
    sizes = "data.sizes={ train = 200, validation = 20, test = 30 }"
    small = [sizes, "embedding.dim=8", "encoder.hidden_size=8", "training.max_steps=2"]
    whole = run(recipe, small, output=tmp_path / "whole", device="cpu").metrics
    run(recipe, small, output=tmp_path / "out", device="cpu", test=False)
    result = nlpseq.evaluate(tmp_path / "out", device="cpu")
    assert [entry["scores"]["test"] for entry in result["baselines"]] == [
        entry["scores"]["test"] for entry in whole["baselines"]
    ]
