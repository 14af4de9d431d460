"""Runs on local files: folds, hidden labels, overlaps, and later commands that read the same files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import nlpseq
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.experiment.evaluate import evaluate
from nlpseq.experiment.run import run

RECIPE = """\
task = "classification"
[data]
format = "jsonl"
files = { train = "all.jsonl" }
hold_out = { validation = 0.1, test = 0.2 }
[tokenization]
split = "words"
[embedding]
dim = 8
[encoder]
hidden_size = 8
[training]
epochs = 2
learning_rate = 0.05
"""
WORDS = {"warm": "sun beach swim hot", "cold": "snow ice ski frost"}


def rows(number: int = 30) -> list[dict[str, str]]:
    """Sorted by class, without two equal texts."""
    return [
        {"text": f"{words.split()[n % 4]} number {n}", "label": label}
        for label, words in WORDS.items()
        for n in range(number)
    ]


def write(path: Path, examples: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = (json.dumps(example, ensure_ascii=False) + "\n" for example in examples)
    path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(RECIPE)
    write(tmp_path / "data" / "all.jsonl", rows())
    return tmp_path


def train(
    output: str, *overrides: str, data: str | None = "data", **options: Any
) -> dict[str, Any]:
    folder = None if data is None else Path(data)
    return run(
        "mine.toml", overrides, data_dir=folder, output=Path(output), device="cpu", **options
    ).metrics


def test_a_sorted_file_is_scored_on_every_class(here: Path) -> None:
    metrics = train("out")
    support = {
        name: row["support"] for name, row in metrics["details"]["test"]["per_class"].items()
    }
    assert support == {"cold": 6, "warm": 6}
    assert any(
        "test: 12 of the 60 examples of train, drawn at random" in n for n in metrics["notes"]
    )
    again = train("again", "seed=99")
    assert again["data"] == metrics["data"]  # the split does not depend on the seed


def test_later_commands_read_the_files_of_the_run(here: Path, capsys: Any) -> None:
    metrics = train("out")
    (here / "elsewhere").mkdir()
    assert evaluate("out", device="cpu")["test"] == metrics["test"]
    again = nlpseq.run("out/recipe.toml", output="again", device="cpu")
    assert again.metrics["data"] == metrics["data"]
    report = nlpseq.compare("out", "again", output="compared")
    assert not [note for note in report.notes if "not available" in note or "changed" in note]
    assert main(["inspect", "out", "--output", "inspected", "--device", "cpu"]) == 0
    capsys.readouterr()

    write(here / "data" / "all.jsonl", rows(31))
    for words in (["evaluate", "out"], ["run", "out/recipe.toml", "--output", "third"]):
        assert main([*words, "--device", "cpu"]) == 2
        said = capsys.readouterr().err
        assert "is not that of the run, it has changed" in said
        assert "--data-dir DIR" in said
        assert said.count("\n") == 1
    assert not Path("third").exists()
    changed = evaluate("out", data_dir=Path("data"), device="cpu")  # the user has said which
    assert "test: not the data that the run recorded under this name" in changed["notes"]

    shutil.move("data", "moved")
    with pytest.raises(
        UserError, match=r"out: its data are local files \(all.jsonl\) in .*--data-dir"
    ):
        evaluate("out", device="cpu")
    assert "moved" not in json.loads(Path("out/data.json").read_text())["folder"]


def test_a_run_is_resumed_on_its_own_files(here: Path) -> None:
    metrics = train("out")
    Path("out/metrics.json").unlink()
    assert train("out", data=None, resume=True)["test"] == metrics["test"]


def test_a_model_without_a_record_of_its_files_reads_no_other_data(here: Path) -> None:
    train("out")
    Path("out/data.json").unlink()
    with pytest.raises(UserError, match=r"data.files names local files \(all.jsonl\)"):
        evaluate("out", device="cpu")
    Path("out/data.json").write_text('{"train": "x"}')  # as of version 0.1
    with pytest.raises(UserError, match=r"data.files names local files"):
        evaluate("out", device="cpu")


def test_the_card_names_the_files_and_no_folder(here: Path) -> None:
    absolute = here / "data" / "all.jsonl"
    train("out", f'data.files={{train="{absolute}"}}')
    card = Path("out/README.md").read_text()
    assert "on local files (all.jsonl)" in card
    assert "--data-dir DIR" in card
    assert str(here) not in card
    assert "dataset" not in card.split("---")[1] or "type: local" in card.split("---")[1]


def test_folds(here: Path, capsys: Any) -> None:
    words = [
        "run",
        "mine.toml",
        "--data-dir",
        "data",
        "--output",
        "out",
        "--folds",
        "3",
        "--device",
        "cpu",
    ]
    assert main([*words, "data.hold_out={}"]) == 0
    printed = capsys.readouterr().out
    assert "±" in printed
    assert "95% interval" in printed
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["folds"] == 3
    values = [
        json.loads(Path(f"out/fold-{fold}/metrics.json").read_text())["test"]["accuracy"]
        for fold in (1, 2, 3)
    ]
    accuracy = summary["test"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(sum(values) / 3)
    assert accuracy["interval"][0] <= accuracy["mean"] <= accuracy["interval"][1]
    tested = [
        json.loads(line)["index"]
        for fold in (1, 2, 3)
        for line in Path(f"out/fold-{fold}/predictions/test.jsonl").read_text().split("\n")[:-1]
    ]
    assert len(tested) == 60
    fold = json.loads(Path("out/fold-2/metrics.json").read_text())
    assert "data.fold=2" in fold["overrides"]
    assert evaluate("out/fold-2", device="cpu")["test"] == fold["test"]

    Path("out/fold-3/metrics.json").unlink()  # as if it had been stopped
    Path("out/summary.json").unlink()
    assert main([*words, "data.hold_out={}", "--resume"]) == 0
    assert json.loads(Path("out/summary.json").read_text())["test"] == summary["test"]
    with pytest.raises(
        UserError, match="folds of a cross-validation, which have different test sets"
    ):
        nlpseq.compare("out", "out/fold-1")


@pytest.mark.parametrize(
    ("options", "overrides", "message"),
    [
        ({"folds": 1}, [], "--folds 1: give 2 folds or more"),
        ({"folds": 3, "seeds": [1, 2]}, [], "--folds, --seeds: give one of them"),
        ({"folds": 3}, ["data.fold=1"], "data.fold=1: --folds 3 sets it"),
        ({"folds": 99}, [], "all.jsonl has 60 examples; use fewer folds"),
    ],
)
def test_impossible_folds(here: Path, options: Any, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train("out", *overrides, **options)
    assert not Path("out").exists()


def test_an_overlap_with_train_is_counted(here: Path) -> None:
    write(here / "data" / "test.jsonl", [*rows()[:4], {"text": " sun number 0 ", "label": "cold"}])
    files = 'data.files={train="all.jsonl", test="test.jsonl"}'
    metrics = train("out", files, "data.hold_out={validation=0}")
    assert any(
        "test: 5 of 5 examples (100.0%) have a text that is also in train" in note
        for note in metrics["notes"]
    )


def test_hidden_labels_are_not_scored(here: Path) -> None:
    write(here / "data" / "test.jsonl", [{"text": "sun", "label": None}] * 3)
    files = 'data.files={train="all.jsonl", test="test.jsonl"}'
    metrics = train("out", files, "data.hold_out={validation=0.1}")
    assert metrics["splits"] == ["validation"]
    assert "test" not in metrics
    assert metrics["left_alone"] == []
    assert any(note.startswith("test: its labels are hidden") for note in metrics["notes"])
    with pytest.raises(UserError, match="its labels are hidden.*predict"):
        evaluate("out", device="cpu")


@pytest.mark.parametrize("odd", ["\u2028", "\u0085", "\f", "\v", "\x1c", "\r"])
def test_records_hold_what_lines_hold(here: Path, odd: str) -> None:
    write(
        here / "data" / "all.jsonl",
        [
            row | {"text": f"a{odd}{row['text']}", "label": f"x{odd}{row['label']}"}
            for row in rows()
        ],
    )
    for seed in (1, 2):
        train(f"out{seed}", f"seed={seed}")
    report = nlpseq.compare("out1", "out2", output="compared")
    assert len(report.candidates) == 2
    assert main(["predict", "out1", f"a{odd}sun", "--format", "json", "--device", "cpu"]) == 0
