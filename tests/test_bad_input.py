"""Bad input through the real command line: one line on stderr, status 2, nothing lost or left behind.

Every case runs in a folder of its own, with a recipe `lm.toml`, its texts in `data/`, and a finished
run in `run/`. Unless it is said otherwise, the folder must afterwards be what it was, byte for byte.
"""

import contextlib
import errno
import gzip
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import nlpseq
from nlpseq.cli import main
from nlpseq.errors import UserError

RECIPE = """\
# A language model for tests.   nlpseq run lm.toml --data-dir data
task = "nlpseq.tasks.language_modeling:LanguageModeling"
[data]
files = { train = "train.txt", validation = "validation.txt", test = "test.txt" }
[embedding]
dim = 8
[encoder]
hidden_size = 8
[training]
batch_size = 4
bptt_length = 8
max_steps = 8
epochs = 100
validate_steps = 4
log_steps = 2
[decoding]
max_new_tokens = 5
"""
RUN = "run lm.toml --data-dir data --device cpu --output out"
RERUN = "run lm.toml --data-dir data --device cpu --output run"
GENERATE = "generate run --device cpu"
EVALUATE = "evaluate run --data-dir data --device cpu"
LINES = ["the old man reads a book", "a young woman writes", "the man writes a book"]

TASK = "nlpseq.tasks.language_modeling:LanguageModeling"

Fails = Callable[[str], str]


