"""A few pairs of texts for both tasks of text to text, toys of digits, and models of a few units."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from nlpseq.tasks.seq2seq.summarization import Summarization
from nlpseq.tasks.seq2seq.translation import Translation
from small import split_of

from nlpseq.data.split import Split
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress, Task
from nlpseq.training.optimization import build_optimizer

TASKS: dict[str, type[Task[Any]]] = {"translation": Translation, "summarization": Summarization}
BOTH = list(TASKS)
PAIRS = [
    ("the old dog sees a cat", "der alte Hund sieht eine Katze"),
    ("a cat sleeps", "eine Katze"),
    ("dogs", "Hunde sehen die Katze und schlafen"),
    ("the cat sees the old house and the dog", "Katze sieht Haus"),
] * 3

TOYS: dict[str, Callable[[list[str]], list[str]]] = {
    "copy": lambda words: words,
    "reverse": lambda words: words[::-1],
    "sort": lambda words: sorted(words),
}


def pairs(rows: Sequence[tuple[str, str]] = PAIRS, name: str = "train") -> Split:
    return split_of({"source": [one for one, _ in rows], "target": [two for _, two in rows]}, name)


def document(kind: str, **sections: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": kind,
        "embedding": {"dim": 6},
        "encoder": {"hidden_size": 4, "bidirectional": True},
        "training": {"batch_size": 4},
        "decoding": {"max_new_tokens": 12, "beam_size": 2},
    }
    for name, section in sections.items():
        keeps = name != "encoder" or "kind" not in section
        found[name] = {**(found.get(name, {}) if keeps else {}), **section}
    return found


def make(
    kind: str = "translation", splits: Mapping[str, Split] | None = None, **sections: Any
) -> Any:
    """Build a task, prepared on these splits."""
    task = TASKS[kind](validate(TASKS[kind].Config, document(kind, **sections), "test"))
    task.prepare(splits or {"train": pairs()})
    return task


def fall(task: Any, model: Any, split: Split, epochs: int) -> None:
    """Train with Adam and a learning rate that falls to zero."""
    config = task.recipe.training
    optimizer = build_optimizer(task.parameter_groups(model), config)
    total = epochs * task.steps_per_epoch(split)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total)
    model.train()
    for epoch in range(epochs):
        for batch in task.batches(split, training=True, seed=1, start=Cursor(epoch)):
            loss, _ = task.loss(model, batch, (), Progress())
            optimizer.zero_grad()
            (loss.total / loss.count).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            optimizer.step()
            schedule.step()


def toy(name: str, count: int, seed: int, longest: int = 6) -> list[tuple[str, str]]:
    """Draw distinct strings of digits, with their targets."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        words = [str(chance.randrange(10)) for _ in range(chance.randint(2, longest))]
        found[" ".join(words)] = " ".join(TOYS[name](words))
    return list(found.items())
