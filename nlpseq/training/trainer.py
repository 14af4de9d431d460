"""The trainer: `fit` and `evaluate`, for any `Task`.

There is one loop over training steps. After a step it may write a line of the history, validate, and save a
checkpoint, in this order, so that a checkpoint contains everything up to its step. A run that is killed and
resumed makes the same updates bit for bit: checkpoints hold all that updates depend on, and no update depends
on time.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from nlpseq.data.batch import Batch
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.task import Progress, Record, Scores, Task

from .averaging import averaged_weights, install_average
from .checkpoint import CHECKPOINTS, CheckpointStore, DamagedError, step_name
from .checkpoint_manager import CheckpointManager
from .evaluation import evaluate, fit_to_validation, mean_loss
from .history import History
from .interrupt import InterruptHandler
from .optimization import TrainingDivergedError
from .progress import Best, FitResult, RunLength, Stopped, fit_result
from .reporters import Reporter, SilentReporter
from .schedules import schedule_factor
from .selection import (
    BY_LOSS,
    LOSS,
    Criterion,
    is_meaningless,
    meaningless_note,
    selection_criterion,
    validation_loss,
    zero_note,
)
from .train_state import TrainState, load_weights
from .train_step import StepResult


class Trainer:
    """Trains one model on one task.

    Args:
        task: prepared; its recipe's `seed` and `training` section give the options.
        model: from `task.build()`; trained in place.
        accelerator: launch, devices, precision, processes and trackers.
        folder: the run directory, for `checkpoints/` and `history.jsonl`.
        reporter: receives the progress of the run.
    """

    def __init__(
        self,
        task: Task[Any],
        model: nn.Module,
        *,
        accelerator: Accelerator,
        folder: Path,
        reporter: Reporter,
    ) -> None:
        self.task, self.accelerator = task, accelerator
        self.model = model.to(accelerator.device)
        self.reporter = reporter if accelerator.is_main_process else SilentReporter()
        self.store = CheckpointStore(folder / CHECKPOINTS)
        self.history = History(folder / "history.jsonl")

    def evaluate(self, split: Split, limit: int = 0) -> tuple[Scores, list[Record]]:
        """Score a split with the model's current weights; `limit` as in `Task.evaluate`."""
        return evaluate(self.task, self.model, split, self.accelerator, limit)

    def fit_to_validation(self, split: Split) -> list[str]:
        """Let the task choose what it chooses on validation after training; print and return its notes."""
        notes = fit_to_validation(self.task, self.model, split, self.accelerator)
        for note in notes:
            self.reporter.note(note)
        return notes

    def mean_loss(self, split: Split, limit: int = 0) -> float | None:
        """Return the mean loss of a split with the model's current weights; None without an example."""
        return mean_loss(self.task, self.model, split, self.accelerator, limit)

    def fit(
        self,
        train: Split,
        validation: Split | None,
        *,
        resume: bool = False,
        seconds: float | None = None,
    ) -> FitResult:
        """Train to the end, then give the model its best weights.

        SIGINT and SIGTERM stop it after the current step, with a checkpoint; the model then has
        the weights of that step.

        Args:
            train: examples to train on.
            validation: chooses the best weights, stops training by patience, and drives `plateau`;
                without it the last weights are the best.
            resume: continue from the newest undamaged checkpoint, if there is one.
            seconds: stop after this time of training, with a last validation; None: no limit.

        Raises:
            UserError: there are checkpoints and `resume` is False; all are damaged, or the newest is
                of another model; no space is left; train has no batch; `training.select_by` is no score.
            TrainingDivergedError: loss or gradient norm is not finite.
        """
        criterion = selection_criterion(self.task)
        state, checkpoints = self._start(resume)
        length = RunLength(self.task.steps_per_epoch(train), self.task.recipe.training)
        self.model.train()
        self.reporter.start(length.total, state.run.step)
        try:
            with InterruptHandler() as interrupt:
                loop = _Loop(
                    self,
                    state,
                    train,
                    validation,
                    length,
                    checkpoints,
                    interrupt,
                    criterion,
                    seconds,
                )
                stopped = loop.run()
        finally:
            self.reporter.finish()
        if stopped != "interrupted":
            self._take_best(state)
        self.task.notes += loop.notes()
        return fit_result(state.run, length, stopped, loop.criterion_in_use.name)

    def _start(self, resume: bool) -> tuple[TrainState, CheckpointManager]:
        """Return the state to train from, and cut the history at its step."""
        state = TrainState(self.task, self.model, self.accelerator)
        checkpoints = CheckpointManager(self.store, state, self.accelerator, self.reporter.note)
        checkpoints.start(resume)
        if self.accelerator.is_main_process:
            self.history.path.parent.mkdir(parents=True, exist_ok=True)
            self.history.cut(state.run.step)
        return state, checkpoints

    def _take_best(self, state: TrainState) -> None:
        """Load the weights with the best validation score, else the (averaged) last weights."""
        best = state.run.best
        if best is None:
            install_average(state.average, self.model)
            return
        try:
            checkpoint = self.store.open(best.checkpoint)
        except DamagedError as error:
            self.reporter.note(
                f"the best checkpoint, {best.checkpoint}, is damaged ({error}); "
                "the model has the last weights instead"
            )
            install_average(state.average, self.model)
            return
        weights = checkpoint.tensors("model") | checkpoint.tensors("evaluated")
        load_weights(self.model, weights, f"checkpoint {checkpoint.path}")


