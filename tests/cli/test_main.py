"""The command line with a real small run, and its errors, each one line and status 2."""

import argparse
import importlib.util
import io
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from nlpseq.tasks import TASKS

import nlpseq
from nlpseq import recipe
from nlpseq.cli.main import main
from nlpseq.cli.parser import COMMANDS, build_parser, parse
from nlpseq.errors import UserError
from nlpseq.predictor import TaggedText

ROOT = Path(__file__).parents[2]
NAME = "language_modeling/quickstart"
SMALL = [
    "data.sizes={ train = 4000, validation = 40, test = 60 }",
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=20",
    "decoding.max_new_tokens=8",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a run directory, and the output of the command."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", printed)
        assert main(["run", NAME, *SMALL, "--output", str(folder), "--device", "cpu"]) == 0
    return folder, printed.getvalue()


# Arguments


@pytest.mark.parametrize(
    "command",
    [name for name in COMMANDS if name != "completion"],
)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    examples = [line for line in printed.splitlines() if line.startswith(f"  nlpseq {command}")]
    assert len(examples) >= 2
    for line in examples:
        parse(shlex.split(line)[1:])


def test_examples_name_recipes_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "recipes"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    words = capsys.readouterr().out.split()
    assert {word for word in words if word.startswith("language_modeling/")} <= set(recipe.names())


@pytest.mark.parametrize(
    "words",
    ["", *COMMANDS, *(f"recipes {action}" for action in ("list", "show", "copy", "keys"))],
)
def test_help_fits_80_columns(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*words.split(), "--help"])
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_every_option_is_described() -> None:
    parsers = [build_parser()]
    count = 0
    while parsers:
        for action in parsers.pop()._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            else:
                assert action.help, action
                count += 1
    assert count > 80


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"nlpseq {nlpseq.__version__}\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rum x", "unknown command 'rum'; did you mean 'run'?"),
        ("recipes shw", "unknown action 'shw'; did you mean 'show'?"),
        ("recipes keys tagging trainig", "unknown section 'trainig'; did you mean 'training'?"),
        ("recipes keys taging", "task 'taging'"),
        ("recipes keys ner", "their task is tagging: `nlpseq recipes keys tagging`"),
        ("recipes keys encoder", "such as `nlpseq recipes keys tagging encoder`"),
        ("run ner/quickstart --output /proc/x", "/proc/x cannot be written"),
        ("completion powershell", "unknown shell 'powershell'; choose bash, zsh, fish"),
        ("run sentiment", "recipes of sentiment: sentiment/quickstart, sentiment/"),
        ("run classification", "recipes of classification: classification/base, "),
        ("run sst2", "did you mean 'sentiment/sst2'?"),
        (
            "run x --lr 1e-3",
            "'--lr'; write keys of the recipe without dashes: training.learning_rate=1e-3",
        ),
        (
            "run x --epochs=3 --no-test",
            "write keys of the recipe without dashes: training.epochs=3; see",
        ),
        ("compare x --hidden-size 3", "without dashes: encoder.hidden_size=3"),
        ("predict x --epochs 3 y", "unknown option '--epochs'; see"),
        ("run x --code nowhere.py", "--code nowhere.py: no such Python file"),
        (
            "fly x",
            "unknown command 'fly'; choose quickstart, train, data, run, evaluate, errors, predict, "
            "generate, compare, inspect, recipes, completion",
        ),
        ("--verison", "unknown option '--verison'; did you mean '--version'?"),
        ("run x --seed 3", "without dashes: seed=3; did you mean '--seeds'?"),
        (
            "run x --output=y --data_dir=z",
            "unknown option '--data_dir'; did you mean '--data-dir'?",
        ),
        ("run x --resume --overwrite", "not allowed with"),
        ("run x --seeds 13,b", "'13,b': write different whole numbers"),
        ("run x --seeds 13,13", "write different whole numbers"),
        ("run", "required: RECIPE"),
        (f"run {NAME}x", f"did you mean '{NAME}'?"),
        (f"run {NAME} training.epoch=3", "did you mean 'training.epochs'?"),
        (f"run {NAME} epochs", "write it as section.key=value"),
        ("run nowhere.toml", "nowhere.toml: no such file"),
        ("recipes show language_modelling/ptb", "did you mean 'language_modeling/ptb'?"),
        ("evaluate nowhere", "nowhere: no such folder"),
        ("generate nowhere", "nowhere: no such folder"),
        ("generate x y", "unknown argument 'y'"),
        ("generate x --method beem", "'beem'; did you mean 'beam'?"),
        ("generate x --num-samples 0", "'0': write a whole number above 0"),
        ("generate x --temperature hot", "invalid float value"),
        ("predict", "required: RUN"),
        ("compare", "required: RUN"),
        ("predict x y --formt json", "unknown option '--formt'; did you mean '--format'?"),
        ("predict x y --format jsn", "'jsn'; did you mean 'json'?"),
        ("predict x y --file z", "give one or the other"),
        ("predict x --file nowhere.txt", "nowhere.txt: No such file"),
        ("predict x y --output .", "is a folder"),
        ("predict x y --output /dev/null", "not a regular file"),
        ("predict x y --resume", "name it with --output"),
        ("predict x y --overwrite", "name it with --output"),
        ("predict x y --output z --resume --overwrite", "not allowed with"),
        ("predict x y --output z --resume --format html", "a page is written as a whole"),
        ("predict x y --output z --resume --explain --format text", "have several lines"),
        ("predict x y --beem 3", "did you mean '--beam'?"),
        ("predict x y --beam 0", "'0': write a whole number above 0"),
        ("predict x y --beam 5 --method sample", "--beam-size 5 and --method sample exclude"),
        ("predict x y --beam-size 5 --method greedy", "--beam-size 5 and --method greedy exclude"),
        ("generate x --beam-size 3 --method sample", "--beam-size 3 and --method sample exclude"),
        ("predict x y --beam 3 --num-best 4", "--num-best 4: needs --beam-size 4 or more"),
        ("predict x y --num-best 2 --method greedy", "--num-best 2: needs --beam-size 2 or more"),
        ("predict x y --set decoding.prefix=a", "--set prefix: is not a key"),
        ("predict x y --set length_alpha", "--set length_alpha: write it as KEY=VALUE"),
        ("predict nowhere y", "nowhere: no such folder"),
    ],
)
def test_errors_are_one_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(words)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nlpseq: error: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert "see ``" not in printed.err


