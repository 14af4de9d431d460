"""The quickstart command on a few sentences of each task."""

import contextlib
import io
import json
import os
import shlex
import signal
import threading
import time
from pathlib import Path

import pytest

import nlpseq
from nlpseq import recipe
from nlpseq.cli.main import main
from nlpseq.data.synthetic import toy_corpus
from nlpseq.data.synthetic.toy_corpus.views import draw_splits
from nlpseq.experiment.quickstart import _REFERENCES, PROMPT, SENTENCE, STEMS, _best_possible, tasks
from nlpseq.recipe import DataConfig
from nlpseq.task_lookup import read_recipe, resolve

SMALL = [
    "data.sizes={ train = 400, validation = 20, test = 20 }",
    "training.max_steps=3",
    "training.keep_checkpoints=true",
]
WORDS = ["quickstart", "--task", "sentiment,language_modeling", "--task", "sentiment", *SMALL]


def call(*words: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*WORDS, "--device", "cpu", *words]) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder, and the output of the command."""
    folder = tmp_path_factory.mktemp("runs") / "quickstart"
    return folder, call("--output", str(folder))


def row_of(printed: str, task: str) -> list[str]:
    """Return the cells of a task's row in the table of scores."""
    (line,) = [line for line in printed.splitlines() if line.startswith(f"│ {task}")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_scores_are_shown_beside_the_best_possible_one(done: tuple[Path, str]) -> None:
    folder, printed = done
    for task, score, factor in (
        ("sentiment", "accuracy", 100),
        ("language_modeling", "perplexity", 1),
    ):
        cells = row_of(printed, task.replace("_", " "))
        for cell, kind in zip(cells[2:], ("lstm", "transformer"), strict=False):
            metrics = json.loads((folder / task / kind / "metrics.json").read_text())
            assert float(cell) == pytest.approx(metrics["test"][score] * factor, abs=0.01)
    assert row_of(printed, "sentiment")[-1] == "100.00"
    # With so few sentences the test split has unknown words, so the best perplexity is unknown.
    assert row_of(printed, "language modeling")[-1] == "-"


def test_a_floor_is_the_best_possible_score() -> None:
    floor = {"perplexity": 9.0, "floor_perplexity": 8.4}
    models = {
        name: resolve(recipe.task)(recipe)
        for name in ("language_modeling", "ner", "translation")
        for recipe in [read_recipe(f"{name}/quickstart")]
    }
    views = {view: DataConfig(view=view) for view in ("text", "entities", "translation")}
    assert _best_possible(views["text"], models["language_modeling"], floor) == 8.4
    assert _best_possible(views["entities"], models["ner"], {"f1": 0.9}) == 1.0
    assert _best_possible(views["translation"], models["translation"], {"bleu": 9.0}) == 100.0
    assert _best_possible(views["text"], models["ner"], {"f1": 0.9}) is None
    other = DataConfig(view="entities", source="some/hub-id")
    assert _best_possible(other, models["ner"], {"f1": 0.9}) is None


def test_the_summary_holds_the_printed_text(done: tuple[Path, str]) -> None:
    folder, printed = done
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["seed"] == 13
    assert list(summary["tasks"]) == ["language_modeling", "sentiment"]
    sentiment = summary["tasks"]["sentiment"]
    assert sentiment["best"] == 1.0
    for task in summary["tasks"].values():
        for model in task["models"].values():
            assert model["output"].split()[0] in printed
            assert model["parameters"]["total"] > 0
    assert sentiment["reference"] == SENTENCE.sentiment


def test_suggested_next_steps_work(
    done: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed = done
    commands = [shlex.split(line) for line in printed.splitlines() if line.startswith("  nlpseq ")]
    assert [words[1] for words in commands] == ["generate", "predict", "compare"]
    for words in commands[:2]:
        assert main(words[1:]) == 0
    assert capsys.readouterr().out.count(PROMPT) >= 4
    assert all(Path(run, "metrics.json").is_file() for run in commands[2][2:])


def test_finished_runs_are_not_trained_again(done: tuple[Path, str]) -> None:
    folder, printed = done
    stopped = folder / "sentiment" / "transformer"
    (stopped / "metrics.json").unlink()  # as after an interruption
    kept = list(folder.glob("*/*/metrics.json"))
    times = [path.stat().st_mtime_ns for path in kept]
    again = call("--output", str(folder))
    assert len(kept) == 3
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert again.count("trained already") == 3
    assert again.count("training for") == 1
    assert "resumed after step 3" in again
    assert row_of(again, "sentiment") == row_of(printed, "sentiment")


def test_an_interruption_says_how_to_continue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "sentiment" / "lstm" / "data.json"

    def stop() -> None:
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    words = ["quickstart", "--task", "sentiment", SMALL[0], "training.epochs=10000"]
    words += ["--device", "cpu", "--output", str(tmp_path)]
    threading.Thread(target=stop, daemon=True).start()
    assert main(words) == 130
    assert f"Resume with: {shlex.join(['nlpseq', *words])}" in capsys.readouterr().err
    assert not (tmp_path / "sentiment" / "transformer").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--task nre", "no task is called 'nre'; did you mean 'ner'?"),
        ("--task ner,x", "no task is called 'x'; there are language_modeling, sentiment, ner"),
        ("ner", "ner: is a task; write --task ner"),
        ("--task ner,", "write names separated by commas"),
        ("--seed x", "invalid int value"),
        ("--seed -1", "seed"),
        ("seed=14", "write --seed 14"),
        ("--task ner encoder.kind=gru", "of different kinds; use `nlpseq run ner/quickstart"),
        ("--output {done} --seed 14", "started with another recipe"),
        ("--output {done}/summary.json", "is a file"),
        ('evaluation.splits=["validation"]', "scores on test: name it"),
        ("training.epoch=1", "did you mean 'training.epochs'?"),
    ],
)
def test_errors_are_one_line_and_nothing_is_trained(
    words: str, said: str, done: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = done
    before = sorted(folder.rglob("*"))
    filled = [word.format(done=folder) for word in words.split()]
    assert main(["quickstart", *SMALL, *filled]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert sorted(folder.rglob("*")) == before


def test_python_continues_a_quickstart_of_the_command_line(done: tuple[Path, str]) -> None:
    folder, _ = done
    found = nlpseq.quickstart(
        "sentiment",
        output=folder,
        device="cpu",
        data={"sizes": {"train": 400, "validation": 20, "test": 20}},
        training={"max_steps": 3, "keep_checkpoints": True},
    )
    assert [row.task for row in found.rows] == ["sentiment"]
    assert found.rows[0].best == 1.0


def test_every_task_has_two_recipes_on_the_same_data() -> None:
    assert tasks() == [
        "language_modeling",
        "sentiment",
        "ner",
        "translation",
        "summarization",
    ]
    for task in tasks():
        lstm, other = (read_recipe(f"{task}/{stem}") for stem in STEMS)
        assert (lstm.data, lstm.tokenization) == (other.data, other.tokenization)
        assert lstm.decoding == other.decoding
        assert (lstm.encoder.kind, other.encoder.kind) == ("lstm", "transformer")


def test_train_lacks_a_name_of_the_example() -> None:
    for view in toy_corpus.DETERMINED:
        assert len(draw_splits(view, {"train": 1}).unseen_names & set(SENTENCE.tokens)) == 1


def test_answers_are_those_of_the_grammar() -> None:
    assert SENTENCE.text.startswith(PROMPT)
    assert toy_corpus.log_probability(SENTENCE.tokens) == pytest.approx(SENTENCE.log_probability)
    views = {recipe.read_document(f"{task}/{STEMS[0]}")["data"]["view"] for task in tasks()}
    assert views - set(_REFERENCES) == {"text"}
    assert set(_REFERENCES) <= set(toy_corpus.DETERMINED)
