"""Pairs of texts for `nlpseq predict`: in twos on the command line, with a tab or as JSON in a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from nlpseq.tasks.classification.task import Classification

from nlpseq import model_directory
from nlpseq.cli.main import main
from nlpseq.cli.pair_input import pairs_of_lines, pairs_of_words
from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError
from nlpseq.recipe import validate

COLUMNS = ("premise", "hypothesis")


def read(*lines: str) -> list[tuple[str, str]]:
    return [*pairs_of_lines(iter(lines), "in.tsv", COLUMNS)]


def test_words_come_in_twos() -> None:
    assert [*pairs_of_words(["a", "b", "", "d"])] == [("a", "b"), ("", "d")]
    with pytest.raises(UserError, match="texts come in twos: TEXT TEXT2; there are 3"):
        pairs_of_words(["a", "b", "c"])


def test_lines_hold_a_tab_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert read("a b\tc", "\t", 'x\t{"y": 1}') == [("a b", "c"), ("", ""), ("x", '{"y": 1}')]
    both = ['{"hypothesis": "b", "premise": "a", "id": 3}', '{"text": "c", "text2": ""}']
    assert read(*both) == [("a", "b"), ("c", "")]
    assert not capsys.readouterr().err
    assert read("premise\thypothesis", "a\tb") == [("a", "b")]
    assert capsys.readouterr().err == "in.tsv: its first line names the columns, so it is no pair\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a\tb", "only one"], r"in.tsv, line 2: one text; the model reads pairs"),
        (["a\tb\tc"], r"in.tsv, line 1: 3 texts"),
        (['{"text": "a", "text2": "b"}', "a\tb"], r"line 2: not JSON, as the first line is"),
        (['{"text": "a"}'], r"line 1: no 'hypothesis'; it has text"),
        (['{"text": "a", "text2": null}'], r"line 1: 'text2' is None, not a text"),
    ],
)
def test_a_line_that_is_no_pair_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(*lines)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save an untrained model of pairs."""
    document: dict[str, Any] = {
        "task": "classification",
        "data": {"view": "entailment", "sizes": {"train": 40, "validation": 5, "test": 5}},
        "embedding": {"dim": 5},
        "encoder": {"hidden_size": 4},
        "head": {"pair": "cross_attention", "pooling": "attention"},
    }
    task = Classification(validate(Classification.Config, document, "test"))
    fields = task.fields
    splits = load_splits(task.recipe.data, data_dir=None, fields=fields, label_field="label")
    task.prepare({"train": splits["train"]})
    folder = tmp_path_factory.mktemp("pairs")
    model_directory.save(folder, task, task.build())
    return folder


def test_predict_reads_pairs_and_resumes(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), "a dog", "a cat", "--device", "cpu"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [*json.loads(line)][:3] == ["text", "text2", "label"]
    source, output = tmp_path / "in.tsv", tmp_path / "out.jsonl"
    source.write_text("".join(f"a {n}\tb {n}\n" for n in range(1500)))
    words = ["predict", str(run), "--file", str(source), "--output", str(output), "--device", "cpu"]
    assert main(words) == 0
    whole = output.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert [json.loads(lines[number])["text2"] for number in (0, 1499)] == ["b 0", "b 1499"]
    output.rename(tmp_path / "whole")
    (tmp_path / "out.jsonl.partial").write_bytes(b"".join(lines[:1100]))
    assert main([*words, "--resume"]) == 0
    assert output.read_bytes() == whole
    output.unlink()
    (tmp_path / "out.jsonl.partial").write_bytes(b"".join(lines[:1100]))
    source.write_text("".join(f"a {n}\tc {n}\n" for n in range(1500)))
    assert main([*words, "--resume"]) == 2
    said = capsys.readouterr().err
    assert "is for {'text': 'a 0', 'text2': 'b 0'}, but the row is" in said


@pytest.mark.parametrize("format", ["text", "html"])
def test_both_texts_are_drawn_and_explained(
    run: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", str(run), "left one", "right other", "--device", "cpu", "--format", format]
    for option in ([], ["--explain"], ["--explain", "attention"]):
        assert main([*words, *option]) == 0
        shown = capsys.readouterr().out
        assert shown.index("left") < shown.index("right")


def test_inspect_shows_both_sides_and_the_alignment(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inspect", str(run), "--output", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--text", "a dog", "--text", "a small cat"]) == 0
    pictures = {path.name for path in tmp_path.glob("*.png")}
    name = run.name
    assert {
        f"attention-{name}-alignment.png",
        f"attention-{name}-alignment-back.png",
        f"attention-{name}-pooling.png",
        f"attention-{name}-pooling-of-text2.png",
        f"gates-{name}-side1-layer1.png",
        f"gates-{name}-side2-layer1.png",
        "gradient_flow.png",
    } <= pictures
    capsys.readouterr()
    assert main([*words, "--text", "a dog"]) == 2
    assert "reads pairs, so texts come in twos; there are 1" in capsys.readouterr().err