def test_overrides_may_come_anywhere_and_keep_their_order() -> None:
    arguments = parse(shlex.split("run x a=1 --no-test b=2 --seeds 1,2 c=3 --output runs/y"))
    assert arguments.overrides == ["a=1", "b=2", "c=3"]
    assert arguments.seeds == (1, 2)
    assert arguments.no_test
    assert arguments.output == Path("runs/y")


def test_a_prompt_may_begin_with_a_dash() -> None:
    assert parse(["generate", "x", "--prompt=- well"]).prompt == "- well"


def test_texts_may_come_anywhere_and_begin_with_a_dash() -> None:
    words = ["predict", "x", "one", "--format", "json", "two", "- no, three", "--explain", ""]
    arguments = parse(words)
    assert arguments.texts == ["one", "two", "- no, three", ""]
    assert arguments.explain
    assert parse(["predict", "x", "--", "-four", "--five"]).texts == ["-four", "--five"]
    words = ["predict", "x", "--explain", "three", "--", "-four", "--beam"]
    assert parse(words).texts == ["three", "-four", "--beam"]


def test_only_given_decoding_options_are_passed_on() -> None:
    words = "generate x --top-k 0 --temperature 0.5 --no-stop"
    assert parse(shlex.split(words)).decoding == {
        "top_k": 0,
        "temperature": 0.5,
        "stop_at_eos": False,
    }
    assert parse(["generate", "x"]).decoding == {}
    beam = parse(["generate", "x", "--beam-size", "3"]).decoding
    assert beam == {"method": "beam", "beam_size": 3}


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", {}),
        ("--beam 5", {"method": "beam", "beam_size": 5}),
        ("--beam-size 5", {"method": "beam", "beam_size": 5}),
        ("--set decoding.length_alpha=1.5", {"length_alpha": 1.5}),
        ("--beam 1", {"method": "greedy", "beam_size": 1}),
        (
            "--beam 1 --method beam --num-best 1",
            {"method": "beam", "beam_size": 1, "num_return": 1},
        ),
        ("--num-best 3", {"method": "beam", "num_return": 3}),
        (
            "--method sample --temperature 0.5 --top-k 3 --top-p 0.9 --seed 4",
            {"method": "sample", "temperature": 0.5, "top_k": 3, "top_p": 0.9},
        ),
        (
            "--no-repeat-ngram 3 --max-new-tokens 9 --prefix Ja",
            {"no_repeat_ngram": 3, "max_new_tokens": 9, "prefix": "Ja"},
        ),
        (
            "--set length_alpha=1.5 --set early_stopping=heuristic --set beam_size=3 --beam 4",
            {"length_alpha": 1.5, "early_stopping": "heuristic", "method": "beam", "beam_size": 4},
        ),
    ],
)
def test_options_of_a_text_generator(words: str, options: dict[str, object]) -> None:
    assert parse(["predict", "x", "y", *words.split()]).decoding == options