@dataclass
class _Loop:
    """The loop over training steps of one `fit`.

    Attributes:
        trainer: task, history, reporter and processes.
        state: everything that training changes.
        train: examples to train on.
        validation: scored periodically; None: never.
        length: length of the run.
        checkpoints: saves checkpoints.
        interrupt: says whether the run was asked to stop.
        criterion: the score that chooses the weights, if it means something on these data.
        seconds: time limit; None: none.
    """

    trainer: Trainer
    state: TrainState
    train: Split
    validation: Split | None
    length: RunLength
    checkpoints: CheckpointManager
    interrupt: InterruptHandler
    criterion: Criterion
    seconds: float | None = None
    _clock: float = field(default_factory=time.perf_counter)

    def run(self) -> Stopped:
        """Make steps until the run is complete, patience is exhausted or a signal arrives."""
        stopped = self._is_over()
        if stopped == "time":
            stopped = None  # one more step, which ends with a validation
        while stopped is None:
            for batches, last in self._epoch():
                stopped = self._advance(batches, last)
                if stopped is not None:
                    break
        return stopped

    def _epoch(self) -> Iterator[tuple[list[Batch], bool]]:
        """Yield the batches of each remaining step of the epoch, and whether it is the last step."""
        run, task = self.state.run, self.trainer.task
        size = task.recipe.training.accumulation
        batches = task.batches(self.train, training=True, seed=task.recipe.seed, start=run.cursor)
        group = list(islice(batches, size))
        if not group:
            raise UserError(f"epoch {run.epoch + 1}: the train split has no batch to train on")
        while group:
            following = list(islice(batches, size))
            yield group, not following
            group = following

    def _advance(self, batches: list[Batch], last: bool) -> Stopped | None:
        """Make one step; log, validate and save if due. Return why training stops, if it does."""
        state, run, config = self.state, self.state.run, self.trainer.task.recipe.training
        factor = schedule_factor(run.step, self.length.total, config) * state.plateau.scale
        progress = self.length.progress(run)
        result, state.carry = state.step(
            batches, state.carry, progress, factor, self.interrupt.requested
        )
        if result.updated:
            state.average.after_update()
        if last:
            state.carry = ()
        run.add(result, batches, last)
        run.line_seconds += self._lap()
        periodic = run.step % config.validate_steps == 0 if config.validate_steps else last
        due = periodic or self._is_over() in ("finished", "time")
        logged = self._log(result, progress) if due or run.step % config.log_steps == 0 else {}
        self.trainer.reporter.advance(run.step, self.length.epoch(run), logged)
        improved = self._validate(result) if due else False
        saving = config.checkpoint_steps > 0 and run.step % config.checkpoint_steps == 0
        if due or saving or result.interrupted:
            self.checkpoints.save(with_average=improved)
        self._lap()
        stopped = self._is_over()
        if stopped == "time" and not due:
            stopped = None  # the next step ends with a validation
        return "interrupted" if stopped is None and result.interrupted else stopped

    def _is_over(self) -> Stopped | None:
        """Return whether all steps are made, patience is exhausted or time is over; None if nothing of these."""
        run, config = self.state.run, self.trainer.task.recipe.training
        if self.length.is_over(run) or 0 < config.stop_after <= run.step:
            return "finished"
        if 0 < config.patience <= run.stale:
            return "early"
        return "time" if self.seconds is not None and run.seconds >= self.seconds else None

    def _lap(self) -> float:
        """Return the seconds since the last call, and add them to the seconds of the run."""
        now = time.perf_counter()
        passed, self._clock = now - self._clock, now
        self.state.run.seconds += passed
        return passed

    def _log(self, result: StepResult, progress: Progress) -> dict[str, float]:
        """Write a line of the history: means and sums since the line before."""
        run = self.state.run
        values = {
            "loss": run.line_total / run.line_count,
            "learning_rate": result.learning_rate,
            **self.trainer.task.logged(progress),
            "gradient_norm": result.gradient_norm,
            "tokens": run.tokens,
            "tokens_per_second": run.line_tokens / run.line_seconds,
            "seconds": run.seconds,
        }
        run.new_line()
        self._record(values)
        self.trainer.accelerator.log(values, step=run.step)
        return values

    def _record(self, values: dict[str, Any]) -> None:
        if self.trainer.accelerator.is_main_process:
            run = self.state.run
            line = {"step": run.step, "epoch": self.length.epoch(run)} | values
            self.trainer.history.append(line)

    def _validate(self, result: StepResult) -> bool:
        """Score the (averaged) weights; return whether they are the best so far.

        Raises:
            TrainingDivergedError: the score is not finite.
        """
        state, run, trainer = self.state, self.state.run, self.trainer
        config = trainer.task.recipe.training
        state.average.before_validation()
        if self.validation is None:
            return False
        with averaged_weights(state.average, state.model):
            scores, records = trainer.evaluate(self.validation, config.validation_limit)
            if validation_loss(scores) is None:
                loss = trainer.mean_loss(self.validation, config.validation_limit)
                scores |= {} if loss is None else {LOSS: loss}
        if run.best is None:
            self._check_score(scores, records)
        criterion = self.criterion_in_use
        score = criterion.value(scores)
        if not math.isfinite(score):
            mean = result.total / result.count
            raise TrainingDivergedError(run.step, mean, result.learning_rate, result.gradient_norm)
        if config.schedule == "plateau":
            state.plateau.update(score, criterion.higher_is_better)
        improved = criterion.is_better(scores, None if run.best is None else run.best.scores)
        run.stale = 0 if improved else run.stale + 1
        if improved:
            run.best = Best(step_name(run.step), run.step, scores)
        self._lap()
        self._record({"validation": scores, "seconds": run.seconds})
        tracked = {f"validation/{name}": value for name, value in scores.items()}
        trainer.accelerator.log(tracked, step=run.step)
        trainer.reporter.validated({"step": run.step, "epoch": self.length.epoch(run)} | scores)
        return improved

    def _check_score(self, scores: Scores, records: list[Record]) -> None:
        """Let the validation loss choose if the score says nothing on these data, and say so."""
        run, reporter = self.state.run, self.trainer.reporter
        run.by_loss = False
        run.notes = []
        if is_meaningless(self.trainer.task, self.criterion, records):
            if validation_loss(scores) is not None:
                run.by_loss = True
                run.notes = [meaningless_note(self.criterion, scores)]
                reporter.note(run.notes[0])
        elif note := zero_note(self.criterion, scores):
            reporter.note(note)

    @property
    def criterion_in_use(self) -> Criterion:
        """The score that chooses the weights."""
        return BY_LOSS if self.state.run.by_loss else self.criterion

    def notes(self) -> list[str]:
        """Return lines about the score that chose the weights, for the record of the run."""
        run = self.state.run
        if run.notes or run.best is None:
            return run.notes
        note = zero_note(self.criterion, run.best.scores, last=True)
        return [note] if note else []
