"""Odd and bad pairs of texts, through the real command line; see `test_bad_examples.py`."""

import contextlib
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpseq.cli.main import main

RECIPE = """\
# For tests.   nlpseq run pairs.toml --data-dir data
task = "nlpseq.tasks.{kind}"
[embedding]
dim = 6
[encoder]
hidden_size = 5
bidirectional = true
[training]
max_steps = 3
batch_size = 4
[decoding]
max_new_tokens = 6
[data]
format = "parallel"
files = {{ train = "train.en, train.de", validation = "valid.en, valid.de", test = "test.en, test.de" }}
"""
KINDS = {"translation": "translation:Translation", "summarization": "summarization:Summarization"}
EN = "the old dog sees a cat\na cat sleeps\ndogs\nthe cat sees a dog\n"
DE = "der alte Hund sieht eine Katze\neine Katze\nHunde\nKatze sieht Hund\n"
RUN = "run translation.toml --data-dir data --device cpu --output out"

Command = Callable[[str], str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write recipes and data, and train a run of each task."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "data").mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"data/{split}.en").write_text(EN)
        (folder / f"data/{split}.de").write_text(DE)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        for kind, name in KINDS.items():
            (folder / f"{kind}.toml").write_text(RECIPE.format(kind=name))
            command = f"run {kind}.toml --data-dir data --device cpu --output {kind}_run"
            assert main(command.split()) == 0
    return folder


@pytest.fixture(autouse=True)
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a case."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command that must fail in one line; return its message."""

    def run(words: str) -> str:
        capsys.readouterr()
        assert main(shlex.split(words)) == 2
        said = capsys.readouterr().err
        assert said.startswith("nlpseq: error: "), said
        assert said.count("\n") == 1, said
        assert not Path("out").exists()
        return said

    return run


@pytest.fixture
def answers(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command that must succeed; return its output."""

    def run(words: str) -> str:
        capsys.readouterr()
        assert main(shlex.split(words)) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.de", DE + "Hund\n", r"train\.en has 4 lines, data/train\.de has 5: they are not"),
        ("test.en", EN + "\n", r"test\.en has 5 lines, data/test\.de has 4: they are not parallel"),
        ("train.en", "", r"train\.en: the file is empty"),
        ("train.en", "\n\n \n\n", r"train\.en: the file is empty"),
        ("valid.de", b"Hund\nK\xe4tzchen\n\n\n", r"valid\.de, line 2: not UTF-8"),
        ("test.en", b"a\n\0\nb\nc\n", r"test\.en, line 2: a NUL byte"),
        ("train.en", "a\n\n\n\n", None),
        ("train.en", "\u200b\na\n\x85\n🙂\n", None),
    ],
)
def test_a_file(
    here: Path, fails: Command, answers: Command, name: str, content: str | bytes, said: str | None
) -> None:
    file = here / "data" / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    if said is None:
        answers(RUN)
    else:
        assert re.search(said, fails(RUN))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("'data.files={ train = \"train.en\" }'", 'parallel text is two files, "source, target"'),
        (
            "data.format=lines 'data.files={ train = \"train.en\" }'",
            "no column 'source', it has text",
        ),
        ("encoder.kind=hierarchical", "gives one vector for a document"),
        (
            "decoder.kind=perceptron",
            "decoder.kind = 'perceptron': choose gru, lstm, mingru, minlstm, rnn, tran",
        ),
        (
            "decoder.kind=transformer decoder.input_feeding=true",
            "unknown key decoder.input_feeding: ",
        ),
        (
            "encoder.kind=transformer encoder.hidden_size=8 decoder.bridge=zero",
            "decoder.kind = transformer has no bridge; gru, ",
        ),
        ("decoder.kind=transformer decoder.attention=dot", "unknown key decoder.attention: "),
        (
            "decoder.kind=gru decoder.positions=rotary",
            "decoder.kind = gru has no positions; transformer has it",
        ),
        (
            "decoder.kind=transformer decoder.hidden_size=6",
            "decoder.hidden_size = 6 is not a multiple",
        ),
        (
            "decoder.kind=transformer decoder.hidden_size=8 decoder.positions=learned "
            "decoder.max_length=3",
            "decoder.max_length = 3: an output may have decoding.max_new_tokens = ",
        ),
        ("encoder.kind=cnn decoder.bridge=last", "encoder.kind = cnn has no state; choose mean"),
        ("decoder.attention=dot decoder.hidden_size=3", "3 units do not fit the encoder's outputs"),
        ("decoder.attention=multi_head decoder.attention_size=7", "is not a multiple"),
        ("decoder.attention=bilinear", "decoder.attention = 'bilinear': "),
        ("decoder.kind=mingru decoder.weight_drop=0.5", "weight_drop: a cell of kind mingru"),
        ("embedding.casing_dim=2", "set head.shared = false"),
        ("embedding.frozen=true", "would freeze the target's side too"),
        ("decoding.replace_unknown=true decoder.copying=true", "decoder.copying is off"),
        ("decoder.copy_dropout=0.1", "set decoder.copying = true"),
        ("head.tide=true", "unknown key head.tide; did you mean 'head.tied'"),
        ("decoding.num_return=9", "a beam of 5 has no more hypotheses; set beam_size = 9"),
        ("decoding.stop_at_eos=false", "stop_at_eos = false is for language models"),
        ("tokenization.max_source_length=2 tokenization.too_long=refuse", "source 1 has more than"),
        (
            "scheduled_sampling.schedule=exponential scheduled_sampling.k=2",
            "exponential decay needs k below 1",
        ),
        ("objective.kind=risk", "objective.kind = 'risk': "),
        ("objective.init_from=nowhere", "nowhere: no such folder"),
        ("objective.init_from=data", "data: not a model directory"),
        ("objective.init_from=summarization_run", "summarization_run is of another task"),
    ],
)
def test_an_override(fails: Command, override: str, said: str) -> None:
    assert said in fails(f"{RUN} {override}")


def test_empty_sides_keep_their_line(here: Path, answers: Command) -> None:
    for name in ("train", "test"):
        (here / f"data/{name}.en").write_text(f"\n{EN}dog\n")
        (here / f"data/{name}.de").write_text(f"Hund\n{DE}\n")
    answers(RUN)
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert any("train: 1 empty source and 1 empty target" in note for note in metrics["notes"])
    lines = Path("out/predictions/test.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["index"] for row in found] == list(range(6))
    assert found[0]["prediction"] == ""
    assert [row["target"] for row in found] == ["Hund", *DE.splitlines(), ""]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("options", ["", "--method greedy", "--beam 3 --num-best 2"])
def test_odd_texts_have_predictions(here: Path, answers: Command, kind: str, options: str) -> None:
    odd = ["", " ", "🙂", "word " * 2000, "x" * 5000, "\x07\u200b", "dog\tcat", "dogs"]
    (here / "texts").write_text("\n".join(odd) + "\n")
    said = answers(f"predict {kind}_run --device cpu --file texts --format json {options}")
    found = [json.loads(line) for line in said.splitlines()]
    assert [answer["text"] for answer in found] == odd
    assert [answer["output"] for answer in found[:2]] == ["", ""]
    plain = answers(f"predict {kind}_run --device cpu --file texts --format text")
    assert plain.splitlines()[:2] == ["", ""]


def test_long_texts_are_truncated_with_a_note(here: Path, answers: Command) -> None:
    cut = "tokenization.max_source_length=4"
    answers(f"{RUN} {cut}")
    notes = json.loads(Path("out/metrics.json").read_text())["notes"]
    assert "train: 2 sources of more than 4 tokens, truncated" in notes
    said = answers(f"predict out --device cpu --format json '{'dog ' * 2000}' dogs")
    found = [json.loads(line) for line in said.splitlines()]
    assert [answer.get("truncated", False) for answer in found] == [True, False]


def test_a_text_that_is_refused_is_named_by_its_line(
    here: Path, fails: Command, answers: Command
) -> None:
    answers(f"{RUN} tokenization.max_source_length=50 tokenization.too_long=refuse")
    shutil.move("out", "refusing")
    (here / "texts").write_text("a cat\n" * 299 + "cat " * 60 + "\n")
    said = fails("predict refusing --device cpu --file texts --output answers")
    assert "texts, line 300: has more than tokenization.max_source_length = 50 tokens" in said
    assert "the predictions so far are in answers.partial" in said
    assert Path("answers.partial").read_text().count("\n") == 256


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "--seed 99999999999999999999 --method sample",
            "seed = 99999999999999999999: write a whole",
        ),
        ("--seed -1", "seed = -1: write a whole number"),
        ("--set seed=x", "unknown key decoding.seed"),
        ("--set self=1", "unknown key decoding.self"),
        ("--set texts=x", "unknown key decoding.texts"),
        ("--set length_alpha=1979-05-27 --output answers", "length_alpha = "),
        ("--set prefix=5", "--set prefix: is not a key of"),
        ("--prefix 'bad\udcff'", "--prefix .*: not UTF-8"),
        ("--set max_length_ratio=1e308", "max_length_ratio = 1e\\+308"),
        ("--set min_length_ratio=3 --set max_length_ratio=1", "min_length_ratio = 3.0 is above"),
        ("--top-k 3", "top_k is an option of sampling, and method = beam: set method = sample"),
        (
            "--method sample --attention maps",
            "attention weights need outputs that are not sampled",
        ),
    ],
)
def test_options_of_predict(here: Path, fails: Command, options: str, said: str) -> None:
    before = sorted(here.iterdir())
    assert re.search(said, fails(f"predict translation_run --device cpu 'a cat' {options}"))
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("missing", ["extension", "lead"])
def test_a_damaged_model(here: Path, fails: Command, missing: str) -> None:
    file = here / "summarization_run/config.json"
    config = json.loads(file.read_text())
    del config["learnt"][missing]
    file.write_text(json.dumps(config))
    said = fails("predict summarization_run dogs --device cpu")
    assert f"_run/config.json: learnt.{missing} is missing" in said


def test_a_trained_model_is_tested_with_other_options_of_decoding(
    here: Path, answers: Command, fails: Command
) -> None:
    evaluate = "evaluate translation_run --data-dir data --device cpu"
    answers(f"{evaluate} decoding.method=greedy")
    written = json.loads((here / "translation_run/evaluations/test.json").read_text())
    assert written["overrides"] == ["decoding.method=greedy"]
    assert "only data., decoding., evaluation. can change" in fails(f"{evaluate} training.epochs=3")
