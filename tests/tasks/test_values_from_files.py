"""Numbers and several labels from the files of people: by `nlpseq.train`, and with the errors that help."""

from pathlib import Path
from typing import Any

import pytest

import nlpseq
from nlpseq.errors import UserError
from nlpseq.experiment.own_data import make_plan, read_own_data
from nlpseq.task_lookup import read_recipe

SMALL: dict[str, Any] = {
    "embedding": {"dim": 8},
    "encoder": {"hidden_size": 8},
    "device": "cpu",
    "quiet": True,
}
WORDS = ["fine", "dull", "odd", "warm"]


def write(file: Path, head: str, rows: list[str]) -> Path:
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return file


def test_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    rows = [f"a {WORDS[n % 4]} film {n};{n % 4},5" for n in range(40)]
    file = write(tmp_path / "films.csv", "text;stars", rows)
    result = nlpseq.train(
        file, text="text", number="stars", output=tmp_path / "run", training={"epochs": 1}, **SMALL
    )
    assert {"rmse", "mae", "spearman"} <= result.metrics["test"].keys()
    assert read_recipe(str(tmp_path / "run" / "recipe.toml")).task == "regression"
    assert any("decimal comma" in note for note in result.metrics["notes"])
    predictor = nlpseq.load(tmp_path / "run", "cpu", task="regression")
    (prediction,) = predictor.predict(["a fine film"])
    assert prediction.number == pytest.approx(2.0, abs=3)


@pytest.mark.parametrize("columns", ["topics", "food,staff"])
def test_labels_in_a_text_or_in_columns(tmp_path: Path, columns: str) -> None:
    topics = ["food", "staff", "food|staff", ""]
    rows = [
        f"{topics[n % 4].replace('|', ' and ')} no {n},{topics[n % 4]},"
        f"{int('food' in topics[n % 4])},{int('staff' in topics[n % 4])}"
        for n in range(40)
    ]
    file = write(tmp_path / "notes.csv", "text,topics,food,staff", rows)
    result = nlpseq.train(
        file,
        text="text",
        labels=columns,
        output=tmp_path / "run",
        training={"epochs": 1},
        **SMALL,
    )
    assert {"micro_f1", "macro_f1", "subset_accuracy"} <= result.metrics["test"].keys()
    predictor = nlpseq.load(tmp_path / "run", "cpu", task="multilabel")
    (prediction,) = predictor.predict(["food"])
    assert {*prediction.probabilities} == {"food", "staff"}
    assert [entry["name"] for entry in result.metrics["baselines"]] == [
        "most_frequent_labels",
        "tfidf",
    ]
    assert any(note.startswith("thresholds chosen on") for note in result.metrics["notes"])


def test_the_report_counts_labels_and_not_their_combinations(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "text,topics", ["x y,sea|war", "y z,sea", "z,"] * 4)
    data = read_own_data(file, {"text": "text", "labels": "topics"})
    labels = data.report.train.labels
    assert labels is not None
    assert labels.counts == {"sea": 8, "war": 4}
    assert labels.missing == 0
    assert make_plan(data).task == "multilabel"


def test_a_column_of_classes_is_named_as_such(tmp_path: Path) -> None:
    rows = [f"text no {n},{WORDS[n % 2]}" for n in range(12)]
    write(tmp_path / "train.csv", "text,number", rows)
    recipe = write(
        tmp_path / "r.toml",
        'task = "regression"\n[data]\nformat = "csv"',
        ['files = { train = "train.csv" }'],
    )
    with pytest.raises(UserError, match=r'row 1 .* has .fine.* task = "classification"'):
        nlpseq.run(recipe, data_dir=tmp_path, output=tmp_path / "run", device="cpu")
