"""The model directory: tensors in safetensors, everything else in JSON; nothing in it can run code.

config.json            format, task, recipe, what the task learnt (labels), and digests of the next two files
model.safetensors      weights; tied ones once
tokenizer.json         with tokenizer_config.json, so that transformers loads it too
target/                the tokenizer of the target, where it differs
README.md              model card
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

import nlpseq
from nlpseq.data.hub_access import hub_if_reachable
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.devices import choose_device
from nlpseq.errors import UserError
from nlpseq.files import replacing, write_json
from nlpseq.models.weights import load_model, model_tensors
from nlpseq.predictor import Predictor
from nlpseq.recipe import validate
from nlpseq.stored_files import read_bytes, read_object, reading
from nlpseq.task import Task
from nlpseq.task_lookup import resolve, task_name
from nlpseq.threads import fit_to_model
from nlpseq.weights_file import WEIGHTS as WEIGHTS
from nlpseq.weights_file import (
    check_digest,
    file_digest,
    read_weights,
    write_weights,
)
from nlpseq.wording import abbreviate

FORMAT = 2
FORMATS = (1, 2)
"""Formats that this version reads; 1, of nlpseq 0.1, has no text pipeline."""
CONFIG, TARGET, DIGESTS = "config.json", "target", "sha256"
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]
TOKENIZER, TARGET_TOKENIZER = "tokenizer.json", f"{TARGET}/tokenizer.json"
MOST_TOKENIZER_BYTES = 2**28
_DIGEST = re.compile("[0-9a-f]{64}")


def save(folder: Path, task: Task[Any], model: nn.Module) -> None:
    """Write a model directory, each file completely or not at all."""
    task.tokenizer.save(folder)
    if task.target_tokenizer is not None:
        task.target_tokenizer.save(folder / TARGET)
    with replacing(folder / WEIGHTS) as temporary:
        write_weights(temporary, model_tensors(model))
    names = [WEIGHTS, TOKENIZER, *([TARGET_TOKENIZER] if task.target_tokenizer else [])]
    config = {
        "format": FORMAT,
        "nlpseq_version": nlpseq.__version__,
        "task": task.recipe.task,
        "recipe": task.recipe.model_dump(mode="json"),
        "learnt": task.state(),
        DIGESTS: {name: file_digest(folder / name) for name in names},
    }
    write_json(folder / CONFIG, config)


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
    if type(config.get("format")) is not int or config["format"] not in FORMATS:
        raise UserError(
            f"{folder / CONFIG}: model format {abbreviate(config.get('format'))}, this nlpseq "
            f"({nlpseq.__version__}) reads "
            f"{' and '.join(map(str, FORMATS))}; it was written by {abbreviate(config.get('nlpseq_version'))}"
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
    _check_target(restored, config, folder)
    recorded = _digests(config, folder)
    if restored.has_target_tokenizer:
        restored.target_tokenizer = _read_tokenizer(folder, TARGET_TOKENIZER, recorded)
    tokenizer = _read_tokenizer(folder, TOKENIZER, recorded)
    try:
        with reading(f"{folder / CONFIG}: learnt"):
            restored.restore(tokenizer, config["learnt"])
    except UserError as error:
        said = str(error)
        if said.startswith(f"{CONFIG}: "):
            said = f"{folder / said}"
        raise UserError(said) from error
    return restored


def load_weights(folder: Path, task: Task[Any]) -> nn.Module:
    """Build the model of a task, and load its weights from a model directory.

    Raises:
        UserError: there are no weights, they are damaged, or they are of another model.
    """
    tensors = read_weights(folder, task, _digests(_read_config(folder), folder))
    model = task.build()
    load_model(model, tensors, folder / WEIGHTS)
    fit_to_model(model)
    return model


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the weights of a model, by which they are known again.

    Raises:
        UserError: it has no weights.
    """
    recorded = _digests(_read_config(folder), folder)
    try:
        return recorded[WEIGHTS] if recorded else file_digest(folder / WEIGHTS)
    except OSError as error:
        raise UserError(f"{folder / WEIGHTS}: cannot be read: {error.strerror}") from error


def _check_target(task: Task[Any], config: Mapping[str, Any], folder: Path) -> None:
    """Check that there is a tokenizer of the target where config.json says so, and only there.

    Raises:
        UserError: `target/` is missing, or was added.
    """
    target = folder / TARGET
    if task.has_target_tokenizer and not target.is_dir():
        raise UserError(
            f"{target}: missing: by {CONFIG} the target has a tokenizer of its own; copy the folder again"
        )
    if not task.has_target_tokenizer and (target.exists() or target.is_symlink()):
        raise UserError(
            f"{target}: does not belong to this model: by {CONFIG} it has one tokenizer; remove {target}"
        )


def _digests(config: Mapping[str, Any], folder: Path) -> dict[str, str] | None:
    """Return the digests that config.json has; None: models of earlier versions have none."""
    if DIGESTS not in config:
        return None
    digests = config[DIGESTS]
    known = {WEIGHTS, TOKENIZER, TARGET_TOKENIZER}
    if (
        not isinstance(digests, dict)
        or not {WEIGHTS, TOKENIZER} <= digests.keys() <= known
        or not all(isinstance(text, str) and _DIGEST.fullmatch(text) for text in digests.values())
    ):
        raise UserError(
            f"{folder / CONFIG}: {DIGESTS} is damaged: it should have the SHA-256 of {WEIGHTS} and of each {TOKENIZER}"
        )
    return digests


def _read_tokenizer(folder: Path, name: str, recorded: Mapping[str, str] | None) -> Tokenizer:
    try:
        content = read_bytes(folder, name, MOST_TOKENIZER_BYTES)
    except FileNotFoundError as error:
        raise UserError(f"tokenizer {folder}: there is no file {folder / name}") from error
    tokenizer = Tokenizer.from_bytes(content, str((folder / name).parent))
    check_digest(hashlib.sha256(content).hexdigest(), recorded, folder, name)
    return tokenizer


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = read_object(folder, CONFIG)
    except FileNotFoundError as error:
        if (folder / "recipe.toml").exists():
            raise UserError(
                f"{folder}: the run has not finished; continue it with the command that began it and --resume"
            ) from error
        raise UserError(f"{folder}: not a model directory, there is no {CONFIG}") from error
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
