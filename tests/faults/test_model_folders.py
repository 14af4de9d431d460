"""A model folder from a stranger: whatever is in it, one line says what is wrong, or the model predicts."""

import json
import os
import random
import shutil
import struct
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from faults.damage import damage, record_digests
from faults.model_folders import GIGABYTE, MODELS, bounded, config_of, make

import nlpseq
from nlpseq import model_directory
from nlpseq.cli.main import main
from nlpseq.errors import UserError
from nlpseq.predictor import Generator
from nlpseq.task_lookup import read_recipe
from nlpseq.weights_file import file_digest

TEXTS = ["a small text , with words", ""]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a model of every kind."""
    root = tmp_path_factory.mktemp("models")
    return {name: make(name, root / name) for name in MODELS}


@pytest.fixture
def copied(models: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copy a model, to be damaged."""
    return lambda name: Path(shutil.copytree(models[name], tmp_path / name))


def predict(folder: Path) -> list[Any]:
    predictor = nlpseq.load(folder, "cpu")
    pairs = len(getattr(predictor, "columns", "")) == 2 or folder.name == "pairs"
    texts: list[Any] = [("a b", "c d"), ("a", "b")] if pairs else TEXTS
    if isinstance(predictor, Generator):
        predictor.generate("a", num_samples=1, max_new_tokens=5)
    return list(predictor.predict(texts))


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        predict(folder)
    message = str(error.value)
    assert "\n" not in message
    assert not set(message) & {"\x1b", "\x9b", "\u202e"}
    return message


def change(folder: Path, *keys: str, value: Any) -> None:
    """Give a key of config.json another value."""
    config = part = config_of(folder)
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def damage_many(models: dict[str, Path], folder: Path, seeds: range) -> Counter[str]:
    """Damage copies of models, and count those that are refused and those that still predict."""
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        name = chance.choice([*models])
        copy = folder / name
        shutil.copytree(models[name], copy)
        done = damage(copy, [other for other in models.values() if other.name != name], chance)
        try:
            with bounded(20, 8 * GIGABYTE):
                predict(copy)
            outcomes["predicts"] += 1
        except UserError as error:
            lines = str(error).split("\n")
            outcomes["refused" if len(lines) == 1 and "\x1b" not in lines[0] else "unreadable"] += 1
        except BaseException as error:
            raise AssertionError(
                f"{seed}, {name}, {done}: {type(error).__name__}: {error}"
            ) from error
        shutil.rmtree(copy)
    assert outcomes["unreadable"] == 0
    return outcomes


def test_sixty_damaged_models_are_refused_in_one_line_or_predict(
    models: dict[str, Path], tmp_path: Path
) -> None:
    outcomes = damage_many(models, tmp_path, range(60))
    assert outcomes["refused"] >= 30
    assert outcomes["predicts"] >= 5


@pytest.mark.long
def test_a_thousand_damaged_models_are_refused_in_one_line_or_predict(
    models: dict[str, Path], tmp_path: Path
) -> None:
    outcomes = damage_many(models, tmp_path, range(1000, 2000))
    assert outcomes.total() == 1000
    assert outcomes["refused"] >= 500


@pytest.mark.parametrize("name", MODELS)
def test_untouched_models_load_and_have_digests(models: dict[str, Path], name: str) -> None:
    folder = models[name]
    assert len(predict(folder)) == 2
    digests = config_of(folder)["sha256"]
    assert digests == {file: file_digest(folder / file) for file in digests}
    assert {"model.safetensors", "tokenizer.json"} <= digests.keys()
    assert ("target/tokenizer.json" in digests) == (folder / "target").exists()
    assert model_directory.weights_digest(folder) == digests["model.safetensors"]


def test_checks_before_building_draw_no_random_number(models: dict[str, Path]) -> None:
    task = model_directory.load_task(models["tagging"])
    torch.manual_seed(1)
    task.build()
    expected = torch.rand(1)
    torch.manual_seed(1)
    model_directory.load_weights(models["tagging"], task)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("recipe", "encoder", "hidden_size"), 65_536),
        (("recipe", "encoder", "num_layers"), 1000),
        (("recipe", "embedding", "dim"), 65_536),
        (("recipe", "encoder", "hidden_size"), 10**9),
        (("learnt", "id2label"), {str(index): f"B-{index}" for index in range(50_000)}),
    ],
)
def test_a_huge_model_is_refused_at_once_and_without_memory(
    copied: Callable[[str], Path], keys: tuple[str, ...], value: Any
) -> None:
    folder = copied("tagging")
    predict(folder)  # imports what is needed
    change(folder, *keys, value=value)
    start = time.perf_counter()
    with bounded(20, GIGABYTE // 2):
        message = refused(folder)
    assert time.perf_counter() - start < 2
    assert "config.json" in message


def numbers(folder: Path, value: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-4] + struct.pack("<f", value))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(
    copied: Callable[[str], Path], name: str, value: float
) -> None:
    folder = copied(name)
    numbers(folder, value)
    record_digests(folder)
    assert "infinite or not a number" in refused(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "target/tokenizer.json"])
def test_another_file_has_another_digest(copied: Callable[[str], Path], file: str) -> None:
    folder = copied("translation")
    if file.endswith(".json"):
        with (folder / file).open("a") as opened:
            opened.write(" ")
    else:
        numbers(folder, 0.25)
    message = refused(folder)
    assert file in message
    assert "SHA-256" in message


