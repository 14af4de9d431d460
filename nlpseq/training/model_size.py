"""The size of a model before it is built: a recipe whose model fits no memory is refused in a line."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nlpseq.errors import UserError
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Task

_CGROUP = Path("/sys/fs/cgroup/memory.max")
_GIGABYTE = 1e9


def check_model_size(task: Task[Any], device: torch.device, memory: int | None = None) -> None:
    """Check that the weights fit into the memory of this machine, on a CPU with gradients and optimiser.

    Args:
        task: prepared.
        device: of the training.
        memory: bytes; None: those of the machine, or of the container.

    Raises:
        UserError: they do not fit, or the recipe's sizes do not fit together.
    """
    memory = memory_of_machine() if memory is None else memory
    model = _on_meta(task)
    if model is None or not memory:
        return
    weights = dict(model.named_parameters())
    copies = _copies(task.recipe.training) if device.type == "cpu" else 1
    needed = copies * sum(weight.numel() * weight.element_size() for weight in weights.values())
    if needed > memory:
        parameters = sum(weight.numel() for weight in weights.values())
        largest = max(weights, key=lambda name: weights[name].numel())
        training = " with gradients and optimiser" if copies > 1 else ""
        raise UserError(
            f"the model has {parameters:,} parameters, {needed / _GIGABYTE:,.0f} GB{training}, and this machine has "
            f"{memory / _GIGABYTE:,.0f} GB; the largest is {largest}, {' x '.join(map(str, weights[largest].shape))}: "
            "choose smaller sizes or fewer layers"
        )


def memory_of_machine() -> int:
    """Return the bytes of memory that a process may use; 0 if the system does not say."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
    try:
        limit = int(_CGROUP.read_text())  # `max` if there is none
    except (OSError, ValueError):
        return physical
    return min(physical, limit)


def _on_meta(task: Task[Any]) -> nn.Module | None:
    """Build the model without memory; None if its layers read the numbers that they are built from."""
    try:
        with torch.device("meta"):
            return task.build_model()
    except UserError:
        raise
    except Exception:  # of a layer or a cell of the user
        return None


def _copies(config: TrainingConfig) -> int:
    """Return the tensors of a weight's size in training: weights, gradients, moments of the optimiser."""
    moments = {"sgd": int(config.momentum > 0), "rmsprop": 1 + int(config.momentum > 0)}
    return 2 + moments.get(config.optimizer, 2)
