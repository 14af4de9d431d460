"""`nlpseq train` and `nlpseq data`: one line on a file, and one line for what is wrong."""

import json
from pathlib import Path

import pytest
from own_tables import tickets, write_csv

from nlpseq.cli.main import main

SMALL = (
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.epochs=30",
    "training.learning_rate=0.02",
    "--device",
    "cpu",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    captured = capsys.readouterr().err.splitlines()
    assert len(captured) == 1
    return captured[0]


def test_one_line_trains_scores_and_repeats_exactly(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(here / "tickets.csv", tickets(240), delimiter=";")
    line = ("train", "tickets.csv", "--text", "message", "--label", "category", *SMALL)
    assert main(line) == 0
    said = capsys.readouterr().out
    for part in (
        "semicolon",
        "task = classification",
        "tokenization.lowercase",
        "Next steps",
        "TF-IDF",
    ):
        assert part in said
    run = here / "runs" / "tickets"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["splits"] == ["validation", "test"]
    assert metrics["test"]["accuracy"] > 0.9
    assert metrics["command"] == ["nlpseq", *line]
    assert "nlpseq train tickets.csv" in (run / "README.md").read_text()

    assert main(["run", str(run / "recipe.toml"), "--output", "again", "--device", "cpu"]) == 0
    for name in ("model.safetensors", "predictions/test.jsonl", "recipe.toml"):
        assert (here / "again" / name).read_bytes() == (run / name).read_bytes()

    capsys.readouterr()
    assert "--resume" in error(capsys, *line)
    assert main([*line, "--resume"]) == 0
    assert main([*line[:6], "--overwrite", "--what-if"]) == 0


def test_what_if_prints_a_recipe_that_trains_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(here / "tickets.csv", tickets(60))
    assert main(["train", "tickets.csv", "seed=5", "--what-if"]) == 0
    said = capsys.readouterr().out
    assert sorted(path.name for path in here.iterdir()) == ["tickets.csv"]
    text = said[said.index("# nlpseq run") :]
    (here / "mine.toml").write_text(text)
    words = ["run", "mine.toml", "--data-dir", ".", "training.epochs=1", "--device", "cpu"]
    assert main(words) == 0
    recipe = (here / "runs" / "mine" / "recipe.toml").read_text()
    assert "seed = 5" in recipe
    assert 'label = "category"' in recipe


def test_files_of_splits_hold_nothing_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "a.csv", tickets(60))
    write_csv(here / "b.csv", tickets(20, seed=4))
    words = ["train", "a.csv", "--validation", "b.csv", "--test", "b.csv", "--what-if"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "hold_out" not in said
    assert 'test = "b.csv"' in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "name the data"),
        (("nothing.csv",), "no such file"),
        (("empty.csv",), "empty"),
        (("tickets.csv", "--text", "mesage"), "did you mean 'message'?"),
        (("tickets.csv", "--label", "score"), "--number score"),
        (("tickets.csv", "--label", "id"), "an id?"),
        (("tickets.csv", "--minutes", "0"), "--minutes 0"),
        (("tickets.csv", "training.epoch=3"), "did you mean 'training.epochs'?"),
        (("tickets.csv", "--task", "tagging"), "--task tagging"),
        (("few.csv", "--label", "category"), "too few"),
        (("tickets.csv", "--text2", "message", "--tags", "id"), "--tags id"),
    ],
)
def test_bad_input_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], part: str
) -> None:
    write_csv(here / "tickets.csv", tickets(60))
    write_csv(here / "few.csv", tickets(6))
    (here / "empty.csv").write_text("")
    assert part in error(capsys, "train", *words)
    assert not (here / "runs").exists()


def test_a_budget_of_no_time_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "tickets.csv", tickets(60))
    line = error(capsys, "train", "tickets.csv", "--minutes", "0.001", "--device", "cpu")
    assert "not enough to train and score" in line


def test_the_report_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "tickets.csv", tickets(60))
    assert main(["data", "tickets.csv", "--html", "page.html"]) == 0
    assert "Lengths in words" in capsys.readouterr().out
    assert "complaint" in (here / "page.html").read_text()
    assert main(["data", "tickets.csv", "--label", "category", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["splits"]["train"]["rows"] == 60
    assert made["splits"]["train"]["labels"]["counts"] == {"praise": 30, "complaint": 30}
    assert made["columns"] == {"text": "text", "label": "label"}


def test_data_says_what_a_reader_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = "-DOCSTART- O\n\n# id = 1\nAnn B-PER\nsleeps O\n\n# id = 2\nRome B-LOC\n\n"
    (tmp_path / "a.conll").write_text(sentences * 6)
    assert main(["data", str(tmp_path / "a.conll")]) == 0
    printed = capsys.readouterr().out
    assert "train: 6 -DOCSTART- lines skipped; 12 comment lines skipped" in printed


def test_data_cuts_labels_at_the_separator_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"some words {n};aa/b{n % 2}\n" for n in range(20))
    (tmp_path / "a.csv").write_text(f"text;labels\n{rows}")
    words = ["--text", "text", "--labels", "labels", "data.label_separator=/"]
    assert main(["data", str(tmp_path / "a.csv"), *words]) == 0
    assert "labels: 3 labels: aa 50%, b0 25%, b1 25%; 2 a text" in capsys.readouterr().out


def test_predict_takes_the_column_that_a_tagger_learnt_from(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"word": ["Ann", "sees", f"x{n % 9}"], "tag": ["N", "V", "N"]} for n in range(60)]
    (here / "tagged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ["train", "tagged.jsonl", "--text", "word", "--tags", "tag", "--output", "tags"]
    assert main([*line, "embedding.dim=8", "encoder.hidden_size=8", "training.max_steps=5"]) == 0
    further = [{**row, "text": "another", "word": row["word"]} for row in rows[:3]]
    (here / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in further))
    capsys.readouterr()
    assert main(["predict", "tags", "--file", "new.jsonl", "--output", "out.jsonl"]) == 0
    assert "column 'word'" in capsys.readouterr().err
    assert len((here / "out.jsonl").read_text().splitlines()) == 3


def test_next_steps_of_pairs_name_two_texts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"a": f"one {n % 7}", "b": f"two {n % 5}", "y": "ab"[n % 2]} for n in range(60)]
    (here / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ["train", "pairs.jsonl", "--text", "a", "--text2", "b", "--label", "y"]
    small = ["embedding.dim=8", "encoder.hidden_size=8", "training.max_steps=5"]
    assert main([*line, "--output", "pairs", *small]) == 0
    assert 'nlpseq predict pairs "TEXT" "TEXT2"' in capsys.readouterr().out
    assert main(["predict", "pairs", "TEXT", "TEXT2"]) == 0
