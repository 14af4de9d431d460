"""Shell completion, by argcomplete's own protocol and in real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nlpseq.tasks import TASKS

from nlpseq.cli.main import main
from nlpseq.cli.schemas import light_schema_of
from nlpseq.task_lookup import resolve


def complete(line: str, folder: Path) -> list[str]:
    """Return the completions of a line, as argcomplete's shell functions ask for them."""
    answer = folder / "answer"
    # argcomplete leaves by os._exit, so the check for heavy imports is put there.
    script = (
        "import os, sys\n"
        "leave = os._exit\n"
        "def check(status):\n"
        "    leave(9 if {'torch', 'numpy', 'datasets'} & set(sys.modules) else status)\n"
        "os._exit = check\n"
        "from nlpseq.cli.main import main\n"
        "main()\n"
    )
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line.encode())),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return [word.strip() for word in answer.read_text(encoding="utf-8").split("\n")]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nlpseq ru", ["run"]),
        ("nlpseq run --no", ["--no-test"]),
        ("nlpseq run ner/q", ["ner/quickstart", "ner/quickstart_transformer"]),
        ("nlpseq run my", ["my.toml"]),
        ("nlpseq run ner/quickstart training.lea", ["training.learning_rate="]),
        ("nlpseq run ner/quickstart head.", ["head.kind=", "head.scheme=", "head.calibrate="]),
        ("nlpseq run ner/quickstart --no-test head.k", ["head.kind="]),
        ("nlpseq run translation/quickstart decoder.br", ["decoder.bridge="]),
        ("nlpseq run ner/quickstart encoder.kind=ls", ["encoder.kind=lstm"]),
        ("nlpseq quickstart --task ner,tr", ["ner,translation"]),
        ("nlpseq compare ner/quickstart --models lstm,g", ["lstm,gru"]),
        ("nlpseq recipes keys tag", ["tagging", "tagging/base", "tagging/pos_quickstart"]),
        ("nlpseq recipes keys translation dec", ["decoding", "decoder"]),
        ("nlpseq evaluate runs/l", ["runs/lstm/"]),
        ("nlpseq predict x --format co", ["conll"]),
    ],
)
def test_completions(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs" / "lstm").mkdir(parents=True)
    (tmp_path / "my.toml").touch()
    assert complete(line, tmp_path) == offered


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_its_schema_where_completion_looks(task: str) -> None:
    assert light_schema_of(task) is resolve(task).Config


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_is_valid_in_its_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "nlpseq" in code
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=code, text=True, check=True, timeout=60)


def test_a_real_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    assert main(["completion", "bash"]) == 0
    command = tmp_path / "nlpseq"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nlpseq "$@"\n')
    command.chmod(0o755)
    script = capsys.readouterr().out + (
        '\nCOMP_LINE="nlpseq ru"; COMP_POINT=9; COMP_TYPE=9; COMP_WORDS=(nlpseq ru); COMP_CWORD=1'
        '\n_python_argcomplete nlpseq ru; echo "${COMPREPLY[*]}"\n'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash"], input=script, env=environment, text=True, capture_output=True, timeout=60
    )
    assert done.stdout.strip() == "run", done.stderr
