"""Discriminative fine-tuning: lower layers learn more slowly.  Howard & Ruder (2018), section 3.2."""

from collections.abc import Callable
from typing import Any

from torch import nn

ParameterGroups = list[dict[str, Any]]


def layerwise_groups(
    model: nn.Module,
    learning_rate: float,
    decay: float,
    groups_of: Callable[[nn.Module], ParameterGroups],
) -> ParameterGroups:
    """Split the parameters into groups by layer, each with its own learning rate.

    The head has the full rate, each layer below it `decay` times the rate of the layer above.

    Args:
        model: embedding, encoder, head.
        learning_rate: rate of the head.
        decay: factor from one layer to the layer below.
        groups_of: splits the parameters of a module into the task's plain groups.
    """
    parameters_at: dict[int, dict[str, nn.Parameter]] = {}
    top = 1 + max((_level(name) for name, _ in model.named_parameters()), default=0)
    for name, parameter in model.named_parameters():
        depth = 0 if name.startswith("head.") else top - _level(name)
        parameters_at.setdefault(depth, {})[name] = parameter
    groups = []
    for depth, parameters in sorted(parameters_at.items()):
        rate = learning_rate * decay**depth
        layer = nn.ParameterDict({n.replace(".", "/"): p for n, p in parameters.items()})
        groups += [{**group, "lr": rate} for group in groups_of(layer)]
    return [group for group in groups if group["params"]]


def _level(name: str) -> int:
    """Return the height of a parameter's layer: embedding 0, encoder layers 1, 2, ..."""
    parts = name.split(".")
    if parts[0] != "encoder":
        return 0
    return 1 + next((int(part) for part in parts if part.isdigit()), 0)
