"""Bad input through the real command line: one line on stderr, status 2, nothing lost or left behind.

Every case runs in its own folder, with a recipe `lm.toml`, its texts in `data/`, and a finished
run in `run/`. Unless a test says otherwise, the folder must not change by a byte.
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
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from safetensors.torch import load_file, save_file

import nlpseq
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

RECIPE = """\
# A language model for tests.   nlpseq run lm.toml --data-dir data
task = "language_modeling"
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
keep_checkpoints = true
[decoding]
max_new_tokens = 5
"""
RUN = "run lm.toml --data-dir data --device cpu --output out"
RERUN = "run lm.toml --data-dir data --device cpu --output run"
GENERATE = "generate run --device cpu"
EVALUATE = "evaluate run --data-dir data --device cpu"
LINES = ["the old man reads a book", "a young woman writes", "the man writes a book"]

TASK = "language_modeling"
TOKENIZATIONS = get_args(TokenizationConfig.model_fields["kind"].annotation)

Fails = Callable[[str], str]


def corpus(lines: int) -> str:
    return "".join(f"{LINES[number % 3]}\n" for number in range(lines))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the folder that every case starts with."""
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
    """Return the working folder of a case."""
    import datasets
    from huggingface_hub import constants

    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command that must fail in one line; return its message."""

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
    """Return every file below a folder, by its path."""
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
        ('extends = "bad.toml"', "recipe bad.toml: a circle, bad.toml extends bad.toml"),
        ("extends = 3", "extends = 3: write the name of a recipe"),
        (f'task = "{TASK}"\n[trainning]', r"unknown section trainning; did you mean 'training'\?"),
        (f'task = "{TASK}"\n[training]\nl1 = nan', "training.l1 = nan: .*finite"),
        (f'task = "{TASK}"\n[training]\nl1 = -inf', "training.l1 = -inf: "),
        ('task = "evil:Task"', "task 'evil:Task': no such task"),
        ("task = 3", "task '3': no such task"),
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
        (
            "encoder.hiden_size=3",
            r"unknown key encoder.hiden_size; did you mean 'encoder.hidden_size'\?",
        ),
        ("training=3", "training = 3: "),
        ("training.epochs.first=3", r"training.epochs = \{'first': 3\}: .*number"),
        ("training.epochs=many", "training.epochs = 'many': .*number"),
        ("training.epochs=", "training.epochs = '': .*number"),
        ("training.epochs=inf", "training.epochs = inf: .*finite"),
        ("training.epochs=1e999", "training.epochs = inf: .*finite"),
        ("training.learning_rate=nan", "training.learning_rate = nan: "),
        (
            "training.learning_rate=0",
            "training.learning_rate = 0: .*greater than or equal to 0.000000000001",
        ),
        ("training.betas=[0.9]", "training.betas"),
        ("encoder.num_layers=1.5", "encoder.num_layers = 1.5: .*integer"),
        ("encoder.num_layers=0", "encoder.num_layers = 0: .*greater than or equal to 1"),
        ("encoder.residual=1", "encoder.residual = 1: .*boolean"),
        ("encoder.kind=lstn", "encoder.kind = 'lstn': .*'lstm'"),
        ("encoder.dropout=1.0", "encoder.dropout = 1.0: .*less than 1"),
        ("embedding.dim=true", "embedding.dim = True: .*integer"),
        ("seed=-1", "seed = -1: "),
        ("seed=4294967296", "seed = 4294967296: .*less than or equal to 4294967295"),
        ("training.epochs", "override 'training.epochs': write it as section.key=value"),
        ("=3", "override '=3': write it as section.key=value"),
        ("training.=3", "override 'training.=3': write it as section.key=value"),
        ("encoder.bidirectional=true", "encoder.bidirectional = true: a language model must not"),
        ("head={kind='adaptive'}", "head: kind = 'adaptive' needs cutoffs"),
        ("head={kind='adaptive',cutoffs=[400]}", "cutoffs"),
        ("head={kind='adaptive',cutoffs=[5,5]}", "cutoffs"),
        ("head={cutoffs=[5]}", "cutoffs belong to kind = 'adaptive'"),
        ("training.batch_tokens=100", "training.batch_tokens: "),
        (
            "task=nlpseq.tasks.chess:Chess",
            "task 'nlpseq.tasks.chess:Chess': this version of nlpseq has no such task",
        ),
        ("evaluation.splits=['tset']", "no split 'tset', they have train, validation, test"),
        ("tokenization.kind=words", "tokenization.kind = 'words': .*'word'"),
        ("tokenization.vocabulary_size=3", "tokenization.vocabulary_size=3 is too small"),
        ("tokenization.path=nowhere.json", "tokenizer nowhere.json: there is no file nowhere.json"),
        ("tokenization.path=lm.toml", "tokenizer lm.toml is not a tokenizer.json"),
        ("tokenization.path=data", "tokenizer data: there is no file data/tokenizer.json"),
        ("tokenization.path=nobody/nothing", "tokenizer nobody/nothing: no such file, and .*Hub"),
    ],
)
def test_an_override(here: Path, fails: Fails, override: str, said: str) -> None:
    before = content(here)
    assert re.search(said, fails(f"{RUN} {shlex.quote(override)}"))
    assert content(here) == before


@pytest.mark.parametrize("kind", TOKENIZATIONS)
def test_a_vocabulary_that_is_too_small(here: Path, fails: Fails, kind: str) -> None:
    said = fails(f"{RUN} tokenization.kind={kind} tokenization.vocabulary_size=4")
    assert f"tokenization.vocabulary_size=4 is too small for {kind}" in said
    assert not (here / "out").exists()


@pytest.mark.parametrize("kind", TOKENIZATIONS)
def test_an_endless_vocabulary_is_refused(here: Path, fails: Fails, kind: str) -> None:
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
        ({"train": b"\x89PNG\r\n\x1a\n\0\0\0"}, "", "data/train.txt, line [1-4]: a NUL byte"),
        ({"test": b"a b\nc \x00 d\n"}, "", "data/test.txt, line 2: a NUL byte"),
        ({"validation": b"a\nb\ncaf\xe9\n"}, "", "data/validation.txt, line 3: not UTF-8"),
        ({"train": "a b\n".encode("utf-16-le")}, "", "data/train.txt, line 1: .* data.encoding=utf-16-le"),
        ({}, "data.encoding=utf-9", "data.encoding: 'utf-9' is no encoding of text"),
        ({}, "data.encoding=utf-16", "data/train.txt: not utf-16 text"),
        ({}, "data.delimiter=tab", "data.delimiter = 'tab': data.format=lines has no such option"),
        ({}, "data.delimiter=ab", "data.delimiter: 'ab': give one character"),
        ({"train": gzip.compress(corpus(9).encode(), mtime=0)[:40]}, "", "data/train.txt: .*cut short"),
        ({"train": b"a b c\n"}, "", "data/train.txt: 4 tokens of train in 4 columns .*one window of 8"),
        ({}, "training.batch_size=1000", "in 1000 columns .* lower training.batch_size or bptt_"),
        ({}, "tokenization.min_frequency=10_000", "tokenization.min_frequency=10000"),
        ({}, "data.files.train=", "data folder data: no file"),
        ({}, "data.files={train=3}", "data.files.train = 3: .*string"),
        ({}, "data.hold_out={validation=0.1}", "data.hold_out: split validation exists already"),
        ({}, "data.hold_out={other=1.5}", "data.hold_out.other = 1.5: .*less than 1"),
        ({}, "data.hold_out={a=0.5,b=0.6}", "data.hold_out: the shares add up to 1.1"),
        ({}, "data.format=parallel", "train split has no column .*parallel text is two files"),
        ({}, "data.format=conll", "data/train.txt, line 2: 4 columns, 6 were expected"),
        ({}, "data.format=parquet", "data/train.txt: not a Parquet file"),
        ({}, "data.format=jsonl", "data/train.txt, line 1: not JSON"),
    ],
)  # fmt: skip
def test_data(
    here: Path, fails: Fails, files: dict[str, bytes | None], override: str, said: str
) -> None:
    for split, data in files.items():
        path = here / "data" / f"{split}.txt"
        path.unlink() if data is None else path.write_bytes(data)
    before = content(here)
    assert re.search(said, fails(f"{RUN} {override}"))
    assert content(here) == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"body": "a"}', "train split has no column 'text', it has body"),
        ('{"text": 5}', "'text' of the train split holds int64, not text"),
        ('{"text": ["a"]}', "'text' of the train split holds lists, not text"),
        ('{"text": "a"}\n{"other": 1}', "row 2 of the train split has no 'text'"),
        ('{"text": null}', "'text' of the train split holds null, not text"),
        ('{"text": "\\ud800"}', "data/train.txt: column text"),
        ('{"text": 1.5}\n{"text": "a"}', "data/train.txt: column text mixes"),
        ('{"text": "a"\n', "data/train.txt, line 1: not JSON"),
        ('["a"]', "data/train.txt, line 1: not a JSON object"),
        ('{"text": ""}', "the train split"),
    ],
)
def test_json_lines(here: Path, fails: Fails, lines: str, said: str) -> None:
    for path in (here / "data").iterdir():
        path.write_text(lines)
    before = content(here)
    assert re.search(said, fails(f"{RUN} data.format=jsonl tokenization.add_eos=false"))
    assert content(here) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--data-dir nowhere", "data folder nowhere: no such folder"),
        ("--data-dir lm.toml", "data folder lm.toml: is a file"),
        ("data.files={} data.sizes={trian=30}", "data.sizes.trian: .*; did you mean 'train'"),
        ("data.sizes={train=0}", "data.sizes.train = 0: "),
        ("data.files={} data.view=entities data.sizes={train=30}", "no column 'text', it has tokens, tags"),
        ("data.view=entity", "data.view = 'entity': .*'entities'"),
        ("data.source=nobody/nothing", r"Hub \(it cannot be reached\); .*--data-dir DIR, a folder with train.txt, val"),
        ("", r"data.files names local files \(train.txt, .*give their folder with --data-dir DIR"),
    ],
)  # fmt: skip
def test_a_source(here: Path, fails: Fails, words: str, said: str) -> None:
    before = content(here)
    assert re.search(said, fails(f"run lm.toml --output out {words}"))
    assert content(here) == before


def test_local_files_without_names(here: Path, fails: Fails) -> None:
    said = fails("run language_modeling/quickstart --output out --data-dir data")
    assert "the recipe names no local files; set them, for instance data.files=" in said
    (here / "bad.toml").write_text(f'task = "{TASK}"\n[data]\nfiles = {{ test = "test.txt" }}')
    assert "data.files names no train split" in fails(RUN.replace("lm.toml", "bad.toml"))
    assert not (here / "out").exists()


VECTOR = " 0.5 0.25 1 2 3 4 5 6"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("v.txt", None, "vectors v.txt not found, nor with .gz, in .*data"),
        ("v.txt", b"", "vectors .*v.txt: "),
        ("v.txt", b"the 1 2 3\n", "v.txt have 3 components, embedding.dim is 8: set embedding.dim=3"),
        ("v.txt", f"the{VECTOR}\nold 1 2\na 1\n".encode(), "v.txt, line 2: 2 numbers where 8 are expected"),
        ("v.txt", f"the{VECTOR}\nold{VECTOR} 7\nold 1\n".encode(), "v.txt, line 2: 9 numbers"),
        ("v.txt", f"the{VECTOR}x\n".encode(), "v.txt, line 1: not a number"),
        ("v.txt", f"the{VECTOR[:-1]}nan\n".encode(), "v.txt, line 1: .* component that is not finite"),
        ("v.txt", f"qqqq{VECTOR}\n".encode(), "v.txt: it has none of the 13 words"),
        ("v.txt", bytes(range(256)) * 9, "v.txt"),
        ("v.txt.gz", gzip.compress(f"the{VECTOR}\n".encode(), mtime=0)[:30], "v.txt.gz: damaged or cut short"),
        ("v.txt.gz", b"the 1 2", "v.txt.gz: damaged"),
        ("v.safetensors", b"the 1 2", "v.safetensors: damaged, or not a safetensors file"),
    ],
)  # fmt: skip
def test_vectors(here: Path, fails: Fails, name: str, data: bytes | None, said: str) -> None:
    if data is not None:
        (here / "data" / name).write_bytes(data)
    before = content(here)
    assert re.search(said, fails(f"{RUN} embedding.pretrained={name.removesuffix('.gz')}"))
    assert content(here) == before


# Run directories


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (RERUN, "run: exists; continue with --resume, or start over with --overwrite"),
        (RUN.replace("--output out", "--output data"), "data: exists"),
        (RUN.replace("--output out", "--output data") + " --resume", "data: is not a run directory"),
        (RUN.replace("--output out", "--output data") + " --overwrite", "data: is not a run directory"),
        (RUN.replace("--output out", "--output .") + " --overwrite", r"\.: is not a run directory"),
        (RUN.replace("--output out", "--output lm.toml"), "lm.toml: is a file; choose another --output"),
        (RUN.replace("--output out", "--output lm.toml/out"), "lm.toml/out cannot be written: .*lm.toml is a file"),
        (RUN.replace("--output out", "--output " + "x" * 300), ": File name too long"),
        (f"{RERUN} --resume encoder.hidden_size=9", "run/recipe.toml: the run was started with another"),
        (f"{RERUN} --resume --overwrite", "--overwrite: not allowed with argument --resume"),
        (f"{RERUN} --overwrite --data-dir nowhere", "data folder nowhere: no such folder"),
        (f"{RERUN} --overwrite training.batch_size=1000", "less than one window"),
        (f"{RERUN} --overwrite --device tpu0", "device .tpu0. is not available on this machine; available: cpu"),
        (f"{RUN} --device tpu0", "device .tpu0. is not available on this machine; available: cpu"),
        (f"{RUN} --device meta", "device .meta. is not available on this machine"),
        (f"{RUN} --device cuda:99", "device .cuda:99. is not available on this machine"),
        (f"{RUN} --seeds 1,,2", "'1,,2': write different whole numbers, like 13,14,15"),
        (f"{RUN} --seeds 13,13", "write different whole numbers"),
        (f"{RUN} --seeds 13,14 seed=5", "seed=5: .* --seeds, 13,14; write --seeds 5, or leave"),
        (f"{RUN} --seeds 4294967296", "seed = 4294967296"),
        (f"{RUN} --seeds 1,4294967296", "seed = 4294967296"),
        (f"{RUN} --track nosuch", "nosuch"),
        (
            f"{RUN} head.kind=adaptive head.cutoffs=[5] training.label_smoothing=0.1",
            "training.label_smoothing: not with head.kind = 'adaptive'",
        ),
    ],
)  # fmt: skip
def test_a_run(here: Path, fails: Fails, words: str, said: str) -> None:
    before = content(here)
    assert re.search(said, fails(words))
    assert content(here) == before


def test_a_folder_with_a_recipe_of_its_own_is_not_a_run(here: Path, fails: Fails) -> None:
    (here / "recipe.toml").write_text(RECIPE)
    (here / "README.md").write_text("mine")
    before = content(here)
    assert "is not a run directory" in fails(
        f"{RUN.replace('--output out', '--output .')} --overwrite"
    )
    assert content(here) == before


def test_overwriting_deletes_only_files_of_the_run(here: Path) -> None:
    (here / "run" / "notes.txt").write_text("mine")
    (here / "run" / ".recipe.toml.tmp-1").write_text("half")
    os.truncate(here / "run" / "model.safetensors", 9)
    assert main(f"{RERUN} --overwrite --no-test training.max_steps=4".split()) == 0
    assert (here / "run" / "notes.txt").read_text() == "mine"
    assert not (here / "run" / ".recipe.toml.tmp-1").exists()
    assert not (here / "run" / "predictions" / "test.jsonl").exists()
    assert json.loads((here / "run" / "metrics.json").read_text())["steps"] == 4
    modes = {path.stat().st_mode for path in (here / "run").iterdir() if path.is_file()}
    assert len(modes) == 1


def test_divergence_names_step_rate_and_norm_and_keeps_what_was_there(
    here: Path, fails: Fails
) -> None:
    said = fails(f"{RUN} training.learning_rate=1e3 training.optimizer=sgd training.clip_norm=0")
    pattern = (
        r"diverged at step \d+: loss \S+, learning rate 1,?000, gradient norm \S+; try a lower"
    )
    assert re.search(pattern, said)
    assert "the run has not finished" in fails("evaluate out --data-dir data")
    assert "the run has not finished" in fails("generate out")
    assert "exists; continue with --resume" in fails(RUN)


def test_sections_in_place_of_values_are_explained(fails: Fails) -> None:
    said = fails("run classification/base data.columns={text=nope}")
    assert (
        "data.columns = '{text=nope}': is a section; set data.columns.KEY=VALUE; texts inside braces"
        in said
    )
    assert "training = 3: is a section; set training.KEY=VALUE" in fails(
        "run ner/quickstart training=3"
    )


# Checkpoints


def unfinished(here: Path) -> dict[str, bytes | None]:
    """Make `run` a run that was killed just before its end; return the finished run."""
    before = content(here / "run")
    for path in (here / "run").iterdir():
        if path.name not in ("recipe.toml", "data.json", "history.jsonl", "checkpoints"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return before


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = unfinished(here)
    newest = max((here / "run" / "checkpoints").iterdir())
    os.truncate(newest / "model.safetensors", 100)
    assert main(f"{RERUN} --resume".split()) == 0
    assert f"checkpoint run/checkpoints/{newest.name} is damaged" in capsys.readouterr().out
    assert content(here / "run")["model.safetensors"] == whole["model.safetensors"]


@pytest.mark.parametrize("file", ["model.safetensors", "state.json", "manifest.json"])
def test_when_every_checkpoint_is_damaged(here: Path, fails: Fails, file: str) -> None:
    unfinished(here)
    for path in (here / "run" / "checkpoints").iterdir():
        os.truncate(path / file, 10)
    before = content(here)
    assert "every checkpoint in run/checkpoints is damaged" in fails(f"{RERUN} --resume")
    assert content(here) == before


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("metrics.json", b"{", "run/metrics.json: damaged"),
        ("metrics.json", b"[]", "run/metrics.json: damaged"),
    ],
)
def test_other_damage_to_a_run(here: Path, fails: Fails, name: str, data: bytes, said: str) -> None:
    (here / "run" / name).write_bytes(data)
    before = content(here)
    assert said in fails(f"{RERUN} --resume")
    assert content(here) == before


def test_other_data_than_the_run_was_started_on(here: Path, fails: Fails) -> None:
    unfinished(here)
    (here / "run" / "data.json").write_bytes(b"\xff{")
    assert "run/data.json: damaged" in fails(f"{RERUN} --resume")
    (here / "run" / "data.json").write_text('{"train": "another"}')
    before = content(here)
    assert "run/data.json: the run was started on other data" in fails(f"{RERUN} --resume")
    assert content(here) == before


def test_damage_to_the_history(here: Path, fails: Fails) -> None:
    unfinished(here)
    for line in (b"{\n", b"[]\n", b"\xff\n"):
        (here / "run" / "history.jsonl").write_bytes(b'{"step": 1}\n' + line)
        before = content(here)
        assert "run/history.jsonl, line 2: " in fails(f"{RERUN} --resume")
        assert content(here) == before


# Model directories


def changed(**changes: object) -> bytes:
    """Return the finished run's config.json with some keys changed."""
    return json.dumps({**json.loads(Path("run/config.json").read_text()), **changes}).encode()