def corpus(lines: int) -> str:
    return "".join(f"{LINES[number % 3]}\n" for number in range(lines))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as every case begins with."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "data").mkdir()
    for split, lines in {"train": 40, "validation": 6, "test": 6}.items():
        (folder / "data" / f"{split}.txt").write_text(corpus(lines))
    (folder / "lm.toml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        assert main(RERUN.split()) == 0
    return folder


@pytest.fixture(autouse=True)
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a case."""
    import datasets
    from huggingface_hub import constants

    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command that must fail as every one does; gives what it said."""

    def run(words: str) -> str:
        capsys.readouterr()
        assert main(shlex.split(words)) == 2
        said = capsys.readouterr().err
        assert said.startswith("nlpseq: error: "), said
        assert said.count("\n") == 1, said
        assert "Traceback" not in said
        return said

    return run


def content(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


# Recipes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task = \n", "bad.toml: not valid TOML: .*line 1"),
        ("seed = 1\nseed = 2\n", "bad.toml: not valid TOML: .*line 2"),
        (b"# x\nseed = 1 # caf\xe9\n", "bad.toml, line 2: not UTF-8"),
        (bytes(range(256)), "bad.toml"),
        ("", "bad.toml: key task is missing"),
        ('extends = "language_modeling/ptbb"', "did you mean 'language_modeling/ptb'"),
        ('extends = "nowhere.toml"', "recipe nowhere.toml: no such file"),
        ('extends = "bad.toml"', "extends bad.toml, which extends another; one level is allowed"),
        ("extends = 3", "extends = 3: write the name of a recipe"),
        (f'task = "{TASK}"\n[trainning]', r"unknown key trainning; did you mean 'training'\?"),
        (f'task = "{TASK}"\n[training]\nl1 = nan', "training.l1 = nan: .*finite"),
        (f'task = "{TASK}"\n[training]\nl1 = -inf', "training.l1 = -inf: "),
        ('task = "evil:Task"', "task 'evil:Task' is refused: .*nlpseq.tasks"),
        ("task = 3", "task '3' is refused"),
    ],
)
def test_a_recipe(here: Path, fails: Fails, text: str | bytes, said: str) -> None:
    (here / "bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    before = content(here)
    assert re.search(said, fails(RUN.replace("lm.toml", "bad.toml")))
    assert content(here) == before


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("encoder.hiden_size=3", r"unknown key encoder.hiden_size; did you mean 'hidden_size'\?"),
        ("training=3", "training = 3: "),
        ("training.epochs.first=3", r"training.epochs = \{'first': 3\}: .*number"),
        ("training.epochs=many", "training.epochs = 'many': .*number"),
        ("training.epochs=", "training.epochs = '': .*number"),
        ("training.epochs=inf", "training.epochs = inf: .*finite"),
        ("training.epochs=1e999", "training.epochs = inf: .*finite"),
        ("training.learning_rate=nan", "training.learning_rate = nan: "),
        ("training.learning_rate=0", "training.learning_rate = 0: .*greater than 0"),
        ("training.betas=[0.9]", "training.betas"),
        ("encoder.num_layers=1.5", "encoder.num_layers = 1.5: .*integer"),
        ("encoder.num_layers=0", "encoder.num_layers = 0: .*greater than or equal to 1"),
        ("encoder.residual=1", "encoder.residual = 1: .*boolean"),
        ("encoder.kind=lstn", "encoder.kind = 'lstn': .*'lstm'"),
        ("encoder.dropout=1.0", "encoder.dropout = 1.0: .*less than 1"),
        ("embedding.dim=true", "embedding.dim = True: .*integer"),
        ("embedding.pretrained=caf\udce9", "caf.*e9"),
        ("seed=-1", "seed = -1: "),
        ("seed=4294967296", "seed = 4294967296: .*less than 4294967296"),
        ("training.epochs", "override 'training.epochs': write it as section.key=value"),
        ("=3", "override '=3': write it as section.key=value"),
        ("training.=3", "override 'training.=3': write it as section.key=value"),
        ("encoder.bidirectional=true", "encoder.bidirectional = true: a language model must not"),
        ("head={kind='adaptive'}", "head: kind = 'adaptive' needs cutoffs"),
        ("head={kind='adaptive',cutoffs=[400]}", "cutoffs"),
        ("head={kind='adaptive',cutoffs=[5,5]}", "cutoffs"),
        ("head={cutoffs=[5]}", "cutoffs belong to kind = 'adaptive'"),
        ("training.batch_tokens=100", "training.batch_tokens: "),
        ("training.precision=float16", "float16"),
        ("task=nlpseq.tasks.chess:Chess", "task 'nlpseq.tasks.chess:Chess': there is no such task"),
        ("evaluation.splits=['tset']", "no split 'tset', they have train, validation, test"),
        ("tokenization.kind=words", "tokenization.kind = 'words': .*'word'"),
        ("tokenization.vocabulary_size=3", "tokenization.vocabulary_size=3 is too small"),
        ("tokenization.path=nowhere.json", "tokenizer nowhere.json: there is no file nowhere.json"),
        ("tokenization.path=lm.toml", "tokenizer lm.toml is not a tokenizer.json"),
        ("tokenization.path=data", "tokenizer data: there is no file data/tokenizer.json"),
        ("tokenization.path=nobody/nothing", "nobody/nothing is no file and not .*Hub"),
    ],
)
def test_an_override(here: Path, fails: Fails, override: str, said: str) -> None:
    before = content(here)
    assert re.search(said, fails(f"{RUN} {shlex.quote(override)}"))
    assert content(here) == before


@pytest.mark.parametrize(
    "kind", ["word", "character", "bpe", "unigram", "wordpiece", "byte_bpe"]
)
def test_a_vocabulary_that_is_too_small(here: Path, fails: Fails, kind: str) -> None:
    said = fails(f"{RUN} tokenization.kind={kind} tokenization.vocabulary_size=4")
    assert f"tokenization.vocabulary_size=4 is too small for {kind}" in said
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    "kind", ["word", "character", "bpe", "unigram", "wordpiece", "byte_bpe"]
)
def test_a_vocabulary_without_end(here: Path, fails: Fails, kind: str) -> None:
    said = fails(f"{RUN} tokenization.kind={kind} tokenization.vocabulary_size={10**30}")
    assert f"tokenization.vocabulary_size = {10**30}: " in said


