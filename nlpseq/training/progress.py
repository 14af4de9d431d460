"""Where a run stands, and how long it is to be."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from nlpseq.data.batch import Batch
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Cursor, Progress, Scores

from .train_step import Update

Stopped = Literal["finished", "early", "interrupted"]


@dataclass(frozen=True)
class FitResult:
    """How training ended.

    Attributes:
        step: updates made.
        epoch: passes over train, with the fraction.
        seconds: of training and validation, interruptions not counted.
        tokens: trained on, padding not counted.
        best_step: the step whose weights the model now has; the last one without validation.
        best_scores: validation scores of that step; empty without validation.
        stopped: why: all steps made, patience at an end, or a signal.
    """

    step: int
    epoch: float
    seconds: float
    tokens: float
    best_step: int
    best_scores: Scores
    stopped: Stopped


@dataclass(frozen=True)
class Best:
    """The checkpoint that did best on validation."""

    checkpoint: str
    step: int
    scores: Scores


@dataclass
class RunState:
    """What the loop itself remembers from update to update; a checkpoint holds it as JSON.

    Attributes:
        step: updates made.
        epoch: epochs completed.
        batch: batches of the present epoch that were learnt from.
        tokens: trained on, padding not counted.
        seconds: of the run so far.
        line_total: summed loss since the last line of the history.
        line_count: what that is the sum over.
        line_tokens: tokens since then.
        line_seconds: seconds of training since then.
        stale: validations since the best one.
        best: the best checkpoint, if there was a validation.
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

    @property
    def cursor(self) -> Cursor:
        """The next batch to learn from."""
        return Cursor(self.epoch, self.batch)

    def add(self, update: Update, batches: list[Batch], last_of_epoch: bool) -> None:
        """Take in an update."""
        self.step += 1
        tokens = sum(batch.tokens for batch in batches)
        self.tokens += tokens
        self.line_tokens += tokens
        self.line_total += update.total
        self.line_count += update.count
        if last_of_epoch:
            self.epoch, self.batch = self.epoch + 1, 0
        else:
            self.batch += len(batches)

    def new_line(self) -> None:
        """Begin to add up for the next line of the history."""
        self.line_total = self.line_count = self.line_tokens = self.line_seconds = 0.0

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Back from JSON."""
        best = document["best"]
        return cls(**{**document, "best": None if best is None else Best(**best)})


class Plan:
    """The length of a run in updates.

    Args:
        batches: training batches of an epoch; whole epochs end when the task's batches do, whatever
            this says, but schedules and fractions of an epoch go by it.
        config: `epochs`, `max_steps` and `accumulation` are read.
    """

    def __init__(self, batches: int, config: TrainingConfig) -> None:
        self.batches = max(batches, 1)
        self.max_steps = config.max_steps
        self.whole = math.floor(config.epochs)
        # 0.1 * 30 is a little above 3 in binary: round before rounding up.
        part = math.ceil(round((config.epochs - self.whole) * self.batches, 6))
        self.whole, self.part = (self.whole, part) if part < batches else (self.whole + 1, 0)
        an_epoch, a_part = (math.ceil(n / config.accumulation) for n in (self.batches, self.part))
        self.total = self.whole * an_epoch + a_part
        if config.max_steps:
            self.total = min(self.total, config.max_steps)

    def over(self, run: RunState) -> bool:
        """Whether all updates were made."""
        if self.max_steps and run.step >= self.max_steps:
            return True
        if run.epoch == self.whole:
            return run.batch >= self.part
        return run.epoch > self.whole

    def progress(self, run: RunState) -> Progress:
        """How far a run is."""
        return Progress(run.step, run.epoch, min(run.step / self.total, 1.0))

    def epoch(self, run: RunState) -> float:
        """Passes over train, with the fraction."""
        return run.epoch + min(run.batch / self.batches, 1.0)