@pytest.mark.parametrize("command", [GENERATE, EVALUATE])
@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("config.json", b"{", "run/config.json: not valid JSON"),
        ("config.json", b"\xff\xfe\x00", "run/config.json: not valid JSON"),
        ("config.json", b"[1]", "run/config.json: not a JSON object"),
        ("config.json", b"{}", "run/config.json: model format None, this nlpseq .* reads 1"),
        ("config.json", {"format": 3}, "model format 3, this nlpseq .* reads 1 and 2; it was written by"),
        ("config.json", {"recipe": 5}, "run/config.json: recipe is missing or not an object"),
        ("config.json", {"learnt": None}, "run/config.json: learnt is missing or not an object"),
        ("config.json", {"recipe": {"task": TASK, "x": 1}}, "run/config.json: unknown key x"),
        ("config.json", {"task": "nlpseq.tasks.chess:Chess"}, "chess:Chess': this version of nlpseq has no such task"),
        ("config.json", {"task": "nlpseq.tasks.language_modeling.task:Task"}, "task:Task' does not define batches"),
        ("config.json", {"task": "nlpseq.tasks.language_modeling.task:Perplexity"}, "Perplexity': .* no such task"),
        ("config.json", {"task": "nlpseq.tasks.language_modeling.task:math"}, "no such task"),
        ("config.json", {"task": "nlpseq.tasks.language_modeling.task:Nothing"}, "no such task"),
        ("config.json", {"task": "nlpseq.tasks..x:Task"}, "no such task"),
        ("config.json", {"task": None}, "no such task"),
        ("config.json", None, "run: the run has not finished; .*--resume"),
        ("model.safetensors", b"", "run/model.safetensors: damaged"),
        ("model.safetensors", b"\xff" * 99, "run/model.safetensors: damaged"),
        ("model.safetensors", None, "run: there is no model.safetensors"),
        ("tokenizer.json", None, "tokenizer run: there is no file run/tokenizer.json"),
        ("tokenizer.json", b"{}", "tokenizer run is not a tokenizer.json"),
    ],
)  # fmt: skip
def test_a_model(
    here: Path,
    fails: Fails,
    command: str,
    name: str,
    data: bytes | dict[str, object] | None,
    said: str,
) -> None:
    path = here / "run" / name
    data = changed(**data) if isinstance(data, dict) else data
    path.unlink() if data is None else path.write_bytes(data)
    before = content(here)
    assert re.search(said, fails(command))
    assert content(here) == before