def test_options_of_python() -> None:
    for options in (
        {"training": 3},
        {"training": {"epochs": None}},
        {"trainning": {"epochs": 3}},
        {"seeds": [1, 1]},
        {"seeds": [-1]},
        {"seeds": ["x"]},
        {"device": "tpu0"},
        {"data_dir": "nowhere"},
        {"training": {"learning_rate": float("nan")}},
        {"data": {"files": {"train": object()}}},
    ):
        given = {"data_dir": "data", "output": "out", **options}
        with pytest.raises(UserError) as caught:
            nlpseq.run("lm.toml", **given)
        assert len(str(caught.value).splitlines()) == 1
    assert not Path("out").exists()


# Data


@pytest.mark.parametrize(
    ("files", "override", "said"),
    [
        ({"train": None}, "", "data folder data: no file train.txt"),
        ({"train": b""}, "", "data/train.txt: the file is empty"),
        ({"test": b"\n \n"}, "", "data/test.txt: the file is empty"),
        ({"train": b"\x89PNG\r\n\x1a\n\0\0\0"}, "", "data/train.txt, line 3: a NUL byte"),
        ({"test": b"a b\nc \x00 d\n"}, "", "data/test.txt, line 2: a NUL byte"),
        ({"validation": b"a\nb\ncaf\xe9\n"}, "", "data/validation.txt, line 3: not UTF-8"),
        ({"train": "a b\n".encode("utf-16")}, "", "data/train.txt: UTF-16"),
        ({"train": gzip.compress(corpus(9).encode())[:40]}, "", "data/train.txt: .*cut short"),
        ({"train": b"a b c\n"}, "", "data/train.txt: 4 tokens of train in 4 columns .*one window of 8"),
        ({}, "training.batch_size=1000", "in 1000 columns .* lower training.batch_size or bptt_"),
        ({}, "tokenization.min_frequency=10_000", "tokenization.min_frequency=10000"),
        ({}, "data.files={test='test.txt'}", "data.files names no train split"),
        ({}, "data.files={train=''}", "data folder data: no file"),
        ({}, "data.files={train=3}", "data.files.train = 3: .*string"),
        ({}, "data.hold_out={validation=0.1}", "data.hold_out: split validation is there already"),
        ({}, "data.hold_out={other=1.5}", "data.hold_out.other = 1.5: .*less than 1"),
        ({}, "data.hold_out={a=0.5,b=0.6}", "data.hold_out: the shares add up to 1.1"),
        ({}, "data.hold_out={a=0.001}", "data.hold_out: nothing is left for a of 40"),
        ({}, "data.format=parallel", "data.files: parallel text is two files"),
        ({}, "data.format=conll", "data/train.txt, line 2: 4 columns, 6 were expected"),
        ({}, "data.format=parquet", "data/train.txt: not a parquet file"),
        ({}, "data.format=jsonl", "data/train.txt, line 1: not JSON"),
        ({"train": b'{"body": "a"}'}, "data.format=jsonl", "no column 'text', it has body"),
        ({"train": b'{"text": 5}'}, "data.format=jsonl", "'text' of the train split holds int64"),
        ({"train": b'{"text": ["a"]}'}, "data.format=jsonl", "train split holds lists, not text"),
        ({"train": b'{"text": "a"}\n{"b": 1}'}, "data.format=jsonl", "row 2 of the train split"),
        ({"train": b'{"text": "\\ud800"}'}, "data.format=jsonl", "data/train.txt: column text"),
        ({"train": b'{"text": 1e999}\n{"text": "a"}'}, "data.format=jsonl", "column text mixes"),
    ],
)  # fmt: skip
def test_data(
    here: Path, fails: Fails, files: dict[str, bytes | None], override: str, said: str
) -> None:
    for split, data in files.items():
        path = here / "data" / f"{split}.txt"
        path.unlink() if data is None else path.write_bytes(data)
    if override == "data.format=jsonl":
        override += " data.files={train='train.txt'}" if files else ""
    before = content(here)
    words = " ".join(shlex.quote(word) for word in override.split(" "))
    assert re.search(said, fails(f"{RUN} {words}"))
    assert content(here) == before
