"""The model directory: tensors in safetensors, everything else in JSON; nothing in it can run code.

config.json            format, task, recipe, and what the task learnt (labels)
model.safetensors      weights; tied ones once
tokenizer.json         with tokenizer_config.json, so that transformers loads it too
target/                the tokenizer of the target, where it differs
README.md              model card
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

import nlpseq
from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.devices import choose_device
from nlpseq.errors import UserError
from nlpseq.files import replacing, write_json
from nlpseq.models.weights import Tensors, load_model, model_tensors
from nlpseq.predictor import Predictor
from nlpseq.recipe import validate
from nlpseq.task import Task
from nlpseq.task_lookup import resolve, task_name

FORMAT = 2
FORMATS = (1, 2)
"""Formats that this version reads; 1, of nlpseq 0.1, has no text pipeline."""
CONFIG, WEIGHTS, TARGET = "config.json", "model.safetensors", "target"
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]


def save(folder: Path, task: Task[Any], model: nn.Module) -> None:
    """Write a model directory, each file completely or not at all."""
    task.tokenizer.save(folder)
    if task.target_tokenizer is not None:
        task.target_tokenizer.save(folder / TARGET)
    with replacing(folder / WEIGHTS) as temporary:
        _write_weights(temporary, model_tensors(model))
    config = {
        "format": FORMAT,
        "nlpseq_version": nlpseq.__version__,
        "task": task.recipe.task,
        "recipe": task.recipe.model_dump(mode="json"),
        "learnt": task.state(),
    }
    write_json(folder / CONFIG, config)


def _write_weights(path: Path, tensors: Tensors) -> None:
    path.touch()
    mode = path.stat().st_mode  # that of other files; safetensors lets only the owner read
    try:
        save_file(tensors, str(path), metadata={"format": "pt"})
    except SafetensorError as error:  # wraps the system's error
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    path.chmod(mode)


def load(
    name: str | Path, device: str | None = None, task: str | type[Task[Any]] | None = None
) -> Predictor[Any]:
    """Load the predictor of a trained model.

    Args:
        name: a run or model directory, or a Hub id.
        device: device to predict on, see `choose_device`.
        task: name of the expected task, or the class of a task that is not part of nlpseq.

    Raises:
        UserError: not a model directory, of another format or task, or a damaged file.
    """
    chosen = choose_device(device)
    trained_task, model = load_task_and_model(locate(name), task)
    predictor: Predictor[Any] = trained_task.predictor(model.to(chosen).eval(), chosen)
    return predictor


def load_task_and_model(
    folder: Path, task: str | type[Task[Any]] | None = None
) -> tuple[Task[Any], nn.Module]:
    """Load the task and the model of a model directory; arguments and errors as of `load_task`."""
    trained_task = load_task(folder, task)
    return trained_task, load_weights(folder, trained_task)


def load_task(folder: Path, task: str | type[Task[Any]] | None = None) -> Task[Any]:
    """Load the task of a model directory: recipe, tokenizers, labels and metric.

    Args:
        folder: a model directory.
        task: name of the expected task, or the class of a task that is not part of nlpseq.

    Raises:
        UserError: not a model directory, of another format or task, or a damaged file.
    """
    config = _read_config(folder)
    if config.get("format") not in FORMATS:
        raise UserError(
            f"{folder / CONFIG}: model format {config.get('format')!r}, this nlpseq "
            f"({nlpseq.__version__}) reads "
            f"{' and '.join(map(str, FORMATS))}; it was written by {config.get('nlpseq_version')}"
        )
    trained_task = task_name(str(config.get("task")))
    if isinstance(task, str):
        task_class = resolve(task)
        if task_class is not resolve(trained_task):
            raise UserError(f"{folder}: a model of {trained_task}, not of {task}")
    else:
        task_class = task or resolve(trained_task)
    document = {**config["recipe"], "task": task_name(str(config["recipe"].get("task")))}
    restored = task_class(validate(task_class.Config, document, f"recipe {folder / CONFIG}"))
    if (folder / TARGET).is_dir():
        restored.target_tokenizer = Tokenizer.load(folder / TARGET)
    try:
        restored.restore(Tokenizer.load(folder), config["learnt"])
    except KeyError as error:
        raise UserError(f"{folder / CONFIG}: key learnt.{error} is missing") from error
    return restored


def load_weights(folder: Path, task: Task[Any]) -> nn.Module:
    """Build the model of a task, and load its weights from a model directory.

    Raises:
        UserError: there are no weights, they are damaged, or they are of another model.
    """
    model = task.build()
    load_model(model, _read_tensors(folder), folder / WEIGHTS)
    return model


def _read_tensors(folder: Path) -> Tensors:
    file = folder / WEIGHTS
    try:
        file.open("rb").close()  # safetensors reports an unreadable file as missing
        return load_file(file)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: there is no {WEIGHTS}; has the run finished?") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise UserError(f"{file}: damaged: {str(error).partition(chr(10))[0]}") from error


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if (folder / "recipe.toml").exists():
            raise UserError(
                f"{folder}: the run has not finished; continue it with nlpseq run ... --resume"
            ) from error
        raise UserError(f"{folder}: not a model directory, there is no {CONFIG}") from error
    except OSError as error:
        raise UserError(f"{folder / CONFIG}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{folder / CONFIG}: not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG}: not a JSON object")
    for key in ("recipe", "learnt"):
        if config.get("format") in FORMATS and not isinstance(config.get(key), dict):
            raise UserError(f"{folder / CONFIG}: {key} is missing or not an object")
    return config


def locate(name: str | Path) -> Path:
    """Return the folder of a run or model; a model of the Hub is downloaded first.

    Raises:
        UserError: there is neither such a folder nor a Hub repository that can be reached.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if str(name).count("/") != 1 or str(name).startswith((".", "/")) or folder.parent.is_dir():
        raise UserError(f"{name}: no such folder")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        # Only these files: nothing that could run code is downloaded.
        tokenizers = [*TOKENIZER_FILES, *(f"{TARGET}/{file}" for file in TOKENIZER_FILES)]
        files = [CONFIG, WEIGHTS, *tokenizers, "README.md"]
        with hub_if_reachable():
            return Path(snapshot_download(str(name), allow_patterns=files))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise UserError(
            f"{name}: no such folder, the Hub cannot be reached, and no model of that id was "
            "downloaded before"
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{name}: no such folder, and it could not be loaded from the Hub: {reason}"
        ) from error
