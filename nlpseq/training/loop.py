"""The chain of updates of one run, and what follows each of them.

After an update the loop may write a line of the history, validate, and save a checkpoint, in this
order; a checkpoint therefore holds all that happened up to its step.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from accelerate import Accelerator

from nlpseq.data.batch import Batch
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.task import Progress, Task

from .averaging import applied
from .checkpoint import step_name
from .evaluation import evaluate
from .history import History
from .interrupt import Interruption
from .optimization import TrainingDivergedError
from .progress import Best, Plan, Stopped
from .reporters import Reporter
from .resume import Recovery
from .schedules import better, factor
from .train_state import Learner
from .train_step import Update


@dataclass
class Loop:
    """One run of training.

    Attributes:
        task: what is learnt.
        learner: everything that training changes.
        train: learnt from.
        validation: scored now and then, if it is there.
        plan: the length of the run.
        recovery: saves checkpoints.
        history: gets a line now and then.
        reporter: told of every update.
        accelerator: the processes, and trackers.
    """

    task: Task[Any]
    learner: Learner
    train: Split
    validation: Split | None
    plan: Plan
    recovery: Recovery
    history: History
    reporter: Reporter
    accelerator: Accelerator
    _clock: float = field(default_factory=time.perf_counter)

    def __call__(self, interruption: Interruption) -> Stopped:
        """Make updates until the plan, patience or a signal ends it; returns which of these."""
        stopped = self._over()
        while stopped is None:
            for batches, last in self._epoch():
                stopped = self._advance(batches, last, interruption)
                if stopped is not None:
                    break
        return stopped

    def _epoch(self) -> Iterator[tuple[list[Batch], bool]]:
        """The rest of an epoch, a group of batches an update, and whether it is the last group."""
        run, recipe = self.learner.run, self.task.recipe
        size = recipe.training.accumulation
        batches = self.task.batches(self.train, training=True, seed=recipe.seed, start=run.cursor)
        group = list(islice(batches, size))
        if not group:
            raise UserError(f"epoch {run.epoch + 1}: the train split has no batch to learn from")
        while group:
            following = list(islice(batches, size))
            yield group, not following
            group = following

    def _advance(
        self, batches: list[Batch], last: bool, interruption: Interruption
    ) -> Stopped | None:
        """One update and what follows from it; returns why training is to stop, if it is."""
        learner, run, config = self.learner, self.learner.run, self.task.recipe.training
        scale = factor(run.step, self.plan.total, config) * learner.plateau.scale
        progress = self.plan.progress(run)
        update, learner.carry = learner.updater(
            batches, learner.carry, progress, scale, interruption.requested
        )
        if update.made:
            learner.average.updated()
        if last:
            learner.carry = ()
        run.add(update, batches, last)
        run.line_seconds += self._lap()
        periodic = run.step % config.validate_steps == 0 if config.validate_steps else last
        due = periodic or self.plan.over(run)
        line = self._line(update, progress) if due or run.step % config.log_steps == 0 else {}
        self.reporter.advance(run.step, self.plan.epoch(run), line)
        gain = self._validate(update) if due else False
        saving = config.checkpoint_steps > 0 and run.step % config.checkpoint_steps == 0
        if due or saving or update.interrupted:
            self.recovery.save(with_average=gain)
        self._lap()
        stopped = self._over()
        return "interrupted" if stopped is None and update.interrupted else stopped

    def _over(self) -> Stopped | None:
        if self.plan.over(self.learner.run):
            return "finished"
        patience = self.task.recipe.training.patience
        return "early" if 0 < patience <= self.learner.run.stale else None

    def _lap(self) -> float:
        """Seconds since the last call; all of them together are the run's."""
        now = time.perf_counter()
        passed, self._clock = now - self._clock, now
        self.learner.run.seconds += passed
        return passed

    def _line(self, update: Update, progress: Progress) -> dict[str, float]:
        """Write a line of the history: means and sums since the line before."""
        run = self.learner.run
        values = {
            "loss": run.line_total / run.line_count,
            "learning_rate": update.learning_rate,
            **self.task.logged(progress),
            "gradient_norm": update.gradient_norm,
            "tokens": run.tokens,
            "tokens_per_second": run.line_tokens / run.line_seconds,
            "seconds": run.seconds,
        }
        run.new_line()
        self._record(values)
        self.accelerator.log(values, step=run.step)
        return values

    def _record(self, values: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            run = self.learner.run
            self.history.append({"step": run.step, "epoch": self.plan.epoch(run)} | values)

    def _validate(self, update: Update) -> bool:
        """Score the weights, averaged if so wished; returns whether they are the best so far.

        Raises:
            TrainingDivergedError: the score is not finite, as that of weights that have run away.
        """
        learner, run, task = self.learner, self.learner.run, self.task
        learner.average.validating()
        if self.validation is None:
            return False
        with applied(learner.average, learner.model):
            scores, _ = evaluate(
                task,
                learner.model,
                self.validation,
                self.accelerator,
                task.recipe.training.validation_limit,
            )
        score = scores[task.main_metric]
        if not math.isfinite(score):
            loss = update.total / update.count
            raise TrainingDivergedError(run.step, loss, update.learning_rate, update.gradient_norm)
        if task.recipe.training.schedule == "plateau":
            learner.plateau.update(score)
        best = None if run.best is None else run.best.scores[task.main_metric]
        gain = better(score, best, task.higher_is_better)
        run.stale = 0 if gain else run.stale + 1
        if gain:
            run.best = Best(step_name(run.step), run.step, scores)
        self._lap()
        self._record({"validation": scores, "seconds": run.seconds})
        logged = {f"validation/{name}": value for name, value in scores.items()}
        self.accelerator.log(logged, step=run.step)
        self.reporter.validated({"step": run.step, "epoch": self.plan.epoch(run)} | scores)
        return gain
