"""Averages of the weights, which often evaluate better than the last weights themselves.

Training goes on with the plain weights; the average takes their place only inside `applied`, and
they come back bit for bit. What an average remembers is a flat dictionary of tensors, so it goes
into a checkpoint.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from nlpseq.recipe import TrainingConfig

Weights = dict[str, Tensor]


class Average(Protocol):
    """A running average of weights."""

    def updated(self) -> None:
        """Take in the weights after an update."""
        ...

    def validating(self) -> None:
        """Take in the weights that are about to be validated."""
        ...

    def weights(self) -> Weights:
        """The average of each trainable parameter; empty where it is the plain weights."""
        ...

    def state(self) -> Weights:
        """What a resumed run has to know."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back a `state`."""
        ...


class NoAverage:
    """The plain weights."""

    def updated(self) -> None:
        """Remember nothing."""

    def validating(self) -> None:
        """Remember nothing."""

    def weights(self) -> Weights:
        """Nothing to put in the place of the plain weights."""
        return {}

    def state(self) -> Weights:
        """Nothing to remember."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take back."""


class ExponentialAverage:
    """Exponential moving average: Polyak & Juditsky (1992), Tarvainen & Valpola (2017).

    After update n (from 0) the average moves by `1 - d` towards the weights, where
    `d = min(decay, (1 + n) / (10 + n))`: early on it forgets the initialisation quickly.

    Args:
        model: the model whose trainable parameters are averaged.
        decay: how much of the average is kept at an update, in the long run.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = _trainable(model)
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.updates = 0

    @torch.no_grad()
    def updated(self) -> None:
        """Move the average towards the weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1 - decay)
        self.updates += 1

    def validating(self) -> None:
        """Nothing: the average follows updates."""

    def weights(self) -> Weights:
        """The average."""
        return self.average

    def state(self) -> Weights:
        """The average and the number of updates in it."""
        return {"updates": torch.tensor(self.updates)} | {
            f"average.{name}": tensor for name, tensor in self.average.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back a `state`."""
        self.updates = int(state["updates"])
        for name, tensor in self.average.items():
            tensor.copy_(state[f"average.{name}"])


class LastAverage:
    """The mean of the weights at the last k validations.

    Args:
        model: the model whose trainable parameters are averaged.
        last: k.
    """

    def __init__(self, model: nn.Module, last: int) -> None:
        self.last = last
        self.parameters = _trainable(model)
        self.kept: list[Weights] = []

    def updated(self) -> None:
        """Nothing: the mean is over validations."""

    def validating(self) -> None:
        """Keep the present weights, forget the oldest beyond k."""
        self.kept.append({name: p.detach().clone() for name, p in self.parameters.items()})
        del self.kept[: -self.last]

    def weights(self) -> Weights:
        """The mean of what was kept."""
        if not self.kept:
            return {}
        mean = {name: tensor.clone() for name, tensor in self.kept[0].items()}
        for other in self.kept[1:]:
            torch._foreach_add_(list(mean.values()), [other[name] for name in mean])
        torch._foreach_div_(list(mean.values()), float(len(self.kept)))
        return mean

    def state(self) -> Weights:
        """All that was kept, oldest first."""
        return {
            f"{number}.{name}": tensor
            for number, kept in enumerate(self.kept)
            for name, tensor in kept.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back a `state`."""
        count = 1 + max((int(name.partition(".")[0]) for name in state), default=-1)
        self.kept = [
            {
                name: state[f"{number}.{name}"].to(p.device, copy=True)
                for name, p in self.parameters.items()
            }
            for number in range(count)
        ]


def build_average(model: nn.Module, config: TrainingConfig) -> Average:
    """Make the average that a recipe names."""
    match config.average:
        case "ema":
            return ExponentialAverage(model, config.ema_decay)
        case "last_k":
            return LastAverage(model, config.average_last)
    return NoAverage()


@contextmanager
def applied(average: Average, model: nn.Module) -> Iterator[None]:
    """Put the averaged weights into the model, and the plain ones back at the end, bit for bit."""
    weights, parameters = average.weights(), _trainable(model)
    plain = {name: parameters[name].detach().clone() for name in weights}
    try:
        _copy(weights, parameters)
        yield
    finally:
        _copy(plain, parameters)


def install(average: Average, model: nn.Module) -> None:
    """Put the averaged weights into the model for good."""
    _copy(average.weights(), _trainable(model))


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable parameters by name, a tied one once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, nn.Parameter]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)