def test_weights_that_are_cut_short_or_of_another_model(here: Path, fails: Fails) -> None:
    file = here / "run" / "model.safetensors"
    whole = file.read_bytes()
    for size in (7, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert "run/model.safetensors: damaged" in fails(GENERATE)
    file.write_bytes(whole)
    tensors = load_file(file)
    name = min(tensors)
    for other in (
        {**tensors, name: tensors[name][:-1]},
        {**tensors, "more": tensors[name].clone()},
        {key: value for key, value in tensors.items() if key != name},
    ):
        save_file(other, file)
        assert "run/model.safetensors is of another model" in fails(GENERATE)


def test_a_task_from_elsewhere_is_refused_and_none_of_its_code_runs(
    here: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"import pathlib; pathlib.Path({str(here / 'ran')!r}).touch()\nTask = Class = 1"
    for module in ("evil", "nlpseq_tasks_evil", "tasks_evil"):
        (here / f"{module}.py").write_text(code)
    package = here / "evil_package"
    package.mkdir()
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(here)
    own = [
        "evil:Task",
        "evil_package:Task",
        "nlpseq_tasks_evil:Task",
        "nlpseq.tasks:Task",
        "nlpseq.tasks.language_modeling.task:../../evil",
        "nlpseq.tasks.../evil:Task",
        "nlpseq.tasks.:Task",
        "os:system",
        "nlpseq.model_directory:Path",
        " language_modeling",
        "language_modeling.__init__",
        "nlpseq.tasks.evil\x00:Task",
    ]
    for name in own:
        (here / "run" / "config.json").write_bytes(changed(task=name))
        assert "no such task" in fails(GENERATE)
        (here / "bad.toml").write_text(f"task = {json.dumps(name)}\n")
        assert "no such task" in fails(RUN.replace("lm.toml", "bad.toml"))
    assert not (here / "ran").exists()
    assert not {"evil", "evil_package", "nlpseq_tasks_evil"} & set(sys.modules)
    import evil  # noqa: F401  # it would have run

    assert (here / "ran").exists()


# Trained models


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("generate nowhere", "nowhere: no such folder"),
        ("generate data", "data: not a model directory, there is no config.json"),
        ("generate lm.toml", "lm.toml: no such folder"),
        ("generate data/nowhere", "data/nowhere: no such folder$"),
        ("generate nobody/nothing", "the Hub cannot be reached, and no model of that id was downloaded"),
        (f"{GENERATE} --temperature 0", "decoding.temperature = 0.0: .*greater than or equal to 0.001"),
        (f"{GENERATE} --temperature nan", "decoding.temperature = nan: "),
        (f"{GENERATE} --top-p 2", "decoding.top_p = 2.0: .*less than or equal to 1"),
        (f"{GENERATE} --top-k -1", "decoding.top_k = -1: "),
        (f"{GENERATE} --num-samples 0", "--num-samples: '0': write a whole number above 0"),
        (f"{GENERATE} --max-new-tokens 0", "--max-new-tokens: '0': write a whole number above 0"),
        (f"{GENERATE} --method beam --beam-size 0", "--beam-size: '0': write a whole number above 0"),
        (f"{GENERATE} --method beam --num-samples 6", "a beam of 5 has no more than 5 results"),
        (f"{GENERATE} --prompt qqqq", "prompt 'qqqq': the model knows none of its 1 tokens"),
        (f"{GENERATE} --prompt 'qqqq zzzz'", "the model knows none of its 2 tokens"),
        (f"{GENERATE} --seed -1", "seed = -1: write a whole number"),
        (f"{GENERATE} --seed 99999999999999999999", "seed = 99999999999999999999: write a whole"),
        (f"{GENERATE} --seed one", "--seed: invalid int value: 'one'"),
        (f"{GENERATE} --device tpu0", "device .tpu0. is not available on this machine; available: cpu"),
        (f"{EVALUATE} --split tset", "split 'tset': the data have train, validation, test"),
        (f"{EVALUATE} --split ../train", "split '../train': the data have"),
        (f"{EVALUATE} --device cuda:99", "device .cuda:99. is not available on this machine"),
        (f"{EVALUATE} --data-dir nowhere", "data folder nowhere: no such folder"),
        (f"{EVALUATE} training.epochs=3", "override 'training.epochs=3': only data., decoding., evaluation."),
        (f"{EVALUATE} data.fils=3", "unknown key data.fils; did you mean 'data.files'"),
        (f"{EVALUATE} evaluation.batch_size=0", "evaluation.batch_size = 0: "),
    ],
)  # fmt: skip
def test_use(here: Path, fails: Fails, words: str, said: str) -> None:
    before = content(here)
    assert re.search(said, fails(words))
    assert content(here) == before


