"""Averages of the weights, which often evaluate better than the last weights.

Training uses the plain weights. The average replaces them only inside `averaged_weights`, after which they are
restored bit for bit. The state of an average is a flat dictionary of tensors, stored in checkpoints.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from nlpseq.models.weights import Tensors
from nlpseq.recipe import TrainingConfig


class Average(Protocol):
    """A running average of weights."""

    def after_update(self) -> None:
        """Include the weights after an update."""
        ...

    def before_validation(self) -> None:
        """Include the weights that are about to be validated."""
        ...

    def weights(self) -> Tensors:
        """Return the average of each trainable parameter; empty if it is the plain weights."""
        ...

    def state(self) -> Tensors:
        """Return the state that a checkpoint stores."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a `state`."""
        ...


class NoAverage:
    """No averaging: the plain weights are evaluated."""

    def after_update(self) -> None:
        """Do nothing."""

    def before_validation(self) -> None:
        """Do nothing."""

    def weights(self) -> Tensors:
        """Return nothing: the plain weights stay."""
        return {}

    def state(self) -> Tensors:
        """Return nothing: there is no state."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Do nothing."""


class ExponentialAverage:
    """Exponential moving average: Polyak & Juditsky (1992), Tarvainen & Valpola (2017).

    After update n (from 0) the average moves by `1 - d` towards the weights, where
    `d = min(decay, (1 + n) / (10 + n))`, so that early averages forget the initialisation quickly.

    Args:
        model: its trainable parameters are averaged.
        decay: share of the average that is kept at each update, in the long run.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = _trainable(model)
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.updates = 0

    @torch.no_grad()
    def after_update(self) -> None:
        """Move the average towards the weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1 - decay)
        self.updates += 1

    def before_validation(self) -> None:
        """Do nothing: the average follows updates."""

    def weights(self) -> Tensors:
        """Return the average."""
        return self.average

    def state(self) -> Tensors:
        """Return the average and the number of updates in it."""
        return {"updates": torch.tensor(self.updates)} | {
            f"average.{name}": tensor for name, tensor in self.average.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a `state`."""
        self.updates = int(state["updates"])
        for name, tensor in self.average.items():
            tensor.copy_(state[f"average.{name}"])


class LastAverage:
    """The mean of the weights at the last k validations.

    Args:
        model: its trainable parameters are averaged.
        last: k.
    """

    def __init__(self, model: nn.Module, last: int) -> None:
        self.last = last
        self.parameters = _trainable(model)
        self.kept: list[Tensors] = []

    def after_update(self) -> None:
        """Do nothing: the mean is over validations."""

    def before_validation(self) -> None:
        """Keep the present weights, and drop the oldest beyond k."""
        self.kept.append({name: p.detach().clone() for name, p in self.parameters.items()})
        del self.kept[: -self.last]

    def weights(self) -> Tensors:
        """Return the mean of the weights that are kept."""
        if not self.kept:
            return {}
        mean = {name: tensor.clone() for name, tensor in self.kept[0].items()}
        for other in self.kept[1:]:
            torch._foreach_add_(list(mean.values()), [other[name] for name in mean])
        torch._foreach_div_(list(mean.values()), float(len(self.kept)))
        return mean

    def state(self) -> Tensors:
        """Return all weights that are kept, oldest first."""
        return {
            f"{index}.{name}": tensor
            for index, kept in enumerate(self.kept)
            for name, tensor in kept.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a `state`."""
        count = 1 + max((int(name.partition(".")[0]) for name in state), default=-1)
        self.kept = [
            {
                name: state[f"{index}.{name}"].to(p.device, copy=True)
                for name, p in self.parameters.items()
            }
            for index in range(count)
        ]


def build_average(model: nn.Module, config: TrainingConfig) -> Average:
    """Build the average that a recipe names."""
    match config.average:
        case "ema":
            return ExponentialAverage(model, config.ema_decay)
        case "last_k":
            return LastAverage(model, config.average_last)
    return NoAverage()


@contextmanager
def averaged_weights(average: Average, model: nn.Module) -> Iterator[None]:
    """Evaluate with the averaged weights; the plain ones are restored at the end, bit for bit."""
    weights, parameters = average.weights(), _trainable(model)
    plain = {name: parameters[name].detach().clone() for name in weights}
    try:
        _copy(weights, parameters)
        yield
    finally:
        _copy(plain, parameters)


def install_average(average: Average, model: nn.Module) -> None:
    """Replace the weights of the model by their average."""
    _copy(average.weights(), _trainable(model))


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return trainable parameters by name, a tied one once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, nn.Parameter]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)
