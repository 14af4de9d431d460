"""A tiny task: predict the next symbol of short random texts, with a GRU and a tied embedding."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from nlpseq.data.batch import Batch, Tokens
from nlpseq.data.split import Split
from nlpseq.metrics.base import Scores
from nlpseq.recipe import Recipe, Section, TrainingConfig, validate
from nlpseq.task import Cursor, LossSum, Progress, Record, Shard, Task
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer
from nlpseq.types import State

SYMBOLS = 11


class TinyConfig(Section):
    stream: bool = True
    """Windows of columns that carry a state, or shuffled texts of uneven length."""
    dropout: float = 0.2
    poison: int = -1
    """The loss of this batch of each epoch is not a number."""
    rising: bool = False
    """The validation score gets worse at each validation."""
    boundless: bool = False
    """The validation score is infinite."""


class TinyRecipe(Recipe):
    task: str = "tiny"
    tiny: TinyConfig = TinyConfig()


class MeanLoss:
    def statistics(self, prediction: Any, target: Any) -> tuple[float, ...]:
        return (float(prediction), float(target))

    def score(self, total: Sequence[float]) -> Scores:
        return {"loss": total[0] / total[1]}


class TinyModel(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, 6)
        self.cell = nn.GRUCell(6, 6)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(6, SYMBOLS)
        self.output.weight = self.embedding.weight
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.calls: Tensor

    def forward(self, ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            self.calls += 1
        outputs = []
        for inputs in self.dropout(self.embedding(ids)).unbind(1):
            state = self.cell(inputs, state)
            outputs.append(state)
        return self.output(self.dropout(torch.stack(outputs, 1))), state


class TinyTask(Task[TinyRecipe]):
    Config = TinyRecipe
    fields = ("ids",)
    metric = MeanLoss()
    main_metric = "loss"
    higher_is_better = False
    evaluations = 0

    def prepare(self, splits: Mapping[str, Split], folders: Sequence[Any] = ()) -> None:
        pass

    def build_model(self) -> TinyModel:
        torch.manual_seed(self.recipe.seed)
        return TinyModel(self.recipe.tiny.dropout)

    def steps_per_epoch(self, split: Split) -> int:
        return sum(1 for _ in self.batches(split, training=True, seed=0, start=Cursor()))

    def batches(self, split: Split, *, training: bool, seed: int, start: Cursor) -> Iterator[Batch]:
        make = self._windows if self.recipe.tiny.stream else self._texts
        batches = list(make(split, random.Random(f"{seed}/{start.epoch}")))
        yield from batches[start.batch :]

    def _windows(self, split: Split, order: random.Random) -> Iterator[Batch]:
        size = self.recipe.training.batch_size
        stream = torch.tensor([symbol for text in split.rows for symbol in text])
        columns = stream[: len(stream) // size * size].view(size, -1)
        place = 0
        while place < columns.size(1) - 1:
            end = min(place + order.randint(3, 6), columns.size(1) - 1)
            window, target = columns[:, place:end], columns[:, place + 1 : end + 1]
            yield Batch(Tokens.unpadded(window), target, torch.arange(size), first=place == 0)
            place = end

    def _texts(self, split: Split, order: random.Random) -> Iterator[Batch]:
        places = list(range(len(split.rows)))
        order.shuffle(places)
        size = self.recipe.training.batch_size
        for first in range(0, len(places), size):
            yield self._collate(split, places[first : first + size])

    def _collate(self, split: Split, places: Sequence[int]) -> Batch:
        texts = [torch.tensor(split.rows[place]) for place in places]
        lengths = torch.tensor([len(text) - 1 for text in texts])
        padded = nn.utils.rnn.pad_sequence(texts, batch_first=True)
        return Batch(Tokens(padded[:, :-1], lengths), padded[:, 1:], torch.tensor(places))

    def loss(
        self, model: nn.Module, batch: Batch, carry: State, progress: Progress
    ) -> tuple[LossSum, State]:
        nll, state = self._nll(model, batch, carry)
        if progress.step == self.recipe.tiny.poison:
            nll = nll * float("nan")
        count = batch.source.lengths.sum()
        return LossSum(nll.sum(), count), (state,) if self.recipe.tiny.stream else ()

    def _nll(self, model: nn.Module, batch: Batch, carry: State) -> tuple[Tensor, Tensor]:
        like = next(model.parameters())
        start = carry[0] if carry else like.new_zeros(batch.size, 6)
        logits, state = model(batch.source.ids, start)
        nll = F.cross_entropy(logits.transpose(1, 2), batch.target, reduction="none")
        mask = batch.source.mask
        return nll if mask is None else nll * mask, state

    def evaluate(
        self, model: nn.Module, split: Split, *, device: torch.device, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        self.evaluations += 1
        penalty = 10.0 * self.evaluations if self.recipe.tiny.rising else 0.0
        for place in range(shard.rank, limit or len(split.rows), shard.world_size):
            batch = self._collate(split, [place]).to(device)
            nll, _ = self._nll(model, batch, ())
            penalty = float("inf") if self.recipe.tiny.boundless else penalty
            yield Record(place, (float(nll.sum()) + penalty, float(batch.source.lengths.sum())))

    def predictor(self, model: nn.Module, device: torch.device) -> Any:
        raise NotImplementedError


def texts(name: str, count: int, seed: int) -> Split:
    """Draw texts in which a symbol is mostly the previous one plus one."""
    draw = random.Random(f"{name}/{seed}")
    rows = []
    for _ in range(count):
        text = [draw.randrange(SYMBOLS)]
        while len(text) < draw.randint(4, 12):
            step = 1 if draw.random() < 0.8 else draw.randrange(SYMBOLS)
            text.append((text[-1] + step) % SYMBOLS)
        rows.append(text)
    return Split(name, rows, "tiny")  # type: ignore[arg-type]


TRAIN, VALIDATION = texts("train", 24, 0), texts("validation", 7, 0)


def recipe(tiny: Mapping[str, Any] | None = None, seed: int = 3, **training: Any) -> TinyRecipe:
    defaults = {"batch_size": 4, "learning_rate": 0.02, "log_steps": 3, "epochs": 3.0}
    document = {"seed": seed, "tiny": dict(tiny or {}), "training": defaults | training}
    return validate(TinyRecipe, document, "tiny")


def config(**training: Any) -> TrainingConfig:
    return recipe(**training).training


def trainer(made: TinyRecipe, folder: Path, dtype: torch.dtype = torch.float32) -> Trainer:
    task = TinyTask(made)
    precision = {"float32": "no", "bfloat16": "bf16"}[made.training.precision]
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    model = task.build().to(dtype)
    return Trainer(task, model, accelerator=accelerator, folder=folder, reporter=SilentReporter())


def weights(made: Trainer) -> dict[str, bytes]:
    """Return the bytes of every tensor of the model, by name."""
    state = made.model.state_dict()
    return {name: tensor.detach().numpy().tobytes() for name, tensor in state.items()}
