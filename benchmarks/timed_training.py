"""nlpseq's trainer with a clock, as all training benchmarks use it."""

import tempfile
import time
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from nlpseq.cli.malloc import keep_freed_memory
from nlpseq.data.split import Split
from nlpseq.training.reporters import SilentReporter, Values
from nlpseq.training.trainer import Trainer


class Clock(SilentReporter):
    """A reporter that notes the time after each step, and keeps the lines of the history."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lines: list[Values] = []

    def advance(self, step: int, epoch: float, values: Values) -> None:
        """Note the time after a step."""
        self.times.append(time.perf_counter())
        if values:
            self.lines.append(values)

    @property
    def mean_loss(self) -> float:
        """Return the mean loss over all tokens; each line has the mean since the previous one."""
        total, before = 0.0, 0.0
        for line in self.lines:
            total += line["loss"] * (line["tokens"] - before)
            before = line["tokens"]
        return total / before

    @property
    def seconds(self) -> float:
        """Return the seconds of training alone, from the trainer's lines."""
        total, before = 0.0, 0.0
        for line in self.lines:
            total += (line["tokens"] - before) / line["tokens_per_second"]
            before = line["tokens"]
        return total


def timed_training(task: Any, split: Split, seed: int) -> tuple[Any, Clock]:
    """Train on a CPU without validation, as `nlpseq run` does; return the model and its clock.

    What else is timed in the same process keeps its freed memory from then on too.
    """
    keep_freed_memory()
    set_seed(seed)
    clock, model = Clock(), task.build()
    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            task,
            model,
            accelerator=Accelerator(cpu=True),
            folder=Path(folder),
            reporter=clock,
        ).fit(split, None)
    return model, clock
