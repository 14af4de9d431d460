"""Scores of a split: the task yields records, their statistics add up, the metric scores the sum."""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlpseq.data.split import Split
from nlpseq.metrics.base import sum_statistics
from nlpseq.task import Record, Scores, Shard, Task


def evaluate(
    task: Task[Any], model: nn.Module, split: Split, accelerator: Accelerator, limit: int = 0
) -> tuple[Scores, list[Record]]:
    """Score a split in evaluation mode, with the examples divided among the processes.

    Sums are exact (`math.fsum`), so they depend neither on the order of the records nor on the
    number of processes. Gradients are turned off by `no_grad`, not by `inference_mode`, because layers
    may cache tensors that training uses again.

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
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), accelerator.autocast():
            device = accelerator.device
            records = list(task.evaluate(model, split, device=device, shard=shard, limit=limit))
    finally:
        model.train(training)
    if shard.world_size > 1:
        records = gather_object(records)
    records.sort(key=lambda record: record.index)
    total = sum_statistics(record.statistics for record in records)
    return task.metric.score(total) | task.further_scores(records), records
