"""Scores of a split: the task yields records, their statistics add up, the metric scores the sum."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlpseq.data.split import Split
from nlpseq.metrics.base import sum_statistics
from nlpseq.task import Progress, Record, Scores, Shard, Task


def evaluate(
    task: Task[Any], model: nn.Module, split: Split, accelerator: Accelerator, limit: int = 0
) -> tuple[Scores, list[Record]]:
    """Score a split in evaluation mode, with the examples divided among the processes.

    Sums are exact (`math.fsum`), so they depend neither on the order of the records nor on the
    number of processes.

    Args:
        task: yields the records.
        model: not wrapped; its mode is restored afterwards.
        split: examples to score.
        accelerator: device, precision and processes.
        limit: number of tokens (or examples) to score; 0: all.

    Returns:
        The scores, and all records in the order of the data set, on every process.
    """
    shard = Shard(accelerator.process_index, accelerator.num_processes)
    with _evaluating(model, accelerator):
        device = accelerator.device
        records = list(task.evaluate(model, split, device=device, shard=shard, limit=limit))
    if shard.world_size > 1:
        records = gather_object(records)
    records.sort(key=lambda record: record.index)
    total = sum_statistics(record.statistics for record in records)
    return task.metric.score(total) | task.further_scores(records), records


def fit_to_validation(
    task: Task[Any], model: nn.Module, split: Split, accelerator: Accelerator
) -> list[str]:
    """Let a task choose what it chooses on validation after training; see `Task.fit_to_validation`."""
    with _evaluating(model, accelerator):
        return task.fit_to_validation(model, split, device=accelerator.device)


def mean_loss(
    task: Task[Any], model: nn.Module, split: Split, accelerator: Accelerator, limit: int = 0
) -> float | None:
    """Return the mean loss of a split in evaluation mode, by exact sums over its batches.

    Returns:
        The mean in nats, on every process; None if no example has a loss.
    """
    sums = []
    with _evaluating(model, accelerator):
        for number, batch in enumerate(task.validation_batches(split, limit)):
            if number % accelerator.num_processes != accelerator.process_index:
                continue
            loss, _ = task.loss(model, batch.to(accelerator.device), (), Progress())
            sums.append((float(loss.total), float(loss.count)))
    if accelerator.num_processes > 1:
        sums = gather_object(sums)
    count = math.fsum(part for _, part in sums)
    return math.fsum(total for total, _ in sums) / count if count else None


@contextmanager
def _evaluating(model: nn.Module, accelerator: Accelerator) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients.

    Gradients are turned off by `no_grad`, not by `inference_mode`, because layers may cache tensors that
    training uses again.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), accelerator.autocast():
            yield
    finally:
        model.train(training)
