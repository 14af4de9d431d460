"""The weights of a model as named tensors, and back; tied weights appear once."""

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


@torch.no_grad()
def load_model(model: nn.Module, tensors: Mapping[str, Tensor], origin: object) -> None:
    """Copy tensors into a model; names and shapes must match exactly.

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
    for name, tensor in own.items():
        tensor.copy_(tensors[name])
