"""Standard output and error that are full, closed, cut off or narrow, and folders that nobody may write to.

A command ends without a traceback, says in one line what is missing, and has written all its files.
"""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.injection import disk_operations
from faults.streams import (
    ascii_only,
    both_closed,
    both_full,
    closed,
    closed_error,
    cut_off,
    dumb,
    ended,
    full,
    narrow,
    no_home,
    unwritable_home,
    zero,
)

from nlpseq.cli import standard_streams
from nlpseq.cli.main import main
from nlpseq.cli.standard_streams import LEAST_COLUMNS

SECONDS = 240
SMALL = [
    "data.sizes={ train = 40, validation = 12, test = 12 }",
    "training.epochs=1",
    "training.log_steps=1",
    "training.batch_size=8",
    "embedding.dim=8",
    "encoder.hidden_size=8",
]
RUN = ["run", "language_modeling/quickstart", *SMALL, "decoding.max_new_tokens=5"]
RUN += ["--device", "cpu", "--output", "new"]
ROWS = [f"a {'fine' if number % 3 else 'dull'} film {number},{number % 2}" for number in range(40)]
COMMANDS: dict[str, list[str]] = {
    "recipes": ["recipes"],
    "show": ["recipes", "show", "ner/quickstart"],
    "keys": ["recipes", "keys", "tagging"],
    "help": ["--help"],
    "help of run": ["run", "--help"],
    "version": ["--version"],
    "completion": ["completion", "bash"],
    "run": RUN,
    "train": ["train", "rows.csv", "training.epochs=1", "--device", "cpu", "--output", "new"],
    "plan": ["train", "rows.csv", "--what-if"],
    "quickstart": ["quickstart", "--task", "sentiment", "training.epochs=0.05", "--output", "new"],
    "data": ["data", "rows.csv"],
    "data as JSON": ["data", "rows.csv", "--json"],
    "evaluate": ["evaluate", "classifier", "--device", "cpu"],
    "errors": ["errors", "classifier"],
    "errors as JSON": ["errors", "classifier", "--json"],
    "inspect": ["inspect", "classifier", "--gradients", "--device", "cpu", "--output", "new"],
    "predict": ["predict", "classifier", "a fine film", "--device", "cpu"],
    "predict a file": ["predict", "classifier", "--file", "rows.csv", "--output", "new.csv"],
    "generate": ["generate", "model", "--device", "cpu"],
    "compare": ["compare", "classifier", "--output", "new"],
}
QUICK = ("run", "evaluate", "predict", "predict a file", "data", "errors")
"""Commands of the normal suite; the others are `long`."""
PRINTING = {"recipes", "show", "keys", "help", "help of run", "version", "completion", "plan"}
PRINTING |= {"data", "data as JSON", "errors as JSON", "predict", "generate"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a classifier, a language model and rows."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "rows.csv").write_text("\n".join(["text,label", *ROWS]) + "\n")
    options = [*SMALL, "--device", "cpu", "--output"]
    for recipe, name in [("sentiment", "classifier"), ("language_modeling", "model")]:
        assert main(["run", f"{recipe}/quickstart", *options, str(folder / name)]) == 0
    return folder


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a case."""
    for path in world.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LOST = [full, both_full, closed, both_closed, cut_off]
ODD = [narrow, zero, dumb, ascii_only, no_home, unwritable_home]
CASES = [
    pytest.param(name, prepare, marks=[] if name in QUICK else [pytest.mark.long])
    for name in COMMANDS
    for prepare in LOST
]
ODD_CASES = [
    pytest.param(
        name,
        prepare,
        marks=[] if name == "evaluate" and prepare is not dumb else [pytest.mark.long],
    )
    for name in COMMANDS
    for prepare in ODD
]


def check_files(name: str, here: Path) -> None:
    """Check that a command has written its last file."""
    last = {
        "run": "new/metrics.json",
        "train": "new/metrics.json",
        "quickstart": "new/summary.json",
        "evaluate": "classifier/evaluations/test.json",
        "errors": "classifier/errors/test.html",
        "inspect": "new/index.html",
        "compare": "new/report.html",
    }
    if name in last:
        assert (here / last[name]).stat().st_size > 0
    if name == "predict a file":
        assert len((here / "new.csv").read_text("utf-8").splitlines()) == 1 + len(ROWS)


@pytest.mark.parametrize(("name", "prepare"), CASES)
def test_a_lost_output_ends_no_work_and_shows_no_traceback(
    name: str, prepare: Callable[[], None], here: Path
) -> None:
    words = [*COMMANDS[name], *(["--overwrite"] if name in ("run", "train") else [])]
    status, output, error = ended(words, prepare)
    assert "Traceback" not in error + output
    assert "Exception" not in error + output
    printing = name in PRINTING
    if prepare is cut_off:
        assert status == (141 if printing else 0), error
        assert "error" not in error
    elif prepare in (full, both_full):
        assert status == 2
    else:
        assert status == (2 if printing else 0), error
    if prepare is full:
        rest = "" if printing else "; all files are written"
        said = f"nlpseq: error: standard output: No space left on device{rest}"
        assert error.splitlines()[-1] == said
    if prepare is closed and printing:
        assert "standard output" in error.splitlines()[-1]
    if prepare is both_closed:
        assert output == error == ""
    check_files(name, here)


@pytest.mark.parametrize(("name", "prepare"), ODD_CASES)
def test_an_odd_terminal_or_home_changes_nothing_but_the_look(
    name: str, prepare: Callable[[], None], here: Path
) -> None:
    words = [*COMMANDS[name], *(["--overwrite"] if name in ("run", "train") else [])]
    status, output, error = ended(words, prepare)
    assert status == 0, error
    assert "Traceback" not in error + output
    assert output
    check_files(name, here)


def test_messages_on_a_closed_standard_error_go_nowhere_else(here: Path) -> None:
    """Python prints to standard output what is printed to a standard error that is None."""
    status, output, _ = ended(["predict", "classifier", "--file", "rows.csv"], closed_error)
    assert status == 0
    assert len(output.splitlines()) == len(ROWS)
    assert all(json.loads(line)["text"] for line in output.splitlines())


@pytest.mark.parametrize("text", ["café", "😀 ⟨s⟩"])
def test_json_is_escaped_where_the_output_has_ascii_alone(here: Path, text: str) -> None:
    status, output, error = ended(["predict", "classifier", text], ascii_only)
    assert (status, error) == (0, "")
    assert output.isascii()
    assert json.loads(output)["text"] == text


def test_other_characters_that_are_not_printed_are_counted(here: Path) -> None:
    words = ["predict", "classifier", "café ⟨s⟩", "--format", "csv"]
    status, output, error = ended(words, ascii_only)
    assert status == 0
    assert "caf? ?s?" in output
    assert error == (
        "nlpseq: note: 3 characters are printed as ?, since standard output is ascii; set "
        "PYTHONIOENCODING=utf-8\n"
    )


@pytest.mark.parametrize("columns", ["0", "-5", "", "x"])
def test_a_width_that_is_none_is_left_out(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with standard_streams.standard_streams():
        assert shutil.get_terminal_size().columns >= LEAST_COLUMNS
    assert os.environ["COLUMNS"] == columns


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("options", [["--column", "text"], ["--file-format", "lines"]])
def test_texts_from_a_pipe_are_those_of_the_file(
    here: Path, suffix: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    content = (here / "rows.csv").read_bytes()
    os.mkfifo(here / f"pipe{suffix}")

    def feed() -> None:
        with (here / f"pipe{suffix}").open("wb", buffering=0) as pipe:
            pipe.write(gzip.compress(content) if suffix else content)

    capsys.readouterr()
    assert main(["predict", "classifier", "--file", "rows.csv", *options]) == 0
    expected = capsys.readouterr().out
    writer = threading.Thread(target=feed)
    writer.start()
    assert main(["predict", "classifier", "--file", f"pipe{suffix}", *options]) == 0
    writer.join(SECONDS)
    assert capsys.readouterr().out == expected


def test_errors_of_a_pipe_have_its_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(here / "pipe")
    writer = threading.Thread(target=lambda: (here / "pipe").write_text("text\nfine\nfine,dull\n"))
    writer.start()
    words = ["predict", "classifier", "--file", "pipe", "--column", "text", "--file-format", "csv"]
    assert main(words) == 2
    writer.join(SECONDS)
    assert "pipe, line 3: 2 fields" in capsys.readouterr().err


def read_only(number: int, operation: str, path: Path) -> None:
    raise OSError(30, os.strerror(30), str(path))


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "run", "--device", "cpu"],
        ["inspect", "run", "--gradients", "--device", "cpu"],
        ["errors", "run"],
    ],
    ids=lambda words: words[0],
)
def test_scores_of_a_run_that_is_read_only_come_before_the_error(
    here: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:

    shutil.copytree("classifier", "run", symlinks=False)
    shutil.rmtree("run/errors", ignore_errors=True)
    shutil.rmtree("run/evaluations", ignore_errors=True)
    assert main(words) == 0
    expected = capsys.readouterr().out
    shutil.rmtree("run")
    shutil.copytree("classifier", "run", symlinks=False)
    shutil.rmtree("run/errors", ignore_errors=True)
    shutil.rmtree("run/evaluations", ignore_errors=True)
    before = sorted(Path("run").rglob("*"))
    with disk_operations(Path("run"), read_only):
        assert main(words) == 2
    said = capsys.readouterr()
    last = [line for line in said.err.splitlines() if line.startswith("nlpseq: error")]
    assert len(last) == 1
    assert "cannot be written: Read-only file system" in last[0]
    lines = [line for line in expected.splitlines() if not line.startswith(("Written", "page:"))]
    assert said.out.rstrip().splitlines() == [line.rstrip() for line in lines] or (
        said.out.rstrip() == "\n".join(lines).rstrip()
    )
    assert sorted(Path("run").rglob("*")) == before


def test_a_read_only_run_is_used_without_a_word(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk_operations(here / "classifier", read_only):
        assert main(["predict", "classifier", "fine"]) == 0
        assert main(["generate", "model", "--seed", "1"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_a_real_shell_sees_the_same() -> None:
    """Redirections of bash, with the console script."""
    command = f"{sys.executable} -m nlpseq recipes"
    cases = {
        ">/dev/full": (2, "nlpseq: error: standard output: No space left on device\n"),
        ">&-": (2, "nlpseq: error: standard output is closed, so nothing can be printed\n"),
        "| head -n 1": (141, ""),
        "2>&- | cat >/dev/null": (0, ""),
        "2>/dev/full >/dev/null": (0, ""),
    }
    for redirection, (status, error) in cases.items():
        line = f"{command} {redirection}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=SECONDS)
        assert (done.returncode, done.stderr) == (status, error), redirection


def test_sigpipe_stays_ignored() -> None:
    """A command that writes files would end at the first line that its reader does not want."""
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
