"""The weights of a model on disk: written with their digest, and checked before a model is built from them.

The header of a safetensors file has names, shapes and types of all tensors. They are compared with those of the model
that config.json describes, which is built without memory (on torch's device `meta`), so a folder that claims a huge
model is refused at once.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from nlpseq import custom_code
from nlpseq.errors import UserError
from nlpseq.files import write_bytes
from nlpseq.models.weights import Tensors, model_tensors
from nlpseq.stored_files import reading, reason_of, regular_file
from nlpseq.task import Task

WEIGHTS = "model.safetensors"
_FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
_OTHERS = {"I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool, "U8": torch.uint8}
_LAYERS = ("num_layers",)
_SECTIONS = ("embedding", "encoder", "decoder", "head")


class StoredTensor(NamedTuple):
    """Shape and type of a tensor, of the header of the file."""

    shape: tuple[int, ...]
    dtype: str


def write_weights(path: Path, tensors: Tensors) -> None:
    """Write tensors to a file; `save_file` of safetensors would leave a temporary file of its own after a kill."""
    write_bytes(path, save(tensors, metadata={"format": "pt"}))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(digest: str, recorded: Mapping[str, str] | None, folder: Path, name: str) -> None:
    """Check that a file of a model is the one that was written with it.

    Args:
        digest: of the file.
        recorded: digests of config.json by the names of the files; None: models of earlier versions have none.
        folder: of the model.
        name: of the file below it.

    Raises:
        UserError: it is another file.
    """
    if recorded is not None and recorded.get(name) != digest:
        raise UserError(
            f"{folder / name}: damaged or of another model: its SHA-256 is not the one in config.json; copy the "
            "folder again"
        )


def read_weights(folder: Path, task: Task[Any], recorded: Mapping[str, str] | None) -> Tensors:
    """Read the weights of a model, after all checks.

    Args:
        folder: the model directory.
        task: restored from it.
        recorded: digests, see `check_digest`.

    Raises:
        UserError: there are no weights, they are damaged, of another model, or not finite.
    """
    try:
        file = regular_file(folder, WEIGHTS)
        file.open("rb").close()  # safetensors reports an unreadable file as missing
        check_shapes(read_header(file), task, folder)
        if recorded is not None:
            check_digest(file_digest(file), recorded, folder, WEIGHTS)
        tensors = load_file(file)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: there is no {WEIGHTS}; has the run finished?") from error
    except OSError as error:
        raise UserError(f"{folder / WEIGHTS}: cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS}: damaged: {reason_of(error)}") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(
                f"{file}: {name} holds numbers that are infinite or not a number (NaN): the training has failed, "
                "or the file is damaged"
            )
    return tensors


def read_header(file: Path) -> dict[str, StoredTensor]:
    """Return shapes and types of the tensors in a file, without reading their numbers."""
    with safe_open(file, framework="pt") as tensors:
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        return {
            name: StoredTensor(tuple(part.get_shape()), str(part.get_dtype()))
            for name, part in slices.items()
        }


def check_shapes(stored: Mapping[str, StoredTensor], task: Task[Any], folder: Path) -> None:
    """Check that the tensors of a file are those of the model of a task.

    Raises:
        UserError: they differ in a name, a shape or a type.
    """
    file = folder / WEIGHTS
    _check_counts(stored, task, folder)
    expected = _expected_tensors(task, folder)
    if expected is None:
        return
    differing = sorted(
        (expected.keys() ^ stored.keys())
        | {
            name
            for name in expected.keys() & stored.keys()
            if tuple(expected[name].shape) != stored[name].shape
        }
    )
    if differing:
        name = differing[0]
        sides = (_shape(stored.get(name)), _shape(expected.get(name)))
        more = f"; {len(differing) - 1} more differ" if len(differing) > 1 else ""
        raise UserError(
            f"{file} is of another model: {', '.join(differing[:3])} differ(s): {name} is {sides[0]}, and "
            f"config.json and the tokenizer want {sides[1]}{more}"
        )
    for name, tensor in expected.items():
        dtype = stored[name].dtype
        if dtype not in (_FLOATS if tensor.is_floating_point() else {}) and (
            _OTHERS.get(dtype) != tensor.dtype
        ):
            wanted = str(tensor.dtype).removeprefix("torch.")
            raise UserError(f"{file}: {name} has the type {dtype}, and the model wants {wanted}")


def _shape(tensor: Any) -> str:
    return "not there" if tensor is None else f"of shape {tuple(tensor.shape)}"


def _check_counts(stored: Mapping[str, StoredTensor], task: Task[Any], folder: Path) -> None:
    """Check what building takes time for, even without memory: the number of layers and of labels."""
    for section in _SECTIONS:
        for key in _LAYERS:
            layers = getattr(getattr(task.recipe, section, None), key, 0)
            if isinstance(layers, int) and layers > len(stored):
                raise UserError(
                    f"{folder / 'config.json'}: {section}.{key} = {layers:,}, and {WEIGHTS} has only "
                    f"{len(stored)} tensors"
                )
    largest = max((max(tensor.shape, default=0) for tensor in stored.values()), default=0)
    if (labels := len(task.learnt_labels())) > largest:
        raise UserError(
            f"{folder / 'config.json'}: learnt.id2label has {labels:,} labels, and {WEIGHTS} has no "
            f"layer with so many outputs"
        )


def _expected_tensors(task: Task[Any], folder: Path) -> Tensors | None:
    """Return the tensors of a task's model without their memory; None: a user's class cannot be built so."""
    own = bool(custom_code.files_named_in(task.recipe.model_dump(mode="json")))
    own = own or not type(task).__module__.startswith("nlpseq.")
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), reading(str(folder)):
            return model_tensors(task.build_model())
    except UserError:
        if own:
            return None
        raise
    except (RuntimeError, NotImplementedError, MemoryError) as error:
        if own:
            return None
        raise UserError(
            f"{folder / 'config.json'}: no model has these sizes: {reason_of(error)}"
        ) from error