# Recipes


def test_recipes_are_listed_by_task_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    lines = listed.splitlines()
    assert all(len(line) <= 80 for line in lines)
    first_words = [line.split()[0] for line in lines if line and not line.startswith("    ")]
    assert {word for word in first_words if "/" in word} == set(recipe.names())
    tasks = [word for word in first_words[:-1] if "/" not in word]
    assert tasks == sorted(TASKS)
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["classification"] == ["test", "accuracy", "(%)", "minutes"]
    assert rows["language_modeling/ptb"] == ["92.4", "57"]
    assert rows["sentiment/sst3"] == ["-", "-"]
    assert "Mean of 3 runs." in listed
    assert "nlpseq run" not in listed
    assert main(["recipes", "list"]) == 0
    assert capsys.readouterr().out == listed


def test_keys_are_described_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["recipes", "keys"]) == 0
    everywhere = capsys.readouterr().out
    assert main(["recipes", "keys", "translation"]) == 0
    translation = capsys.readouterr().out
    assert all(len(line) <= 80 for line in (everywhere + translation).splitlines())
    assert "[decoder]" in translation
    assert "[decoder]" not in everywhere
    assert main(["recipes", "keys", "sentiment/sst2", "head"]) == 0
    head = capsys.readouterr().out
    assert head.startswith("[head]")
    assert "pooling: string" in head
    assert "[training]" not in head


def test_listed_figures_are_those_of_the_results() -> None:
    spec = importlib.util.spec_from_file_location(
        "measured_recipes", ROOT / "benchmarks" / "measured_recipes.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.measured() == script.TARGET.read_text(encoding="utf-8"), (
        "run `python benchmarks/measured_recipes.py`"
    )


def test_show_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", NAME]) == 0
    assert capsys.readouterr().out == (ROOT / "recipes" / f"{NAME}.toml").read_text(
        encoding="utf-8"
    )


def test_copy_writes_a_recipe_that_runs_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recipes", "copy", NAME]) == 0
    copied = tmp_path / "quickstart.toml"
    assert "nlpseq run quickstart.toml" in capsys.readouterr().out
    assert recipe.read_document("quickstart.toml") == recipe.read_document(NAME)
    copied.write_text("mine")
    assert main(["recipes", "copy", NAME]) == 2
    assert main(["recipes", "copy", NAME, str(copied)]) == 2
    assert "exists" in capsys.readouterr().err
    assert copied.read_text() == "mine"


