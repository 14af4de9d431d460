"""Values that tasks, trainer and commands exchange: losses, positions, records, baselines, settings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from nlpseq.data.split import Split


@dataclass(frozen=True)
class LossSum:
    """A summed loss with its count, which add up over windows, accumulation, processes and batches.

    Attributes:
        total: scalar, the sum that is back-propagated (in evaluation mode the plain nll in nats).
        count: scalar, number of tokens (or examples) in the sum.
    """

    total: Tensor
    count: Tensor

    @classmethod
    def counted(cls, total: Tensor, count: int) -> Self:
        """Build from a number that the host knows, without a copy for which a GPU would have to wait."""
        return cls(total, torch.full((), count, device=total.device))


class Progress(NamedTuple):
    """The progress of training, which schedules of a task (such as scheduled sampling) depend on."""

    step: int = 0
    epoch: int = 0
    fraction: float = 0.0


@dataclass(frozen=True)
class Cursor:
    """The position of the next batch in the training data."""

    epoch: int = 0
    batch: int = 0


class Shard(NamedTuple):
    """The examples that one process evaluates: every `world_size`-th, starting at `rank`."""

    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class Record:
    """One evaluated example: a line of `predictions/<split>.jsonl`.

    Attributes:
        index: index of the example in the data set.
        statistics: the metric's vector; the sum over all records gives the split's scores.
        target: the reference, as JSON.
        prediction: the model's prediction, as JSON; None where there is only a likelihood.
        confidences: of the parts of the prediction, such as its entities, where the recipe wants them.
    """

    index: int
    statistics: tuple[float, ...]
    target: Any = None
    prediction: Any = None
    confidences: Sequence[float] | None = None


@dataclass(frozen=True)
class Baseline:
    """A cheap model that learnt from the same train split, to compare the network with.

    Attributes:
        name: name of its files, such as `tfidf`.
        label: its name in tables.
        records: scores a split, as `Task.evaluate` does.
        omitted: scores that mean nothing for it, such as the perplexity of a model without probabilities.
        note: limits of its training, in one line.
    """

    name: str
    label: str
    records: Callable[[Split], Iterable[Record]]
    omitted: frozenset[str] = frozenset()
    note: str = ""


class Setting(NamedTuple):
    """A key of a recipe that is chosen by the data: `training.epochs`, its value, and the reason in a few words.

    `needs` is the split without which it is not chosen, '' if none is needed.
    """

    key: str
    value: Any
    reason: str
    needs: str = ""
