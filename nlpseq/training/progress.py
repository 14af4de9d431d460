"""The progress of a run, its length, and the result of training."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from nlpseq.data.batch import Batch
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Cursor, Progress, Scores
from nlpseq.wording import format_count

from .schedules import warmup_steps
from .train_step import StepResult

Stopped = Literal["finished", "early", "time", "interrupted"]
FEW_UPDATES, ENOUGH_UPDATES = 200, 600
"""Below the first a run is too short to learn; the second is measured for 500 texts, see docs/small_data.md."""


@dataclass(frozen=True)
class FitResult:
    """The result of training.

    Attributes:
        step: updates made.
        epoch: passes over train, fractions included.
        seconds: time of training and validation, without interruptions.
        tokens: tokens trained on, without padding.
        best_step: step of the model's weights; the last one without validation.
        best_scores: validation scores of that step; empty without validation.
        selected_by: score that chose them; `loss` for the validation loss, '' without validation.
        stopped: all steps made (finished), patience exhausted (early), the time limit (time), or a signal
            (interrupted).
    """

    step: int
    epoch: float
    seconds: float
    tokens: float
    best_step: int
    best_scores: Scores
    selected_by: str
    stopped: Stopped


@dataclass(frozen=True)
class Best:
    """The checkpoint with the best validation score."""

    checkpoint: str
    step: int
    scores: Scores


@dataclass
class RunState:
    """The counters of a run, which checkpoints store as JSON.

    Attributes:
        step: updates made.
        epoch: epochs completed.
        batch: batches of the current epoch that were trained on.
        tokens: tokens trained on, without padding.
        seconds: time of the run so far.
        line_total: summed loss since the last line of the history.
        line_count: number of tokens (or examples) in `line_total`.
        line_tokens: tokens since that line.
        line_seconds: seconds of training since that line.
        stale: validations since the best one.
        best: the best checkpoint, if there was a validation.
        by_loss: the validation loss chooses, since the score says nothing on these data.
        notes: lines for the user about the validation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: float = 0.0
    seconds: float = 0.0
    line_total: float = 0.0
    line_count: float = 0.0
    line_tokens: float = 0.0
    line_seconds: float = 0.0
    stale: int = 0
    best: Best | None = field(default=None)
    by_loss: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def cursor(self) -> Cursor:
        """Return the position of the next batch to train on."""
        return Cursor(self.epoch, self.batch)

    def add(self, result: StepResult, batches: list[Batch], last_of_epoch: bool) -> None:
        """Count a training step."""
        self.step += 1
        tokens = sum(batch.tokens for batch in batches)
        self.tokens += tokens
        self.line_tokens += tokens
        self.line_total += result.total
        self.line_count += result.count
        if last_of_epoch:
            self.epoch, self.batch = self.epoch + 1, 0
        else:
            self.batch += len(batches)

    def new_line(self) -> None:
        """Reset the sums for the next line of the history."""
        self.line_total = self.line_count = self.line_tokens = self.line_seconds = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the counters as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Restore the counters from JSON."""
        best = document["best"]
        return cls(**{**document, "best": None if best is None else Best(**best)})


class RunLength:
    """The length of a run in updates.

    Args:
        batches: training batches in an epoch. Whole epochs end with the task's batches even if this
            estimate is wrong; schedules and fractions of an epoch depend on it.
        config: `epochs`, `max_steps` and `accumulation` are read.
    """

    def __init__(self, batches: int, config: TrainingConfig) -> None:
        self.batches = max(batches, 1)
        self.max_steps = config.max_steps
        self.whole = math.floor(config.epochs)
        # 0.1 * 30 is slightly above 3 in binary, so round before rounding up.
        part = math.ceil(round((config.epochs - self.whole) * self.batches, 6))
        part = max(part, int(self.whole == 0))  # an update at least
        self.whole, self.part = (self.whole, part) if part < batches else (self.whole + 1, 0)
        in_epoch, in_part = (math.ceil(n / config.accumulation) for n in (self.batches, self.part))
        self.total = self.whole * in_epoch + in_part
        if config.max_steps:
            self.total = min(self.total, config.max_steps)
        self.warmup = warmup_steps(self.total, config)

    def is_over(self, run: RunState) -> bool:
        """Return whether all updates were made."""
        if self.max_steps and run.step >= self.max_steps:
            return True
        if run.epoch == self.whole:
            return run.batch >= self.part
        return run.epoch > self.whole

    def progress(self, run: RunState) -> Progress:
        """Return the progress of a run, for the task."""
        return Progress(run.step, run.epoch, min(run.step / self.total, 1.0))

    def notes(self) -> list[str]:
        """Return lines for the user about a length that trains little."""
        return list(filter(None, [self.short_run_note(), self.long_warmup_note()]))

    def long_warmup_note(self) -> str:
        """Return a line about a warm-up that is longer than the run; '' if it is not."""
        if self.warmup <= self.total:
            return ""
        return (
            f"training.warmup: the warm-up of {format_count(self.warmup, 'update')} is longer than the run of "
            f"{self.total:,}, so the learning rate reaches only {100 * self.total / self.warmup:.2g}% of "
            "training.learning_rate; a warm-up below 1 is a fraction of the run"
        )

    def short_run_note(self) -> str:
        """Return a line about a run of too few updates; '' if there are enough, or `max_steps` limits them."""
        if self.max_steps or self.total >= FEW_UPDATES:
            return ""
        per_epoch = self.total / (self.whole + self.part / self.batches)
        epochs = math.ceil(ENOUGH_UPDATES / per_epoch)
        return (
            f"training makes only {format_count(self.total, 'update')}, and a model learns little in fewer than "
            f"{FEW_UPDATES}; training.epochs={epochs} makes about {ENOUGH_UPDATES}, and a smaller "
            "training.batch_size more per epoch"
        )

    def epoch(self, run: RunState) -> float:
        """Return the passes over train, fractions included."""
        return run.epoch + min(run.batch / self.batches, 1.0)


def fit_result(run: RunState, length: RunLength, stopped: Stopped, criterion: str) -> FitResult:
    """Return the result of training.

    Args:
        run: counters at its end.
        length: of the run.
        stopped: why it ended.
        criterion: name of the score that chose the weights.
    """
    return FitResult(
        step=run.step,
        epoch=length.epoch(run),
        seconds=run.seconds,
        tokens=run.tokens,
        best_step=run.step if run.best is None else run.best.step,
        best_scores={} if run.best is None else run.best.scores,
        selected_by="" if run.best is None else criterion,
        stopped=stopped,
    )