def test_a_model_without_digests_loads(copied: Callable[[str], Path]) -> None:
    folder = copied("translation")
    config = config_of(folder)
    del config["sha256"]
    (folder / "config.json").write_text(json.dumps(config))
    assert predict(folder)
    numbers(folder, 0.25)
    assert predict(folder)


def test_a_target_belongs_to_a_model_or_not_as_its_config_says(
    copied: Callable[[str], Path],
) -> None:
    split, joint, tagger = copied("translation"), copied("joint"), copied("tagging")
    shutil.copytree(split / "target", joint / "target")
    shutil.copytree(split / "target", tagger / "target")
    shutil.rmtree(split / "target")
    assert "target: missing" in refused(split)
    assert "does not belong to this model" in refused(joint)
    assert "does not belong to this model" in refused(tagger)


def test_other_types_of_numbers(copied: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied("regression")
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({name: tensor.half() for name, tensor in tensors.items()}, path)
    record_digests(folder)
    assert predict(folder)  # each half is a float32
    save_file({name: tensor.double() for name, tensor in tensors.items()}, path)
    record_digests(folder)
    assert "has the type F64, and the model wants float32" in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder", "missing"])
def test_what_is_no_file_of_the_folder_is_not_read(
    copied: Callable[[str], Path], tmp_path: Path, name: str, kind: str
) -> None:
    folder = copied("classification")
    path = folder / name
    shutil.copyfile(path, tmp_path / "private")
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "private")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    with bounded(20, GIGABYTE):
        message = refused(folder)
    assert name in message
    if kind == "link":
        assert "a symbolic link to" in message


def test_a_folder_of_the_hubs_cache_has_links_into_it(
    models: dict[str, Path], tmp_path: Path
) -> None:
    repository = tmp_path / "models--someone--tagger"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for file in models["tagging"].iterdir():
        shutil.copyfile(file, repository / "blobs" / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert predict(snapshot)
    (snapshot / "config.json").unlink()
    shutil.copyfile(models["tagging"] / "config.json", tmp_path / "config.json")
    (snapshot / "config.json").symlink_to(tmp_path / "config.json")
    assert "a symbolic link to" in refused(snapshot)


def test_damaged_tokenizers_are_one_line(
    copied: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copied("subwords")
    path = folder / "tokenizer.json"
    whole = json.loads(path.read_text("utf-8"))
    cases: dict[str, Callable[[dict[str, Any]], Any]] = {
        "far id": lambda state: state["model"]["vocab"].update({"zzz": 2**32 - 2}),
        "one id for two": lambda state: state["model"]["vocab"].update({"zzz": 5}),
        "more tokens": lambda state: state["model"]["vocab"].update(
            {"zzz": len(state["model"]["vocab"])}
        ),
        "unigram": lambda state: state.update(
            model={"type": "Unigram", "unk_id": 99, "vocab": [["a", 0.0]]}
        ),
        "empty": lambda state: state["model"].update(vocab={}, merges=[]),
        "bad expression": lambda state: state.update(
            pre_tokenizer={
                "type": "Split",
                "pattern": {"Regex": "(" * 50},
                "behavior": "Isolated",
                "invert": False,
            }
        ),
    }
    for case, spoil in cases.items():
        state = json.loads(json.dumps(whole))
        spoil(state)
        path.write_text(json.dumps(state), "utf-8")
        record_digests(folder)
        assert refused(folder), case
    assert capfd.readouterr().err == ""  # a panic prints lines of its own


def test_every_command_refuses_a_damaged_model_in_one_line(
    copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = copied("language_modeling")
    (folder / "config.json").write_text("[" * 100_000)
    commands = (
        f"predict {folder} --file {__file__}",
        f"generate {folder}",
        f"evaluate {folder}",
        f"inspect {folder}",
        f"run sentiment/quickstart encoder.init_from={folder} data.sizes={{train=20,validation=5,test=5}} "
        f"--output {tmp_path / 'out'}",
    )
    for command in commands:
        assert main(command.split()) == 2, command
        said = capsys.readouterr().err.strip().split("\n")
        assert said[-1].startswith("nlpseq: error:"), command
        assert "nested too deep" in said[-1], command


@pytest.mark.parametrize("name", ["../../x", "/x/y", "..", "a\\b", "x" * 101, "a\nb"])
def test_names_of_splits_are_no_paths(name: str) -> None:
    key = json.dumps(name)
    for override in (
        f"data.files={{ {key} = 'a.txt' }}",
        f"data.hold_out={{ {key} = 0.1 }}",
        f"evaluation.splits=[{key}]",
    ):
        with pytest.raises(UserError, match="name of a split"):
            read_recipe("sentiment/quickstart", [override])


def test_labels_of_any_script_and_terminal_codes_are_shown(
    copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("classification")
    hostile = "\x1b]0;owned\x07\u202e\x9b2J</td><script>alert(1)</script>[/b]"
    config = config_of(folder)
    config["learnt"]["id2label"]["0"] = hostile
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    predictor = nlpseq.load(folder, "cpu")
    (prediction,) = predictor.predict(["a text"])
    assert hostile in prediction.probabilities
    shown = type(prediction)("a\x1b[2J text", hostile, {hostile: 1.0})
    for text in (shown.to_text(), shown.to_html(), shown.summary()):
        assert not set(text) & set("\x1b\x07\x9b\u202e"), text
    assert "<script>" not in shown.to_html()


def test_models_load_without_warnings(models: dict[str, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for folder in models.values():
            nlpseq.load(folder, "cpu")
