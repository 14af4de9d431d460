"""The weights of a model as named tensors, and back; tied weights appear once."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError

Tensors = dict[str, Tensor]


def model_tensors(model: nn.Module) -> Tensors:
    """Return parameters and persistent buffers by name; tied weights appear once."""
    names: dict[int, str] = {}
    kept: Tensors = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if names.setdefault(id(tensor), name) == name:
            kept[name] = tensor.detach()
    return kept


def constant_tensors(model: nn.Module) -> Tensors:
    """Return the tensors that training leaves as the task has built them: each module names its `constant_buffers`."""
    return {
        f"{prefix}.{name}" if prefix else name: getattr(module, name)
        for prefix, module in model.named_modules()
        for name in getattr(module, "constant_buffers", ())
        if name not in module._non_persistent_buffers_set
    }


def trained_tensors(model: nn.Module) -> Tensors:
    """Return the `model_tensors` that training changes."""
    constant = constant_tensors(model)
    return {name: tensor for name, tensor in model_tensors(model).items() if name not in constant}


def digests(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the SHA-256 of each tensor's numbers."""
    return {
        name: hashlib.sha256(tensor.cpu().contiguous().view(torch.uint8).numpy().data).hexdigest()
        for name, tensor in tensors.items()
    }


@torch.no_grad()
def load_model(model: nn.Module, tensors: Mapping[str, Tensor], origin: object) -> None:
    """Copy tensors into a model; names and shapes must match exactly, and constant tensors keep their type.

    Args:
        model: gets the values in place.
        tensors: from `model_tensors`.
        origin: name of the source, for the error.

    Raises:
        UserError: the tensors belong to another model.
    """
    own = model_tensors(model)
    differing = sorted(
        (own.keys() ^ tensors.keys())
        | {name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape}
    )
    if differing:
        raise UserError(f"{origin} is of another model: {', '.join(differing[:3])} differ(s)")
    constant = constant_tensors(model)
    for name, tensor in own.items():
        if name in constant and tensor.dtype != tensors[name].dtype:
            prefix, _, buffer = name.rpartition(".")
            setattr(model.get_submodule(prefix), buffer, tensors[name].to(tensor.device))
        else:
            tensor.copy_(tensors[name])