@pytest.mark.parametrize(
    ("destination", "said"),
    [("other.txt", "ends in .toml"), ("no/such/folder/x.toml", "cannot be written")],
)
def test_copy_refuses_a_bad_destination(
    destination: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recipes", "copy", NAME, str(tmp_path / destination)]) == 2
    assert said in capsys.readouterr().err


# A run, and its files


def test_run_shows_scores_beside_the_floor_and_its_cost(trained: tuple[Path, str]) -> None:
    folder, printed = trained
    metrics = json.loads((folder / "metrics.json").read_text())
    perplexity, floor = metrics["test"]["perplexity"], metrics["test"]["floor_perplexity"]
    assert 1 < floor < perplexity
    (row,) = [line for line in printed.splitlines() if line.strip("│ ").startswith("perplexity")]
    assert f"{perplexity:.2f}" in row
    assert f"{floor:.2f}" in row or f"{floor:.3f}" in row
    assert "test floor" in printed
    assert "tokens per second" in printed
    assert f"{metrics['parameters']['total']:,}" in printed
    assert printed.rstrip().endswith(f"run directory: {folder}")
    assert (folder / "plots" / "learning_curves.png").stat().st_size > 5_000
    assert (folder / "README.md").read_text().startswith("---\n")


def test_run_does_not_overwrite_a_run(
    trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained
    before = (folder / "model.safetensors").read_bytes()
    assert main(["run", NAME, *SMALL, "--output", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "--resume" in said
    assert "--overwrite" in said
    assert (folder / "model.safetensors").read_bytes() == before


def test_python_and_command_line_change_a_recipe_alike(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    options = {
        "data": {"sizes": {"train": 4000, "validation": 40, "test": 60}},
        "embedding": {"dim": 8},
        "encoder": {"hidden_size": 8},
        "training": {"max_steps": 20},
        "decoding": {"max_new_tokens": 8},
    }
    # A finished run is resumed by reading its metrics, if the recipe is the same.
    result = nlpseq.run(NAME, output=folder, resume=True, device="cpu", **options)
    assert result.folder == folder
    assert result.metrics == json.loads((folder / "metrics.json").read_text())
    with pytest.raises(UserError, match="another recipe"):
        nlpseq.run(NAME, output=folder, resume=True, device="cpu", **options, seed=14)


def test_evaluate_repeats_the_score_of_the_run(
    trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained
    before = (folder / "metrics.json").read_bytes()
    assert main(["evaluate", str(folder), "--device", "cpu"]) == 0
    perplexity = json.loads(before)["test"]["perplexity"]
    assert f"{perplexity:.2f}" in capsys.readouterr().out
    written = json.loads((folder / "evaluations" / "test.json").read_text())
    assert written["test"]["perplexity"] == pytest.approx(perplexity, rel=1e-6)
    assert (folder / "metrics.json").read_bytes() == before
    assert main(["evaluate", str(folder), "--split", "tset"]) == 2


def test_generate_streams_one_sample(
    trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        seen: list[str] = []

        def flush(self) -> None:
            self.seen.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Terminal())
    words = [
        "generate",
        str(trained[0]),
        "--method",
        "greedy",
        "--no-stop",
        "--max-new-tokens",
        "6",
    ]
    assert main(words) == 0
    growing = list(dict.fromkeys(Terminal.seen))
    assert len(growing) >= 6
    assert all(
        later.startswith(earlier) for earlier, later in zip(growing, growing[1:], strict=False)
    )
    whole = nlpseq.load(trained[0]).generate(method="greedy", stop_at_eos=False, max_new_tokens=6)[
        0
    ]
    assert growing[-1].split() == whole.split()


def test_generate_is_repeatable_and_returns_the_requested_number(
    trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "generate",
        str(trained[0]),
        "--num-samples",
        "3",
        "--seed",
        "5",
        "--temperature",
        "0.8",
    ]
    printed = []
    for _ in range(2):
        assert main(words) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].count("\n") == 3
    assert main([*words[:2], "--method", "beam", "--beam-size", "2"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("words", ["--prompt qqqq", "--temperature 0", "--top-p 2", "--top-k -1"])
def test_generate_refuses(
    words: str, trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", str(trained[0]), *shlex.split(words)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def predicted(*words: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    assert main(["predict", *words, "--device", "cpu"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_predict_answers_texts_a_file_and_standard_input_alike(
    trained: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = str(trained[0])
    texts = ["the farmer writes", "", "the old man"]
    expected = [one.to_json() for one in nlpseq.load(run, device="cpu").predict(texts)]
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(texts) + "\n")
    from_words = predicted(run, *texts, capsys=capsys)
    assert from_words == expected
    assert predicted(run, "--file", str(file), capsys=capsys) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert predicted(run, capsys=capsys) == expected
    assert [answer["text"] for answer in from_words] == texts


def test_predict_keeps_the_order_over_chunks_and_writes_a_file(
    trained: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nlpseq.cli.text_input.CHUNK_SIZE", 2)
    file, output = tmp_path / "texts.txt", tmp_path / "new" / "answers.jsonl"
    file.write_text("the man\nthe old man\n\nthe farmer writes\nthe man\n")
    words = ["predict", str(trained[0]), "--file", str(file), "--output", str(output)]
    assert main([*words, "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"Written to {output}\n"
    answers = [json.loads(line) for line in output.read_text().splitlines()]
    assert [one["text"] for one in answers] == file.read_text().splitlines()
    assert answers[0] == answers[4]
    # A bad line is said before a model is loaded, and leaves what was written before as it is.
    before = output.read_bytes()
    file.write_bytes(file.read_bytes() + b"\0\n")
    assert main(words) == 2
    assert "line 6: a NUL byte" in capsys.readouterr().err
    assert output.read_bytes() == before
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("x --format conll", "--format conll does not fit"),
        ("x --format conll", "use json, text, html"),
        ("x --explain", "--explain does not fit"),
        ("--file /dev/null", "/dev/null: empty"),
    ],
)
def test_predict_refuses(
    words: str, said: str, trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(trained[0]), *shlex.split(words)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_a_model_that_cannot_generate_names_the_command_that_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class SequenceTaggerPredictor:
        name = "sequence tagger"
        prediction_type = TaggedText

        def predict(self, texts: Iterable[str]) -> list[TaggedText]:
            return []

    monkeypatch.setattr(
        "nlpseq.model_directory.load", lambda name, device: SequenceTaggerPredictor()
    )
    assert main(["generate", "some"]) == 2
    said = "some is a sequence tagger, which does not continue prompts; use `nlpseq predict some`"
    assert said in capsys.readouterr().err


def test_an_interrupted_run_prints_the_command_that_continues_it(tmp_path: Path) -> None:
    steps = 500
    words = [
        "run",
        NAME,
        *SMALL,
        f"training.max_steps={steps}",
        "training.epochs=1000",
        "training.log_steps=20",
    ]
    words += [
        "training.validate_steps=250",
        "--output",
        str(tmp_path / "run"),
        "--no-test",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "nlpseq", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    history = tmp_path / "run" / "history.jsonl"
    deadline = time.monotonic() + 120
    while not (history.exists() and history.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    resumption = said.partition("Resume with: ")[2].strip().splitlines()[0]
    assert main(shlex.split(resumption)[1:]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["steps"] == steps
    assert "test" not in metrics


# Interruptions, bugs, closed pipes


def test_interrupt_before_training_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "catalogue", interrupted)
    assert main(["recipes"]) == 130
    assert capsys.readouterr().err == "\nnlpseq: Interrupted.\n"


def test_error_of_many_lines_becomes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong() -> list[str]:
        raise UserError("first\n  second")

    monkeypatch.setattr(recipe, "catalogue", wrong)
    assert main(["recipes"]) == 2
    assert capsys.readouterr().err == "nlpseq: error: first second\n"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr(recipe, "catalogue", broken)
    with pytest.raises(ZeroDivisionError):
        main(["recipes"])


def test_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "nlpseq", "recipes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert said == b""
