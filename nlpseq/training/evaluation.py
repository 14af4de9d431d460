"""Scoring a split: the task gives records, vectors add up, the metric makes scores of the sum."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlpseq.data.split import Split
from nlpseq.task import Record, Scores, Shard, Task


def evaluate(
    task: Task[Any], model: nn.Module, split: Split, accelerator: Accelerator, limit: int = 0
) -> tuple[Scores, list[Record]]:
    """Score a split in evaluation mode, shared among the processes.

    Sums are exact (`math.fsum`), so they depend neither on the order of the records nor on the
    number of processes. Gradients are off by `no_grad`, not by `inference_mode`: a table that a
    layer computes once and keeps must stay usable in training.

    Args:
        task: gives the records.
        model: not wrapped; its mode is as before afterwards.
        split: what to score.
        accelerator: brings device, precision and processes.
        limit: score only the first so many tokens (or examples); 0: all.

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
    return task.metric.score(_sum(records)) | task.further_scores(records), records


def _sum(records: Sequence[Record]) -> list[float]:
    columns = zip(*(record.statistics for record in records), strict=True)
    return [math.fsum(column) for column in columns]
