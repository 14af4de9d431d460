"""Errors of small runs: stored texts and ids, label errors, folds, records of earlier versions, the page."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

import nlpseq
from nlpseq.analysis.errors import ErrorReport
from nlpseq.cli.main import main
from nlpseq.errors import UserError

RECIPE = """\
task = "classification"
[data]
format = "jsonl"
files = { train = "train.jsonl", test = "test.jsonl" }
hold_out = { validation = 0.1 }
[data.columns]
text = "message"
[tokenization]
split = "words"
[embedding]
dim = 8
[encoder]
hidden_size = 8
[training]
epochs = 3
learning_rate = 0.05
[evaluation]
baselines = false
"""
HOT, COLD = "sun beach swim desert".split(), "snow ice sledge frost".split()
TAG = "<b>hot</b>"
FLIPPED = {3, 17, 40}
"""Examples of the test split with a wrong label."""


def rows(count: int, seed: int, flipped: set[int]) -> list[dict[str, Any]]:
    generator = random.Random(seed)
    made = []
    for number in range(count):
        hot = number % 2 == 0
        words = generator.choices(HOT if hot else COLD, k=3)
        label = TAG if hot != (number in flipped) else "cold"
        text = f"{' '.join(words)} <i>and</i> {seed} & {number}"
        made.append(
            {"message": text, "label": label, "doc_id": f"D{seed}-{number}", "size": number}
        )
    return made


def write(path: Path, examples: list[dict[str, Any]]) -> None:
    lines = (json.dumps(example, ensure_ascii=False) + "\n" for example in examples)
    path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run that has learnt its two classes."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "mine.toml").write_text(RECIPE)
    write(folder / "train.jsonl", rows(120, 1, set()))
    write(folder / "test.jsonl", rows(60, 2, FLIPPED))
    nlpseq.run(
        folder / "mine.toml",
        data_dir=folder,
        output=folder / "run",
        device="cpu",
        evaluation={"keep_columns": ["size"]},
    )
    return folder / "run"


@pytest.fixture(scope="module")
def report(run: Path) -> ErrorReport:
    return nlpseq.find_errors(run)


def stored(run: Path) -> list[dict[str, Any]]:
    lines = (run / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_predictions_keep_texts_ids_and_probabilities(run: Path) -> None:
    for given, kept in zip(rows(60, 2, FLIPPED), stored(run), strict=True):
        assert (kept["text"], kept["doc_id"], kept["size"]) == (
            given["message"],
            given["doc_id"],
            given["size"],
        )
        probabilities = kept["prediction"]["probabilities"]
        assert {*probabilities} == {TAG, "cold"}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        best = kept["prediction"]["label"]
        assert probabilities[best] == pytest.approx(kept["prediction"]["confidence"], abs=1e-6)


def test_wrong_labels_are_the_mistakes_and_the_label_errors(report: ErrorReport) -> None:
    assert (report.kind, report.split, report.examples) == ("classes", "test", 60)
    assert report.mistakes == len(FLIPPED)
    assert {case.index for case in report.worst} == FLIPPED
    values = [case.value for case in report.worst]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    assert {issue.case.index for issue in report.label_errors.issues} == FLIPPED
    for issue in report.label_errors.issues:
        assert issue.case.columns["doc_id"] == f"D2-{issue.case.index}"
        assert issue.suggested != issue.case.target
    assert sum(pair.count for pair in report.confusions) == len(FLIPPED)


def test_slices_have_every_example(report: ErrorReport) -> None:
    assert {*report.slices} == {"input length (words)", "rarest input word"}
    for slices in report.slices.values():
        assert sum(part.examples for part in slices) == 60
        assert sum(part.mistakes or 0 for part in slices) == len(FLIPPED)


def test_the_page_escapes_the_data_and_shades_the_words_that_decide(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"

    assert main(["errors", str(run), "--output", str(page), "--device", "cpu"]) == 0

    content = page.read_text(encoding="utf-8")
    assert TAG not in content
    assert "<i>and</i>" not in content
    assert "&lt;b&gt;hot&lt;/b&gt;" in content
    assert 'class="token' in content
    assert "http" not in content.replace("http-equiv", "")
    said = capsys.readouterr().out
    assert "Most confident mistakes" in said
    assert "Likely label errors" in said
    assert f"page: {page}" in said


def test_json_is_the_report(
    run: Path, report: ErrorReport, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["errors", str(run), "--json", "--limit", "2"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert printed["mistakes"] == report.mistakes
    assert len(printed["worst"]) == 2
    assert not (run / "errors").exists()


def test_train_is_said_to_be_in_sample(run: Path) -> None:
    with pytest.raises(UserError, match="no predictions of split 'train'.*--split train"):
        nlpseq.find_errors(run, split="train")

    nlpseq.evaluate(run, split="train", device="cpu")
    report = nlpseq.find_errors(run, split="train")

    assert report.examples == 108
    assert report.label_errors.estimated is None
    assert "--folds" in report.label_errors.note


def test_records_without_texts_are_read_with_those_of_the_data(
    run: Path, report: ErrorReport, tmp_path: Path
) -> None:
    path = run / "predictions" / "test.jsonl"
    kept = path.read_bytes()
    keys = ("index", "statistics", "target", "prediction")
    old = [{key: row[key] for key in keys} for row in stored(run)]
    for row in old:
        del row["prediction"]["probabilities"]
    try:
        write(path, old)
        again = nlpseq.find_errors(run)
        assert [case.texts for case in again.worst] == [case.texts for case in report.worst]
        assert "score the split again" in again.label_errors.note
        moved = run.parent / "test.jsonl"
        moved.rename(tmp_path / "test.jsonl")
        try:
            without = nlpseq.find_errors(run, output=tmp_path / "page.html")
        finally:
            (tmp_path / "test.jsonl").rename(moved)
        assert without.mistakes == report.mistakes
        assert all(case.texts == () for case in without.worst)
        assert any("no texts" in note for note in without.notes)
        assert "text not stored" in (tmp_path / "page.html").read_text()
    finally:
        path.write_bytes(kept)


def test_without_the_model_texts_are_shown_without_shading(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = run / "model.safetensors"
    weights.rename(tmp_path / "weights")
    try:
        page = tmp_path / "page.html"
        assert main(["errors", str(run), "--output", str(page), "--device", "cpu"]) == 0
    finally:
        (tmp_path / "weights").rename(weights)
    assert "not shaded" in capsys.readouterr().err
    assert 'class="token' not in page.read_text(encoding="utf-8")
    assert "&lt;i&gt;and&lt;/i&gt;" in page.read_text(encoding="utf-8")


def test_folds_are_out_of_sample_predictions_of_all_of_train(run: Path, tmp_path: Path) -> None:
    flipped = {5, 28, 77}
    (tmp_path / "all").mkdir()
    given = rows(120, 3, flipped)
    write(tmp_path / "all" / "train.jsonl", given)
    recipe = RECIPE.replace(', test = "test.jsonl"', "")
    (tmp_path / "folds.toml").write_text(recipe)
    nlpseq.run(
        tmp_path / "folds.toml",
        data_dir=tmp_path / "all",
        output=tmp_path / "folds",
        device="cpu",
        folds=3,
    )

    report = nlpseq.find_errors(tmp_path / "folds")

    assert (report.split, report.examples) == ("train", 120)
    issues = {issue.case.columns["doc_id"] for issue in report.label_errors.issues}
    assert issues == {f"D3-{number}" for number in flipped}
    assert {case.fold for case in report.worst} <= {1, 2, 3}
    with pytest.raises(UserError, match="leave --split out"):
        nlpseq.find_errors(tmp_path / "folds", split="validation")


def test_a_column_that_is_not_there_is_an_error_before_training(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keep_columns.*no column 'sise'"):
        nlpseq.run(
            run.parent / "mine.toml",
            data_dir=run.parent,
            output=tmp_path / "run",
            evaluation={"keep_columns": ["sise"]},
        )
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_module_of_errors_stays_importable() -> None:
    import importlib

    module = importlib.import_module("nlpseq.errors")

    assert module.UserError is UserError is nlpseq.UserError
    assert nlpseq.errors is module
