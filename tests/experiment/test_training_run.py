"""A run checks everything before it trains, and saves the model before anything after training can fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import nlpseq
from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.experiment import training_run
from nlpseq.experiment.compare import compare
from nlpseq.experiment.evaluate import evaluate
from nlpseq.experiment.run import run
from nlpseq.run_directory import RunDirectory
from nlpseq.training.history import History

SMALL = [
    "data.sizes={ train = 200, validation = 20, test = 20 }",
    "embedding.dim=8",
    "encoder.hidden_size=8",
    "training.max_steps=4",
]
CLASSIFIER = [*SMALL, "encoder.bidirectional=false"]


def train(
    folder: Path, *overrides: str, recipe: str = "sentiment/quickstart", **options: Any
) -> Any:
    return run(recipe, [*CLASSIFIER, *overrides], output=folder, device="cpu", **options)


@pytest.mark.parametrize(
    ("recipe", "override", "message"),
    [
        (
            "language_modeling/quickstart",
            "decoding.min_new_tokens=999",
            "min_new_tokens",
        ),
        ("language_modeling/quickstart", "decoding.method=beam decoding.beam_size=0", "beam_size"),
        ("translation/quickstart", "decoding.num_return=9", "num_return"),
        ("sentiment/quickstart", 'evaluation.splits=["tset"]', "the data have no split 'tset'"),
        ("sentiment/quickstart", "training.batch_size=0", "batch_size"),
    ],
)
def test_options_are_checked_before_training(
    tmp_path: Path, recipe: str, override: str, message: str
) -> None:
    folder = tmp_path / "run"
    overrides = [*SMALL, *override.split(" ")]
    with pytest.raises(UserError, match=message):
        run(recipe, overrides, output=folder, device="cpu")
    assert not folder.exists()


def test_a_task_can_refuse_options_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(task: Any) -> None:
        assert task.tokenizer is not None  # it has been prepared
        raise UserError("decoding: impossible")

    monkeypatch.setattr("nlpseq.task.Task.check_options", refuse)
    with pytest.raises(UserError, match="decoding: impossible"):
        train(tmp_path / "run")
    with pytest.raises(UserError, match="decoding: impossible"):
        compare(
            ["sentiment/quickstart"],
            CLASSIFIER,
            models=["lstm", "gru"],
            output=tmp_path / "compare",
            device="cpu",
        )
    assert list(tmp_path.iterdir()) == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_little_space_is_noticed_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match=r"training needs about .* GB for its checkpoints"):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_system_that_does_not_know_its_size_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path / "run", "", resume=False, overwrite=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    directory.check_space(10**12)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(
        "nlpseq.run_directory.directory.existing_parent", lambda _: tmp_path / "nowhere"
    )
    with pytest.raises(UserError, match="run cannot be written: No such file"):
        directory.check_space(1)


def test_a_folder_below_a_file_is_refused_before_the_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("nlpseq.task.Task.load_splits", lambda *_: pytest.fail("data were read"))
    with pytest.raises(UserError, match="cannot be written: .*file is a file"):
        train(tmp_path / "file" / "run")


def test_a_tracker_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    from accelerate.tracking import get_available_trackers

    missing = [
        name for name in ("aim", "comet_ml", "dvclive") if name not in get_available_trackers()
    ]
    with pytest.raises(UserError, match=f"--track {missing[0]}: its package is not installed"):
        train(tmp_path / "run", track=missing[0])
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the metrics of a run in which nothing failed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, train(folder).metrics


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("out of luck")


FAILURES: list[tuple[str, Callable[..., Any]]] = [
    ("write_predictions", fail),
    ("draw_details", fail),
    ("draw_probabilities", fail),
    ("model_card", fail),
]


@pytest.mark.parametrize(("function", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_a_failure_after_training_keeps_the_model_and_is_resumed_with_scoring(
    tmp_path: Path,
    finished: tuple[Path, dict[str, Any]],
    function: str,
    failure: Callable[..., Any],
) -> None:
    straight, metrics = finished
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run, function, failure)
        with pytest.raises(RuntimeError, match="out of luck"):
            train(folder)
    assert not (folder / "metrics.json").exists()
    weights = (folder / "model.safetensors").read_bytes()
    assert weights == (straight / "model.safetensors").read_bytes()
    predictor = nlpseq.load(folder, "cpu", task="classification")
    assert predictor.predict(["a text"])[0].label is not None
    history = History(folder / "history.jsonl").read()

    with pytest.raises(UserError, match="exists; continue with --resume"):
        train(folder)
    resumed = train(folder, resume=True).metrics
    assert resumed["test"] == metrics["test"]
    assert resumed["steps"] == metrics["steps"]
    assert History(folder / "history.jsonl").read() == history
    assert (folder / "model.safetensors").read_bytes() == weights
    assert {path.name for path in folder.iterdir()} == {path.name for path in straight.iterdir()}


def test_samples_that_fail_leave_a_model_that_can_be_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    monkeypatch.setattr("nlpseq.task.Task.samples", fail)
    with pytest.raises(RuntimeError):
        train(folder)
    scores = evaluate(folder, device="cpu")
    assert 0 <= scores["test"]["accuracy"] <= 1
    with pytest.raises(UserError, match="the run has not finished"):
        compare([str(folder), str(folder.parent)], device="cpu")


def test_a_trained_run_without_scores_can_be_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(training_run, "write_predictions", fail)
        with pytest.raises(RuntimeError):
            train(folder)
    assert train(folder, "seed=5", overwrite=True).metrics["seed"] == 5
    assert json.loads((folder / "metrics.json").read_text())["steps"] == 4


def test_evaluate_checks_before_it_loads_the_model(
    finished: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished
    monkeypatch.setattr(model_directory, "load_weights", lambda *_: pytest.fail("was loaded"))
    with pytest.raises(UserError, match=r"split 'tset': the data have .*; did you mean 'test'\?"):
        evaluate(folder, split="tset")
    with pytest.raises(UserError, match="can change how a trained model is tested"):
        evaluate(folder, overrides=["training.epochs=3"])


def test_a_resumed_run_has_the_same_temperature(tmp_path: Path) -> None:
    options = ("head.calibrate=true", "evaluation.baselines=false")
    straight = train(tmp_path / "straight", *options).metrics
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run, "write_predictions", fail)
        with pytest.raises(RuntimeError, match="out of luck"):
            train(tmp_path / "run", *options)
    resumed = train(tmp_path / "run", *options, resume=True).metrics
    assert [note for note in resumed["notes"] if "temperature" in note] == [
        note for note in straight["notes"] if "temperature" in note
    ]
    assert len([note for note in resumed["notes"] if note.startswith("temperature ")]) == 1
    assert resumed["test"] == straight["test"]
    config = [(tmp_path / name / "config.json").read_bytes() for name in ("straight", "run")]
    assert config[0] == config[1]
    assert b'"temperature"' in config[0]
    assert (tmp_path / "run" / "plots" / "reliability_test.png").exists()
