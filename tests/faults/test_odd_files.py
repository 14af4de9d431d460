"""Data files that are odd, hostile or damaged: one short line that says where, through the real command line."""

import gzip
import json
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from faults.model_folders import make
from faults.valid_files import READ_BY, damage, valid_files, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpseq.cli.main import main

Words = list[str]
QUICK = ["--device", "cpu", "training.max_steps=1", "embedding.dim=4", "encoder.hidden_size=4"]
SECONDS = 30.0


def rows(*values: Any) -> bytes:
    return "".join(f"{json.dumps({'text': 'a b', 'label': value})}\n" for value in values).encode()


def parquet(columns: dict[str, Any]) -> bytes:
    import io

    import pyarrow as pa
    from pyarrow import parquet

    packed = io.BytesIO()
    parquet.write_table(pa.table(columns), packed)
    return packed.getvalue()


def bad_utf8() -> Any:
    import pyarrow as pa

    return pa.array([b"good", b"\xff\xfe bad", b"x"], pa.binary()).view(pa.string())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(name: str, format: str = "auto", task: str = "classification") -> Words:
    files = f"data.files={{ train = '{name}' }}"
    return [
        "run",
        f"{task}/base",
        "--data-dir",
        ".",
        "--output",
        "out",
        *QUICK,
        files,
        f"data.format={format}",
    ]


def refused(words: Words, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("nlpseq: error: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    assert len(lines[0]) < 2100
    return lines[0]


DEEP = b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deep.json", DEEP, "deep.json"),
        ("deep.jsonl", rows("a") + DEEP, "deep.jsonl, line 2: nested more than"),
        (
            "digits.jsonl",
            rows("a") + b'{"text": ' + b"9" * 5000 + b"}\n",
            "digits.jsonl, line 2: not JSON",
        ),
        (
            "huge.jsonl",
            rows(1, 2**70),
            "huge.jsonl: column label has a value .* in line 2, 1180591620",
        ),
        ("half.jsonl", rows("a", "\ud800"), "half.jsonl: column label has a value .* in line 2"),
        ("name.jsonl", b'{"text": "a", "\\ud800": 1}\n', "the name of a column is not text"),
        ("long.jsonl", rows("a", "x" * 3_000_000), "row 2 .* has a label of 3,000,000 characters"),
        ("mark.csv", b"\xef\xbb\xbf", "mark.csv: the file is empty"),
        ("twice.csv", b"text,label,text\na,b,c\n", "several columns are named 'text'"),
        ("nul.csv", b"text,label\na\0b,c\n", "nul.csv: a binary file"),
        ("odd.csv", "text,label\na,b\n".encode("utf-16")[:-1], "odd.csv: not utf-16 text"),
        ("cut.csv.gz", gzip.compress(b"text,label\n" + b"a,b\n" * 999, mtime=0)[:-9], "cut short"),
        (
            "none.parquet",
            parquet({"text": [], "label": []}),
            "none.parquet: the file holds no example",
        ),
        (
            "bytes.parquet",
            parquet({"text": bad_utf8(), "label": ["a", "b", "a"]}),
            "bytes.parquet, row 2: column 'text' is damaged",
        ),
        (
            "nulls.parquet",
            parquet({"text": [[[None]], [[None]]], "label": ["a", "b"]}),
            "nulls.parquet",
        ),
    ],
)
def test_a_file(here: Path, capsys: Any, name: str, content: bytes, said: str) -> None:
    import re

    write(here, name, content)
    assert re.search(said, refused(command(name), capsys))
    assert not (here / "out").exists()