def test_use_from_python(here: Path) -> None:
    model = nlpseq.load("run")
    for options in ({"num_samples": 0}, {"temprature": 1.0}, {"top_p": "x"}, {"seed": -1}):
        with pytest.raises(UserError):
            model.generate(**options)
    with pytest.raises(UserError, match="not valid Unicode"):
        model.generate("caf\udce9")
    with pytest.raises(UserError, match="no token"):
        model.evaluate([])


# The disk


def test_a_full_disk_loses_nothing_wherever_it_happens(
    here: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk reports no space at the n-th write."""
    whole = content(here / "run")
    real = os.fsync
    calls, full = 0, -1

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 >= full >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert main(RUN.split()) == 0
    total = calls
    assert total > 20
    for full in range(0, total, total // 4):
        shutil.rmtree("out", ignore_errors=True)
        calls = 0
        said = fails(RUN)
        assert re.search(
            "no space left on the disk to write out/.*: existing files are unchanged", said
        )
        assert [path for path in content(here) if ".tmp" in path] == []
        full = -1
        assert main(f"{RUN} --resume".split()) == 0
        now = content(here / "out")
        assert now["model.safetensors"] == whole["model.safetensors"]
        assert now.keys() == whole.keys()


@pytest.fixture
def small_disk(here: Path) -> Iterator[Callable[[str], object]]:
    """Mount a real file system `disk`; the fixture returns a function that sets its size."""

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, "disk"], cwd=here, check=True, capture_output=True)

    (here / "disk").mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=1m", "none")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system can be mounted by root only")
    yield lambda size: mount("-o", f"remount,size={size}")
    subprocess.run(["umount", "disk"], cwd=here, check=True)


def test_a_disk_that_is_really_full(
    here: Path,
    fails: Fails,
    small_disk: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = f"{RUN} embedding.dim=64 encoder.hidden_size=64"
    words = words.replace("--output out", "--output disk/out")
    assert main(words.replace("disk/out", "enough").split()) == 0
    assert "disk/out: training needs about 0.0012 GB for its checkpoints" in fails(words)
    monkeypatch.setattr("nlpseq.run_directory.RunDirectory.check_space", lambda *_: None)
    assert "no space left on the disk to write disk/out" in fails(words)
    kept = content(here / "disk")
    assert "out/checkpoints/step-00000004/model.safetensors" in kept
    assert "no space left on the disk to write disk/out" in fails(f"{words} --resume")
    assert content(here / "disk").keys() == kept.keys()
    small_disk("32m")
    assert main(f"{words} --resume".split()) == 0
    resumed, never_stopped = content(here / "disk" / "out"), content(here / "enough")
    assert resumed["model.safetensors"] == never_stopped["model.safetensors"]


@contextlib.contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Run a block without the right to write into a folder, also as root."""
    root = os.geteuid() == 0
    folder.chmod(0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
@pytest.mark.parametrize(
    ("locked", "words", "said"),
    [
        (None, RUN, "out.* cannot be written: Permission denied"),
        (None, f"{RUN} --seeds 1,2", "out.* cannot be written: Permission denied"),
        (
            "data/train.txt",
            RUN.replace("--output out", "--output open/out"),
            "data/train.txt: cannot be read: Permission denied",
        ),
        ("lm.toml", RUN, "recipe lm.toml: cannot be read: Permission denied"),
        ("run/config.json", GENERATE, "run/config.json: cannot be read: Permission denied"),
        ("run/model.safetensors", GENERATE, "run/model.safetensors: .*Permission denied"),
        ("run/tokenizer.json", GENERATE, "run.tokenizer.json: cannot be read: Permission denied"),
        ("run", GENERATE, "Permission denied"),
        ("run", RERUN, "Permission denied"),
    ],
)
def test_without_rights(
    here: Path, fails: Fails, locked: str | None, words: str, said: str
) -> None:
    (here / "open").mkdir()
    (here / "open").chmod(0o777)
    before = content(here)
    path = here / (locked or "run")
    mode = path.stat().st_mode
    path.chmod(0o000 if locked else 0o555)
    with unprivileged(here):
        heard = fails(words)
    path.chmod(mode)
    assert re.search(said, heard)
    assert content(here) == before


def test_scores_are_shown_where_they_cannot_be_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(here)
    (here / "run").chmod(0o555)
    with unprivileged(here):
        assert main(EVALUATE.split()) == 2
    (here / "run").chmod(0o755)
    printed = capsys.readouterr()
    assert "perplexity" in printed.out
    last = printed.err.splitlines()[-1]
    assert last == "nlpseq: error: run/evaluations/test.json cannot be written: Permission denied"
    assert content(here) == before


# The network


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("listening", [False, True])
def test_without_network_the_error_comes_quickly(
    fails: Fails, monkeypatch: pytest.MonkeyPatch, listening: bool
) -> None:
    """The Hub is unreachable or never responds; its own clients would try for most of a minute."""
    from huggingface_hub import constants

    from nlpseq.data import hub_access

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(hub_access, "PATIENCE", 0.2)
        started = time.perf_counter()
        said = fails("run lm.toml --output out data.source=nobody/nothing")
        assert "(it cannot be reached); to read local files instead, give --data-dir DIR" in said
        assert "the Hub cannot be reached" in fails("generate nobody/nothing")
        assert "it cannot be reached" in fails(f"{RUN} tokenization.path=nobody/nothing")
        assert time.perf_counter() - started < 10
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.usefixtures("online")
def test_a_reachable_hub_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from nlpseq.data.hub_access import hub_if_reachable

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with hub_if_reachable() as reachable:
            assert reachable
            assert not constants.HF_HUB_OFFLINE
        thread.join(timeout=10)


# A real process


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([b"run", b"language_modeling/quickstrat"], b"did you mean 'language_modeling/quickstart'?"),
        ([b"generate", b"run", b"--prompt", b"caf\xe9"], b"not valid Unicode text"),
    ],
)  # fmt: skip
def test_a_process(here: Path, words: list[bytes], said: bytes) -> None:
    before = content(here)
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"nlpseq", *words], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"nlpseq: error: ")
    assert done.stderr.count(b"\n") == 1
    assert said in done.stderr
    assert content(here) == before


# Odd but valid input


def test_marks_and_line_ends_of_windows(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(EVALUATE.split()) == 0
    file = here / "run" / "evaluations" / "test.json"
    usual = json.loads(file.read_text())
    test = here / "data" / "test.txt"
    test.write_bytes(b"\xef\xbb\xbf" + test.read_bytes().replace(b"\n", b"\r\n"))
    (here / "windows.toml").write_bytes(b"\xef\xbb\xbf" + RECIPE.replace("\n", "\r\n").encode())
    assert main(EVALUATE.split()) == 0
    assert json.loads(file.read_text()) == usual
    assert main(RUN.replace("lm.toml", "windows.toml").split()) == 0
    assert content(here / "out")["model.safetensors"] == content(here / "run")["model.safetensors"]


def test_very_long_lines(here: Path) -> None:
    line = " ".join(LINES * 5_000) + " " + "x" * 10_000 + "\n"
    (here / "data" / "train.txt").write_text(line)
    for kind in ("word", "character", "byte_bpe"):
        words = f"{RUN} --overwrite tokenization.kind={kind} training.max_steps=1 --no-test"
        assert main(words.split()) == 0
