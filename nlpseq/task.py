"""What a task is: the only thing the trainer, the model directory and the command line know of it.

A task turns splits into batches, a recipe into a model, a batch into a loss and a trained model into
answers. A new one is one file in `tasks/` that subclasses `Task`, a recipe, and a test.
"""

import importlib
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Batch
from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError, suggest
from nlpseq.metrics.base import Metric
from nlpseq.metrics.base import Scores as Scores
from nlpseq.recipe import Recipe
from nlpseq.types import State


@dataclass(frozen=True)
class LossSum:
    """A loss that adds up: over windows, accumulation, processes and evaluation batches.

    Attributes:
        total: scalar, the sum that is back-propagated (in evaluation mode the plain nll in nats).
        count: scalar, how many tokens (or examples) it is the sum over.
    """

    total: Tensor
    count: Tensor


class Progress(NamedTuple):
    """How far training is: schedules of sampling and the like live on it."""

    step: int = 0
    epoch: int = 0
    fraction: float = 0.0


@dataclass(frozen=True)
class Cursor:
    """A place in the training data: the next batch to be read. It is all that resuming needs."""

    epoch: int = 0
    batch: int = 0


class Shard(NamedTuple):
    """The part of the examples that one process evaluates: every `world_size`-th, from `rank` on."""

    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class Record:
    """One evaluated example: a line of `predictions/<split>.jsonl`.

    Attributes:
        index: its place in the data set.
        statistics: the metric's vector; the sum over all records gives the split's scores.
        target: what was asked for, as JSON.
        prediction: what the model gave, as JSON; None where there is only a likelihood.
    """

    index: int
    statistics: tuple[float, ...]
    target: Any = None
    prediction: Any = None


_CLASS_PATH = re.compile(r"nlpseq\.tasks(\.[a-z_][a-z0-9_]*)+:[A-Z]\w*", re.ASCII)
RecipeT = TypeVar("RecipeT", bound=Recipe)


class Task(ABC, Generic[RecipeT]):
    """A language task, from raw splits to scores.

    Subclasses set the attributes and write the methods below.

    Attributes:
        Config: the schema of the task's recipes.
        fields: the columns that the task reads of its data.
        further_fields: columns that it reads too where the data have them.
        metric: turns summed statistics into scores.
        main_metric: the score by which the best weights are chosen on validation.
        higher_is_better: whether that score should rise.
        hub_task: what the Hub calls the task.
        tokenizer: learnt in `prepare`, or restored.
        target_tokenizer: of the other side, where two sides differ; set before `restore`.
        notes: what a user should hear of the preparation, such as the coverage of vectors.
    """

    Config: ClassVar[type[Recipe]]
    fields: ClassVar[tuple[str, ...]]
    further_fields: ClassVar[tuple[str, ...]] = ()
    metric: Metric
    main_metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    hub_task: ClassVar[str] = "text-generation"

    tokenizer: Tokenizer

    def __init__(self, recipe: RecipeT) -> None:
        self.recipe = recipe
        self.target_tokenizer: Tokenizer | None = None
        self.notes: list[str] = []

    @abstractmethod
    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Path] = ()) -> None:
        """Learn vocabulary and labels, from train only; `folders` are where vectors are looked up."""

    @abstractmethod
    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        """The global batches of one epoch, from `start` on; their order depends on (seed, epoch) only."""

    @abstractmethod
    def steps_per_epoch(self, split: Split) -> int:
        """How many training batches an epoch has (to the schedule's precision)."""

    @abstractmethod
    def build(self) -> nn.Module:
        """A fresh model; everything it needs to know was learnt in `prepare` or restored."""

    @abstractmethod
    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        """The objective of one batch (in evaluation mode the plain nll), and the carry for the next one."""

    @abstractmethod
    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Score a split, example by example; the model is in evaluation mode, no gradient is taken.

        Args:
            model: what `build` gave, trained.
            split: what to score.
            device: where the model is.
            shard: which examples are this process's.
            limit: score only the first so many tokens (or examples); 0: all.
        """

    @abstractmethod
    def predictor(self, model: nn.Module, device: torch.device) -> Any:
        """What `nlpseq.load` gives: strings in, answers out, with the same text processing as in training."""

    def further_scores(self, records: Sequence[Record]) -> Scores:
        """Scores of all the records of a split that no sum of vectors gives."""
        return {}

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """Tables behind the scores, as JSON: `per_class`, `per_type`, `confusion_matrix`."""
        return {}

    def inspect(self, split: Split) -> list[str]:
        """What a user should hear of a split before it is scored; `prepare` has been called."""
        return [f"{split.name}: {split.note}"] if split.note else []

    def baselines(self, split: Split) -> Scores:
        """Scores to read beside the model's own, such as the best possible one."""
        return {}

    def samples(self, model: nn.Module, device: torch.device) -> list[str]:
        """A few lines that show what the trained model does."""
        return []

    def logged(self, progress: Progress) -> Scores:
        """What history.jsonl should hold of an update beside loss and learning rate."""
        return {}

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameters for the optimiser; biases and norms are not decayed."""
        matrices = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
        vectors = [p for p in model.parameters() if p.requires_grad and p.dim() <= 1]
        return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]

    def state(self) -> dict[str, Any]:
        """What `prepare` learnt beside the tokenizer, as JSON (labels, character table)."""
        return {}

    def restore(self, tokenizer: Tokenizer, state: Mapping[str, Any]) -> None:
        """Take back what `prepare` had learnt, so that `build` and `predict` work without data."""
        self.tokenizer = tokenizer


def task_name(name: str) -> str:
    """Return the name of a task as it is written today; version 0.1 named tasks by their classes."""
    return str(_tables().FORMAT_1_NAMES.get(name, name))


def resolve(name: str) -> type[Task[Any]]:
    """Import the class of a task.

    Args:
        name: one of `nlpseq.tasks.TASKS`, such as `tagging`, or `nlpseq.tasks.<module>:<Class>`.

    Raises:
        UserError: there is no such task.
    """
    known = _tables().TASKS
    path = known.get(task_name(name), name)
    if not _CLASS_PATH.fullmatch(path):
        raise UserError(
            f"task {name!r}: no such task{suggest(name, known)} Available: {', '.join(known)}"
        )
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(f"task {name!r}: this version of nlpseq has no such task") from error
    if not (isinstance(found, type) and issubclass(found, Task)) or inspect.isabstract(found):
        raise UserError(f"task {name!r} is not a Task")
    return found


def _tables() -> Any:
    """The tables of tasks: imported by name, since the library itself names no task."""
    return importlib.import_module("nlpseq.tasks")
