"""Resume: lost records are found elsewhere, and what differs from the interrupted run is named and refused, or said."""

import json
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from faults.kills import content, execute, result
from faults.scenarios import interrupted, run_words, with_texts

from nlpseq.cli.main import main
from nlpseq.experiment.settled_recipe import SETTLED
from nlpseq.run_directory import recorded_environment
from nlpseq.training.environment import changes

Fails = Callable[..., str]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run that was killed after some checkpoints."""
    folder = tmp_path_factory.mktemp("killed")
    interrupted(folder)
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the result of the uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    assert execute(run_words(folder), folder).status == 0
    return result(folder / "run")


@pytest.fixture
def here(killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the folder as the working folder."""
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command that must fail without changing the folder; return its message."""

    def run(words: list[str], folder: Path) -> str:
        before = content(folder)
        capsys.readouterr()
        assert main(words) == 2
        assert content(folder) == before
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize("content", [None, b"\xff", b"task = [", b""])
def test_a_lost_recipe_is_found_in_a_checkpoint(
    here: Path, expected: dict[str, Any], content: bytes | None
) -> None:
    path = here / "run" / "recipe.toml"
    path.unlink() if content is None else path.write_bytes(content)
    assert execute(run_words(here, "--resume"), here).status == 0
    assert result(here / "run") == expected


def test_a_lost_recipe_of_a_finished_run_is_found_in_its_model(here: Path) -> None:
    assert execute(run_words(here, "--resume"), here).status == 0
    path = here / "run" / "recipe.toml"
    before = tomllib.loads(path.read_text())
    path.unlink()
    assert main(run_words(here, "--resume")) == 0
    restored = tomllib.loads(path.read_text())
    for section, key in SETTLED:
        if key not in restored[section]:
            before[section].pop(key, None)  # the data settle it again
    assert restored == before


def test_a_lost_recipe_without_a_checkpoint_means_that_nothing_was_computed(
    here: Path, expected: dict[str, Any]
) -> None:
    (here / "run" / "recipe.toml").unlink()
    shutil.rmtree(here / "run" / "checkpoints")
    assert execute(run_words(here, "--resume"), here).status == 0
    assert result(here / "run") == expected


def test_checkpoints_of_unknown_recipe_are_not_continued(here: Path, fails: Fails) -> None:
    (here / "run" / "recipe.toml").unlink()
    for path in (here / "run" / "checkpoints").glob("*/state.json"):
        path.write_text("{}")
    assert "is not a run directory" in fails(run_words(here, "--resume"), here)
    (here / "run" / "recipe.toml").write_text("[")
    assert "recipe.toml: damaged, and there is no copy" in fails(run_words(here, "--resume"), here)


def test_a_model_that_is_no_run_is_left_alone(here: Path, fails: Fails) -> None:
    assert execute(run_words(here, "--resume"), here).status == 0
    kept = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    for path in (here / "run").iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for option in ("--resume", "--overwrite"):
        assert "is not a run directory" in fails(run_words(here, option), here)


def test_other_keys_are_named(here: Path, fails: Fails) -> None:
    words = run_words(here, "seed=2", "training.learning_rate=0.5", "--resume")
    said = fails(words, here)
    assert "was started with another recipe (seed = 13, now 2; training.learning_rate = " in said


def test_another_vocabulary_is_refused_even_from_the_same_rows(
    here: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlpseq.experiment import run_inputs

    digests = run_inputs.input_digests
    monkeypatch.setattr(
        "nlpseq.experiment.claim.input_digests",
        lambda *given: {**digests(*given), "tokenizer": "other"},
    )
    said = fails(run_words(here, "--resume"), here)
    assert "data.json: the run was started on other data (tokenizer)" in said


def test_other_files_of_tokens_and_vectors_are_refused(here: Path, fails: Fails) -> None:
    shutil.rmtree(here / "run")
    vectors = here / "vectors.txt"
    rows = [f"{word} " + " ".join(["0.1"] * 8) for word in ("the", "captain", "was", "not")]
    vectors.write_text("\n".join(rows) + "\n")
    words = run_words(here, f"embedding.pretrained={vectors}")
    assert execute(words, here, 90).status == -9
    assert list((here / "run" / "checkpoints").glob("step-*"))
    vectors.write_text("\n".join(rows).replace("0.1", "0.2") + "\n")
    said = fails([*words, "--resume"], here)
    assert "was started on other data (embedding.pretrained)" in said


def test_versions_threads_and_device_are_said(here: Path) -> None:
    stored = recorded_environment(here / "run")
    assert stored["threads"] == 1
    assert {*stored["versions"]} >= {"torch", "nlpseq", "tokenizers", "python"}
    other = {
        "versions": {**stored["versions"], "tokenizers": "0.1"},
        "device": "cuda",
        "threads": 77,
    }
    lines = changes(other, torch.device("cpu"))
    assert [line.partition(":")[0] for line in lines] == [
        f"resuming with other versions (tokenizers 0.1 -> {stored['versions']['tokenizers']})",
        "resuming on another device (cuda -> cpu)",
        f"resuming with another number of threads (77 -> {torch.get_num_threads()})",
    ]
    assert changes({}, torch.device("cpu")) == []


def test_a_prediction_is_not_continued_with_another_model(
    here: Path, fails: Fails, capsys: pytest.CaptureFixture[str]
) -> None:
    with_texts(here / "models")
    folder = here / "models"
    words = f"predict {folder}/run --file {folder}/texts.txt --output out.jsonl --device cpu"
    for moment in range(2, 40):
        assert execute([*shlex.split(words), "--overwrite"], here, moment).status == -9
        partial = here / "out.jsonl.partial"
        if partial.exists() and partial.stat().st_size:
            break
    assert execute(run_words(folder, "seed=3", "--overwrite"), folder).status == 0
    said = fails([*shlex.split(words), "--resume"], here)
    assert "out.jsonl.partial was written with config = " in said


def test_an_interrupted_replacement_is_completed_by_resume_alone(here: Path, fails: Fails) -> None:
    """Neither `predict` nor a plain run takes the rest of the old run for something else."""
    run = here / "run"
    assert execute(run_words(here, "--resume"), here).status == 0
    expected = result(run)
    shutil.copytree(run, here / "new")
    (run / ".nlpseq-next").mkdir()
    for name in ("recipe.toml", "data.json"):
        (run / name).rename(run / ".nlpseq-next" / name)
    (run / "config.json").unlink()
    assert "exists; continue with --resume" in fails(run_words(here), here)
    assert "another recipe (seed = 13, now 5)" in fails(run_words(here, "seed=5", "--resume"), here)
    assert main(["predict", str(run), "text"]) == 2
    assert execute(run_words(here, "--resume"), here).status == 0
    assert result(run) == expected
    assert not (run / ".nlpseq-next").exists()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [5, 60, 330])
def test_runs_of_several_seeds_are_all_replaced_after_a_kill(tmp_path: Path, moment: int) -> None:
    words = run_words(tmp_path, "--seeds", "1,2", "evaluation.baselines=false", "--no-test")
    assert execute([*words, "encoder.dropout=0.1"], tmp_path).status == 0
    before = content(tmp_path)
    assert execute([*words, "--overwrite"], tmp_path, moment).status == -9
    if content(tmp_path) == before:
        assert moment == 5
        return
    assert execute([*words, "--resume"], tmp_path).status == 0
    resumed = [result(tmp_path / "run" / f"seed-{seed}") for seed in (1, 2)]
    shutil.rmtree(tmp_path / "run")
    assert execute(words, tmp_path).status == 0
    assert resumed == [result(tmp_path / "run" / f"seed-{seed}") for seed in (1, 2)]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"seed-1", "seed-2", "summary.json"}


def test_a_refused_overwrite_of_several_seeds_changes_nothing(
    tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = run_words(tmp_path, "--seeds", "1,2", "evaluation.baselines=false", "--no-test")
    assert execute(words, tmp_path).status == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_bytes())["seeds"] == [1, 2]

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nlpseq.run_directory.replacement.sync_folder", full)
    said = fails([*words, "--overwrite"], tmp_path)
    assert "existing files are unchanged" in said