def test_a_compressed_file_that_fills_a_disk_is_refused(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlpseq.readers import compression

    monkeypatch.setattr(compression, "EXPANDED", 1 << 20)
    write(here, "bomb.csv.gz", gzip.compress(b"text,label\n" + b"aaaa,b\n" * 2_000_000))
    assert "over 200 times its size" in refused(command("bomb.csv.gz"), capsys)


def test_a_line_without_end_is_refused(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlpseq.readers import local_files

    monkeypatch.setattr(local_files, "LONGEST_LINE", 1 << 20)
    write(here, "line.txt", b"a b\n" + b"a" * (2 << 20))
    assert "line.txt, line 2: longer than 1,048,576 characters" in refused(
        command("line.txt", "lines", "language_modeling"), capsys
    )


def test_folders_pipes_and_devices(here: Path, capsys: Any) -> None:
    (here / "folder.csv").mkdir()
    os.mkfifo(here / "pipe.csv")
    for name in ("folder.csv", "pipe.csv", "/dev/zero"):
        done = threading.Event()
        threading.Timer(SECONDS, lambda done=done: done.is_set() or os._exit(3)).start()
        refused(command(name, "csv"), capsys)
        done.set()


def test_a_model_that_fits_no_memory_is_refused_before_it_is_built(capsys: Any) -> None:
    words = [
        "run",
        "sentiment/quickstart",
        "--output",
        "out",
        "encoder.hidden_size=65536",
        "encoder.num_layers=9",
    ]
    started = time.perf_counter()
    said = refused(words, capsys)
    assert "parameters" in said
    assert "choose smaller sizes or fewer layers" in said
    assert time.perf_counter() - started < SECONDS


# Damaged files of every format


FILES = valid_files()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("classification", "tagging", "language_modeling"):
        make(name, folder / name)
    return folder


def status(words: Words, capsys: Any) -> int:
    """Run a command on a damaged file; its errors are one line."""
    capsys.readouterr()
    code = main(words)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert len(said) < 6000
    assert code in (0, 2), (words, said)
    assert sum(line.startswith("nlpseq: error: ") for line in said.splitlines()) == (code == 2), (
        said
    )
    return code


def try_damaged(seed: int, models: Path, capsys: Any, *, train: bool) -> int:
    draw = random.Random(seed)
    name = draw.choice(sorted(FILES))
    write(Path(), name, damage(FILES[name], draw))
    choice = draw.random()
    if train and choice < 0.2:
        task, format, more = READ_BY[name]
        quick = ["--overwrite", "evaluation.baselines=false", "training.batch_size=2"]
        return status([*command(name, format, task), *quick, *more], capsys)
    if choice < 0.5:
        model = draw.choice(("classification", "tagging", "language_modeling"))
        return status(["predict", str(models / model), "--file", name, "--device", "cpu"], capsys)
    return status(["data", name, *draw.choice(([], ["--json"], ["--text", "text"]))], capsys)


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(0, 2**32))
def test_damaged_files(models: Path, capsys: Any, seed: int) -> None:
    try_damaged(seed, models, capsys, train=False)


@pytest.mark.long
def test_700_damaged_files(models: Path, capsys: Any) -> None:
    counts = Counter(try_damaged(seed, models, capsys, train=True) for seed in range(700))
    assert counts.total() == 700
    assert counts[0] > 20


def test_every_format_is_read_before_it_is_damaged(here: Path, models: Path, capsys: Any) -> None:
    from nlpseq.data.sources import read_splits
    from nlpseq.task_lookup import read_recipe

    assert set(READ_BY) == set(FILES)
    for name, (task, format, more) in READ_BY.items():
        write(here, name, FILES[name])
        config = read_recipe(
            f"{task}/base", [f"data.files={{ train = '{name}' }}", f"data.format={format}", *more]
        )
        assert len(read_splits(config.data, here)["train"]) >= 6, name


# Command lines


OPTIONS = "--seed --beam-size --temperature --top-k --top-p --max-new-tokens --num-best --no-repeat-ngram --set"
ODD = (
    "0",
    "-1",
    "1e-300",
    "1e39",
    "inf",
    "nan",
    "9" * 5000,
    "",
    " ",
    "\ud800",
    "x" * 3000,
    "a=1",
    "2147483648",
    "٣",
)


@settings(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(["predict", "generate"]),
    st.lists(
        st.tuples(st.sampled_from(OPTIONS.split()), st.sampled_from(ODD)), min_size=1, max_size=2
    ),
)
def test_options_at_the_edges(
    models: Path, capsys: Any, name: str, given_options: list[tuple[str, str]]
) -> None:
    options = [f"{option}={value}" for option, value in given_options]
    limit = [] if any("max-new" in option for option in options) else ["--max-new-tokens=3"]
    text = ["--", "a b"] if name == "predict" else ["--prompt=a"]
    status(
        [name, str(models / "language_modeling"), "--device", "cpu", *limit, *options, *text],
        capsys,
    )
