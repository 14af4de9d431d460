"""Two processes in one folder: the second one names the first and changes nothing; a lock ends with its process."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command
from faults.holders import Holder
from faults.kills import content, result
from faults.scenarios import run_words, with_table

import nlpseq
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.owner import BusyError, check_free, owned

RACES = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run, a copy of it, and a table."""
    folder = tmp_path_factory.mktemp("place")
    Command(run_words(folder, "seed=1")).finish()
    (folder / "run").rename(folder / "other")
    Command(run_words(folder)).finish()
    (folder / "linked").symlink_to("run", target_is_directory=True)
    with_table(folder)
    return folder


@pytest.fixture(scope="module")
def holder(place: Path) -> Iterator[Holder]:
    """Return a process that owns the run and two other folders."""
    holders = [Holder(place / name) for name in ("run", "compared", "started")]
    yield holders[0]
    for one in holders:
        one.kill()


RUN = "run language_modeling/quickstart"
COMMANDS = [
    f"{RUN} --output run",
    f"{RUN} --output run --resume",
    f"{RUN} --output run --overwrite",
    f"{RUN} seed=2 --output run --overwrite",
    f"{RUN} --output linked --overwrite",
    "run run/recipe.toml --output run --resume",
    f"{RUN} --output run --seeds 1,2",
    f"{RUN} --output run --folds 2",
    "run ner/quickstart --output run --overwrite",
    f"{RUN} --output started",
    "train table.csv --output run",
    "train table.csv --output run --resume",
    "train table.csv --output run --overwrite",
    "evaluate run --device cpu",
    "evaluate run --split validation",
    "evaluate run --no-baselines",
    "compare run other --output compared",
    f"compare {RUN[4:]} --models lstm,gru --output compared",
    "quickstart --task ner --output started",
    "inspect run --device cpu",
]
"""Twenty commands that would write into a folder of another process."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_second_command_is_refused(
    place: Path,
    holder: Holder,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    before = content(place)
    assert main(shlex.split(command)) == 2
    said = capsys.readouterr().err
    assert "is working in this folder, so it stays unchanged" in said
    assert "process " in said
    if " run" in command and "compare" not in command:
        assert f"process {holder.process.pid} " in said
    assert said.count("\n") == 1
    assert content(place) == before


def test_a_second_call_in_python_is_refused(place: Path, holder: Holder) -> None:
    before = content(place)
    for action in (
        lambda: nlpseq.run("language_modeling/quickstart", output=place / "run", overwrite=True),
        lambda: nlpseq.evaluate(place / "run", device="cpu"),
    ):
        with pytest.raises(UserError, match=f"process {holder.process.pid} "):
            action()
    assert content(place) == before


@pytest.mark.parametrize("with_child", [False, True], ids=["alone", "with a child that lives on"])
def test_a_lock_ends_with_its_process(tmp_path: Path, with_child: bool) -> None:
    folder = tmp_path / "run"
    holder = Holder(folder, with_child=with_child)
    with pytest.raises(BusyError):
        check_free(folder)
    holder.kill()
    check_free(folder)
    assert os.listdir(folder) == [".lock"]
    with owned(folder):
        (folder / "file").touch()
    assert os.listdir(folder) == ["file"]


def test_an_owner_leaves_nothing_behind(tmp_path: Path) -> None:
    with owned(tmp_path / "a" / "b"), owned(tmp_path / "a" / "b"):
        assert os.listdir(tmp_path / "a" / "b") == [".lock"]
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_of_two_runs_at_once_only_the_first_trains(tmp_path: Path) -> None:
    for number in range(RACES):
        folder = tmp_path / str(number)
        both = [Command(run_words(folder)) for _ in range(2)]
        assert sorted(command.wait() for command in both) == [0, 2]
        assert result(folder / "run") == result(tmp_path / "0" / "run")


def test_a_live_checkpoint_is_left_alone(tmp_path: Path) -> None:
    from nlpseq.locks import locked
    from nlpseq.training.checkpoint import CheckpointStore

    store = CheckpointStore(tmp_path)
    for name in ("step-00000001.tmp-1", "step-00000002.tmp-1"):
        (tmp_path / name).mkdir()
    with locked(tmp_path / "step-00000001.tmp-1"):
        store.clean()
        assert os.listdir(tmp_path) == ["step-00000001.tmp-1"]
    store.clean()
    assert os.listdir(tmp_path) == []


def test_a_run_that_is_replaced_during_an_evaluation_gets_no_scores(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(place / "other", tmp_path / "run")
    before = content(tmp_path)
    models = iter(["first", "second"])
    monkeypatch.setattr("nlpseq.experiment.evaluate._identity", lambda _: next(models))
    metrics = nlpseq.evaluate(tmp_path / "run", device="cpu")
    assert "has another model now" in metrics["not_written"]
    assert metrics["test"]["perplexity"] > 1
    assert content(tmp_path) == before
