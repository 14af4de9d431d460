"""The weights of a model as named tensors, and back; what is shared (tied weights) is there once."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError

Tensors = dict[str, Tensor]


def model_tensors(model: nn.Module) -> Tensors:
    """Parameters and persistent buffers by name; what is shared (tied weights) is there once."""
    found: dict[int, str] = {}
    kept: Tensors = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if found.setdefault(id(tensor), name) == name:
            kept[name] = tensor.detach()
    return kept


@torch.no_grad()
def load_model(model: nn.Module, tensors: Mapping[str, Tensor], origin: object) -> None:
    """Copy tensors into a model; names and shapes must be exactly its own.

    Args:
        model: takes the values in place.
        tensors: what `model_tensors` gave.
        origin: named in the error.

    Raises:
        UserError: the tensors are of another model.
    """
    own = model_tensors(model)
    differing = sorted(
        (own.keys() ^ tensors.keys())
        | {name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape}
    )
    if differing:
        raise UserError(f"{origin} is of another model: {', '.join(differing[:3])} differ(s)")
    for name, tensor in own.items():
        tensor.copy_(tensors[name])
