"""The model directory: tensors in safetensors, everything else in JSON; nothing in it can run code.

config.json            format, task, recipe, what the task learnt (labels)
model.safetensors      weights; tied ones once
tokenizer.json         with tokenizer_config.json, so that transformers loads it too
target/                the same of the target's side, where it differs
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
from nlpseq.recipe import validate
from nlpseq.task import Task, resolve, task_name

FORMAT = 1
CONFIG, WEIGHTS, TARGET = "config.json", "model.safetensors", "target"
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]


def save(folder: Path, task: Task[Any], model: nn.Module) -> None:
    """Write a model directory; each file appears whole or not at all."""
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
    mode = path.stat().st_mode  # as for every other file; safetensors would let only its owner read
    try:
        save_file(tensors, str(path), metadata={"format": "pt"})
    except SafetensorError as error:  # it wraps what the system says
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    path.chmod(mode)


def read(folder: Path, task_type: type[Task[Any]] | None = None) -> tuple[Task[Any], nn.Module]:
    """Rebuild a task and its trained model.

    Args:
        folder: a model directory.
        task_type: the task's class, for one that does not come with nlpseq.

    Raises:
        UserError: not a model directory, of another format or task, or a damaged file.
    """
    task = read_task(folder, task_type)
    model = task.build()
    load_model(model, _tensors(folder), folder / WEIGHTS)
    return task, model


def read_task(folder: Path, task_type: type[Task[Any]] | None = None) -> Task[Any]:
    """Rebuild the task of a trained model alone: its recipe, tokenizers, labels and metric.

    Args:
        folder: a model directory.
        task_type: the task's class, for one that does not come with nlpseq.

    Raises:
        UserError: not a model directory, of another format or task, or a damaged file.
    """
    config = _config(folder)
    if config.get("format") != FORMAT:
        raise UserError(
            f"{folder / CONFIG}: model format {config.get('format')!r}, this nlpseq "
            f"({nlpseq.__version__}) reads {FORMAT}; it was written by {config.get('nlpseq_version')}"
        )
    task_type = task_type or resolve(str(config.get("task")))
    document = {**config["recipe"], "task": task_name(str(config["recipe"].get("task")))}
    task = task_type(validate(task_type.Config, document, f"recipe {folder / CONFIG}"))
    if (folder / TARGET).is_dir():
        task.target_tokenizer = Tokenizer.load(folder / TARGET)
    try:
        task.restore(Tokenizer.load(folder), config["learnt"])
    except KeyError as error:
        raise UserError(f"{folder / CONFIG}: key learnt.{error} is missing") from error
    return task


def _tensors(folder: Path) -> Tensors:
    file = folder / WEIGHTS
    try:
        file.open("rb").close()  # safetensors calls a file that may not be read a missing one
        return load_file(file)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: there is no {WEIGHTS}; has the run finished?") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise UserError(f"{file}: damaged: {str(error).partition(chr(10))[0]}") from error


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if (folder / "recipe.toml").exists():
            raise UserError(
                f"{folder}: the run has not finished; nlpseq run ... --resume goes on with it"
            ) from error
        raise UserError(f"{folder}: not a model directory, there is no {CONFIG}") from error
    except OSError as error:
        raise UserError(f"{folder / CONFIG}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{folder / CONFIG}: not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG}: not a JSON object")
    for key in ("recipe", "learnt"):
        if config.get("format") == FORMAT and not isinstance(config.get(key), dict):
            raise UserError(f"{folder / CONFIG}: {key} is missing or not an object")
    return config


def locate(name: str | Path) -> Path:
    """The folder of a run or model, downloaded first where `name` is a Hub id.

    Raises:
        UserError: there is neither such a folder nor, as far as can be seen, such a Hub repository.
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
        # Only these: nothing that could run code is even fetched.
        tokenizers = [*TOKENIZER_FILES, *(f"{TARGET}/{name}" for name in TOKENIZER_FILES)]
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
            f"{name}: no such folder, and the Hub has not given it: {reason}"
        ) from error


def load(name: str | Path, device: str | None = None, task: type[Task[Any]] | None = None) -> Any:
    """The predictor of a trained model: strings in, answers out.

    Args:
        name: a run or model directory, or a Hub id.
        device: where to run it, see `choose_device`.
        task: the task's class, for one that does not come with nlpseq.
    """
    found, model = read(locate(name), task)
    chosen = choose_device(device)
    return found.predictor(model.to(chosen).eval(), chosen)
