"""One training step: a group of batches on all processes, then one step of the optimiser.

The loss is summed over all tokens of the step, in every process, and the gradients are divided once by
the number of those tokens. A step therefore weighs each token alike, and a batch that is split over
accumulation or processes gives the same update as the whole batch.
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
from nlpseq.layers.normalization import uncounted_rows
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Progress, Task
from nlpseq.types import State, detach, widest_float

from .optimization import TrainingDivergedError, normalize, set_learning_rate

SMALLEST_SCALE = 2.0**-24


class Objective(nn.Module):
    """Task and model as one module, since data-parallel training wraps a module's `forward`."""

    def __init__(self, task: Task[Any], model: nn.Module) -> None:
        super().__init__()
        self.task = task
        self.model = model

    def forward(
        self, batch: Batch, carry: State, progress: Progress
    ) -> tuple[Tensor, Tensor, State]:
        """Return the task's loss as total and count, and the carry for the next batch."""
        loss, carry = self.task.loss(self.model, batch, carry, progress)
        return loss.total, loss.count, carry


@dataclass(frozen=True)
class StepResult:
    """The figures of one training step, the same on every process.

    Attributes:
        total: loss summed over all tokens.
        count: number of those tokens.
        gradient_norm: norm of the mean gradient, before clipping.
        learning_rate: rate of the first parameter group.
        updated: False if float16 gradients overflowed and the scaler skipped the optimiser.
        interrupted: True if any process was asked to stop.
    """

    total: float
    count: float
    gradient_norm: float
    learning_rate: float
    updated: bool
    interrupted: bool


class TrainStep:
    """Computes gradients and steps the optimiser.

    Args:
        objective: the prepared (perhaps data-parallel) `Objective`.
        optimizer: from `build_optimizer`.
        accelerator: devices, precision and processes.
        config: clipping and penalties are read.
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
    ) -> tuple[StepResult, State]:
        """Update the weights with a group of global batches.

        Args:
            batches: one batch, or as many as gradients are accumulated over.
            carry: state from the step before; a batch that is `first` starts without it.
            progress: passed to the task.
            factor: multiplies the base learning rate.
            interrupted: True if this process was asked to stop.

        Returns:
            The figures of the step, and the carry for the next one.

        Raises:
            TrainingDivergedError: loss or gradient norm is not finite; the weights are unchanged.
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
        # The only time that the host waits for the device: tests/devices counts it for every task.
        values = torch.cat([sums, norm.to(sums)[None]]).tolist()
        rate = set_learning_rate(self.optimizer, factor)
        updated = self._step(progress.step + 1, values[0] / values[1], rate, values[3])
        result = StepResult(values[0], values[1], values[3], rate, updated, values[2] > 0)
        return result, carry

    def _backward(
        self, batches: Sequence[Batch], carry: State, progress: Progress
    ) -> tuple[Tensor, Tensor, State]:
        """Accumulate gradients, loss and count over this process's rows."""
        accelerator, totals, counts = self.accelerator, [], []
        for number, batch in enumerate(batches, start=1):
            rows, counted = shard(batch, accelerator.process_index, accelerator.num_processes)
            if rows.first:
                carry = ()
            last = number == len(batches)
            # Processes exchange gradients once for each step, with its last batch.
            synchronization = (
                contextlib.nullcontext() if last else accelerator.no_sync(self.objective)
            )
            with synchronization, uncounted_rows(not counted):
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
        """Return (3,) loss, tokens, and the number of processes that were asked to stop."""
        dtype = widest_float(total)
        flag = torch.full((), float(interrupted), device=total.device)
        sums = torch.stack([part.to(dtype) for part in (total, count, flag)])
        if self.accelerator.num_processes > 1:
            torch.distributed.all_reduce(sums)
        return sums

    def _step(self, step: int, loss: float, rate: float, norm: float) -> bool:
        """Step the optimiser unless loss or norm is not finite; return whether weights were updated."""
        scaler = self.accelerator.scaler
        if not math.isfinite(loss) or not (math.isfinite(norm) or _may_overflow(scaler)):
            raise TrainingDivergedError(step, loss, rate, norm)
        if scaler is None:
            self.optimizer.step()
            return True
        scaler.step(self.optimizer)
        scaler.update()
        return math.isfinite(norm)


def _may_overflow(scaler: Any) -> bool:
    """Return whether an overflow of float16 gradients is normal: a smaller scale can still avoid it."""
    return scaler is not None and scaler.get_scale() > SMALLEST_SCALE
