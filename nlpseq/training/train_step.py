"""One update of the weights: a group of batches, all processes, one step of the optimiser.

The sum of the loss over every token of the update, wherever it was computed, is back-propagated,
and the gradients are divided once by the number of those tokens. So an update weighs by tokens, and
a batch that is split over accumulation or processes gives what the undivided one gives.
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from nlpseq.data.batch import Batch, shard
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Progress, Task
from nlpseq.types import State, detach

from .optimization import TrainingDivergedError, normalize, set_learning_rate

SMALLEST_SCALE = 2.0**-24


class Objective(nn.Module):
    """Task and model as one module: data-parallel training wraps what is called by `forward`."""

    def __init__(self, task: Task[Any], model: nn.Module) -> None:
        super().__init__()
        self.task = task
        self.model = model

    def forward(
        self, batch: Batch, carry: State, progress: Progress
    ) -> tuple[Tensor, Tensor, State]:
        """The task's loss: total, count, and the carry for the next batch."""
        loss, carry = self.task.loss(self.model, batch, carry, progress)
        return loss.total, loss.count, carry


@dataclass(frozen=True)
class Update:
    """What one update reports; the same on every process.

    Attributes:
        total: summed loss over all tokens.
        count: those tokens.
        gradient_norm: of the mean gradient, before clipping.
        learning_rate: of the first parameter group.
        made: False if float16 gradients overflowed, and the scaler skipped the step.
        interrupted: a process was asked to stop.
    """

    total: float
    count: float
    gradient_norm: float
    learning_rate: float
    made: bool
    interrupted: bool


class Updater:
    """Makes updates.

    Args:
        objective: the prepared (perhaps data-parallel) `Objective`.
        optimizer: from `build_optimizer`.
        accelerator: brings devices, precision and processes.
        config: accumulation aside, clipping and penalties are read.
    """

    def __init__(
        self,
        objective: nn.Module,
        optimizer: Optimizer,
        accelerator: Accelerator,
        config: TrainingConfig,
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.accelerator = accelerator
        self.config = config
        groups = optimizer.param_groups
        self.parameters = [p for group in groups for p in group["params"]]
        self.penalized = [p for group in groups if group["penalized"] for p in group["params"]]

    def __call__(
        self,
        batches: Sequence[Batch],
        carry: State,
        progress: Progress,
        factor: float,
        interrupted: bool,
    ) -> tuple[Update, State]:
        """Learn from a group of global batches.

        Args:
            batches: one, or as many as gradients are accumulated over.
            carry: from the update before; a batch that is `first` starts without.
            progress: handed to the task.
            factor: of the base learning rate.
            interrupted: this process was asked to stop; the answer holds for all.

        Raises:
            TrainingDivergedError: loss or gradient norm is not finite; the weights were not
                touched.
        """
        self.optimizer.zero_grad()
        total, count, carry = self._backward(batches, carry, progress)
        sums = self._sum_over_processes(total, count, interrupted)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.unscale_(self.optimizer)
        # Data-parallel training averages gradients over processes: undo that, divide by all tokens.
        scale = self.accelerator.num_processes / sums[1]
        norm = normalize(
            self.parameters,
            scale,
            norm=self.config.clip_norm,
            value=self.config.clip_value,
            l1=self.config.l1,
            l2=self.config.l2,
            penalized=self.penalized,
        )
        # The only time that the host waits for the device.
        values = torch.cat([sums, norm.to(sums)[None]]).tolist()
        rate = set_learning_rate(self.optimizer, factor)
        made = self._step(progress.step + 1, values[0] / values[1], rate, values[3])
        update = Update(values[0], values[1], values[3], rate, made, values[2] > 0)
        return update, carry

    def _backward(
        self, batches: Sequence[Batch], carry: State, progress: Progress
    ) -> tuple[Tensor, Tensor, State]:
        """Add up gradients, loss and count of this process's rows."""
        accelerator, totals, counts = self.accelerator, [], []
        for number, batch in enumerate(batches, start=1):
            rows, counted = shard(batch, accelerator.process_index, accelerator.num_processes)
            if rows.first:
                carry = ()
            last = number == len(batches)
            # Gradients cross the processes once an update, with its last batch.
            quiet = contextlib.nullcontext() if last else accelerator.no_sync(self.objective)
            with quiet:
                total, count, carry = self.objective(
                    rows.to(accelerator.device), detach(carry), progress
                )
                if not counted:
                    total, count = total * 0, count * 0
                scaler = accelerator.scaler
                (total if scaler is None else scaler.scale(total)).backward()
            totals.append(total.detach())
            counts.append(count)
        return torch.stack(totals).sum(), torch.stack(counts).sum(), detach(carry)

    def _sum_over_processes(self, total: Tensor, count: Tensor, interrupted: bool) -> Tensor:
        """(3,) loss, tokens, and how many processes were asked to stop."""
        dtype = torch.float32 if total.device.type == "mps" else torch.float64
        flag = torch.tensor(float(interrupted), device=total.device)
        sums = torch.stack([part.to(dtype) for part in (total, count, flag)])
        if self.accelerator.num_processes > 1:
            torch.distributed.all_reduce(sums)
        return sums

    def _step(self, step: int, loss: float, rate: float, norm: float) -> bool:
        """Step the optimiser unless something is not finite; return whether it was stepped."""
        scaler = self.accelerator.scaler
        overflow_is_normal = scaler is not None and scaler.get_scale() > SMALLEST_SCALE
        if not math.isfinite(loss) or not (math.isfinite(norm) or overflow_is_normal):
            raise TrainingDivergedError(step, loss, rate, norm)
        if scaler is None:
            self.optimizer.step()
            return True
        scaler.step(self.optimizer)
        scaler.update()
        return math.isfinite(norm)
