"""A few sentences for both tasks on whole texts, and models small enough for every combination."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch
from datasets import Dataset
from nlpseq.tasks.classification.task import Classification
from nlpseq.tasks.tagging.task import Tagging
from torch import Tensor, nn

from nlpseq.data.split import Split
from nlpseq.metrics.base import sum_statistics
from nlpseq.recipe import TokenizationConfig, validate
from nlpseq.recipe.encoders import FAMILIES
from nlpseq.task import Cursor, Progress, Record, Shard, Task
from nlpseq.training.history import History
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer

CPU = torch.device("cpu")
REVIEWS = [
    ("a fine film . we liked it .", "positive"),
    ("dull", "negative"),
    ("It was not bad at all !", "positive"),
    ("slow , long and dull . nobody laughed . we left .", "negative"),
    ("nobody knows", "neutral"),
    ("an old film", "neutral"),
] * 3
SENTENCES = [
    ("Ann Lee met Bob in Paris .", "B-PER I-PER O B-PER O B-LOC O"),
    ("Paris", "B-LOC"),
    ("nobody left .", "O O O"),
    ("Ann Bob Lee left New York and Paris at once", "B-PER B-PER I-PER O B-LOC I-LOC O B-LOC O O"),
] * 4
SMALL_OPTIONS: dict[str, dict[str, Any]] = {
    "recurrent": {"hidden_size": 4, "bidirectional": True},
    "mingru": {"hidden_size": 4, "num_layers": 2},
    "feedforward": {"hidden_size": 5},
    "cnn": {"hidden_size": 3, "widths": [2, 3]},
    "dilated_cnn": {"hidden_size": 6},
    "rcnn": {"context_size": 3, "hidden_size": 5},
    "transformer": {"hidden_size": 8, "num_heads": 2, "feedforward_size": 8},
    "hierarchical": {"hidden_size": 3, "attention_size": 4},
}
ENCODERS = {
    kind: SMALL_OPTIONS.get(kind) or SMALL_OPTIONS.get(family, {})
    for family, kinds in FAMILIES.items()
    for kind in kinds
}
TAGGING_ENCODERS = [kind for kind in ENCODERS if kind != "hierarchical"]
TOKENIZATIONS: tuple[str, ...] = get_args(TokenizationConfig.model_fields["kind"].annotation)
CLASSES: dict[str, type[Task[Any]]] = {"sentiment": Classification, "ner": Tagging}
BOTH = list(CLASSES)


def split_of(rows: Mapping[str, Sequence[Any]], name: str = "train") -> Split:
    return Split(name=name, rows=Dataset.from_dict(dict(rows)), origin="test")


def reviews(rows: Sequence[tuple[str, str]] = REVIEWS, name: str = "train") -> Split:
    return split_of({"text": [row[0] for row in rows], "label": [row[1] for row in rows]}, name)


def sentences(rows: Sequence[tuple[str, str]] = SENTENCES, name: str = "train") -> Split:
    tokens, tags = ([row[part].split() for row in rows] for part in (0, 1))
    return split_of({"tokens": tokens, "tags": tags}, name)


def split_for(kind: str) -> Split:
    return reviews() if kind == "sentiment" else sentences()


def document_for(kind: str, **sections: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": {"sentiment": "classification", "ner": "tagging"}[kind],
        "embedding": {"dim": 6},
        "encoder": {"hidden_size": 5, "bidirectional": True},
        "training": {"batch_size": 4},
    }
    for name, section in sections.items():
        keeps = name != "encoder" or "kind" not in section
        found[name] = {**(found.get(name, {}) if keeps else {}), **section}
    return found


def make(
    kind: str, splits: Mapping[str, Split] | None = None, **sections: Mapping[str, Any]
) -> Task[Any]:
    """Build a task of either kind, prepared on these splits."""
    document = document_for(kind, **sections)
    task = CLASSES[kind](validate(CLASSES[kind].Config, document, "test"))
    task.prepare(splits or {"train": split_for(kind)})
    return task


def encoder(kind: str) -> dict[str, Any]:
    return {"kind": kind, **ENCODERS[kind]}


def built(task: Task[Any], seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return task.build()


def records(task: Task[Any], model: nn.Module, split: Split, **share: Any) -> list[Record]:
    """Return the records of a split in its order."""
    found = {"shard": Shard(), **share}
    with torch.no_grad():
        every = list(task.evaluate(model.eval(), split, device=CPU, **found))
    return sorted(every, key=lambda record: record.index)


def scores(task: Task[Any], model: nn.Module, split: Split) -> dict[str, float]:
    return task.metric.score(sum_statistics(r.statistics for r in records(task, model, split)))


def train(
    task: Task[Any], model: nn.Module, split: Split, *, epochs: int = 1, rate: float = 0.02
) -> None:
    """Train with a plain loop."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    for epoch in range(epochs):
        for batch in task.batches(split, training=True, seed=1, start=Cursor(epoch)):
            loss, _ = task.loss(model, batch, (), Progress())
            optimizer.zero_grad()
            (loss.total / loss.count).backward()
            optimizer.step()


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


class KilledError(Exception):
    """Simulates a kill: nothing more is written."""


class KillAt(SilentReporter):
    """Ends a run after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if step == self.step:
            raise KilledError


def history(trainer: Trainer) -> list[dict[str, Any]]:
    """Return a trainer's history, without the times."""
    clocks = {"seconds", "tokens_per_second"}
    lines = History(trainer.history.path).read()
    return [{key: value for key, value in line.items() if key not in clocks} for line in lines]
