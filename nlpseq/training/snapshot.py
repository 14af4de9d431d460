"""Conversion of optimiser and random-number states to tensors and JSON, and back, bit for bit.

Safetensors keeps the bits of tensors, and JSON those of floats (Python writes the shortest decimal that
reads back as the same double).
"""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nlpseq.models.weights import Tensors

from .checkpoint import Json


def optimizer_tensors(optimizer: Optimizer) -> tuple[Tensors, Json]:
    """Return the optimiser's state by `<parameter index>.<name>`: tensors, and the rest as JSON."""
    tensors: Tensors = {}
    others: Json = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            part = tensors if isinstance(value, Tensor) else others
            part[f"{index}.{name}"] = value
    return tensors, others


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], others: Json) -> None:
    """Restore the state; learning rates and other settings stay those of the recipe."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**tensors, **others}.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def seed_process(seed: int, rank: int) -> None:
    """Seed the random generators of this process by the run's seed and the process's rank."""
    own = random.Random(f"{seed}/{rank}")
    torch.manual_seed(own.getrandbits(63))
    random.seed(own.getrandbits(63))


def rank_state(carry: Iterable[Tensor]) -> tuple[Tensors, Json]:
    """Return the state of one process: the carry and the states of its random generators."""
    tensors = {f"carry.{index}": part.cpu() for index, part in enumerate(carry)}
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors |= {f"rng.cuda.{n}": s for n, s in enumerate(torch.cuda.get_rng_state_all())}
    if torch.backends.mps.is_available():
        tensors["rng.mps"] = torch.mps.get_rng_state()
    version, internal, gauss = random.getstate()
    return tensors, {"random": [version, list(internal), gauss]}


def load_rank_state(
    tensors: Mapping[str, Tensor], others: Json, device: torch.device
) -> tuple[Tensor, ...]:
    """Restore the random generators of a process, and return its carry."""
    torch.set_rng_state(tensors["rng.cpu"])
    cuda = [name for name in tensors if name.startswith("rng.cuda.")]
    if cuda and torch.cuda.device_count() == len(cuda):
        torch.cuda.set_rng_state_all([tensors[f"rng.cuda.{n}"] for n in range(len(cuda))])
    if "rng.mps" in tensors and torch.backends.mps.is_available():
        torch.mps.set_rng_state(tensors["rng.mps"])
    version, internal, gauss = others["random"]
    random.setstate((version, tuple(internal), gauss))
    count = sum(name.startswith("carry.") for name in tensors)
    return tuple(tensors[f"carry.{index}"].to(device) for index in range(count))
