"""The trainer: `fit` and `evaluate`. It knows `Task` and nothing else of what is learnt.

There is one loop, in `loop.py`, a chain of updates (`update.py`) that begins anew or where a
checkpoint left it (`recovery.py`). A run that is killed and resumed makes the same updates, bit for
bit: all that has a say in them is in the checkpoint, and no clock has.
"""

from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from nlpseq.data.split import Split
from nlpseq.models.weights import load_model
from nlpseq.task import Record, Scores, Task

from .averaging import install
from .checkpoint import DamagedError, Store
from .evaluation import evaluate
from .history import History
from .interrupt import Interruption
from .loop import Loop
from .progress import FitResult, Plan
from .reporters import Reporter, SilentReporter
from .resume import Recovery
from .train_state import Learner

__all__ = ["FitResult", "Trainer"]


class Trainer:
    """Trains one model on one task.

    Args:
        task: prepared; its recipe's `seed` and `training` say how.
        model: from `task.build()`; trained in place.
        accelerator: brings launch, devices, precision, processes and trackers.
        folder: the run directory: `checkpoints/` and `history.jsonl` are written here.
        reporter: told how it goes.
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
        self.store = Store(folder / "checkpoints")
        self.history = History(folder / "history.jsonl")

    def evaluate(self, split: Split, limit: int = 0) -> tuple[Scores, list[Record]]:
        """Score a split with the model as it is; `limit` as in `Task.evaluate`."""
        return evaluate(self.task, self.model, split, self.accelerator, limit)

    def fit(self, train: Split, validation: Split | None, *, resume: bool = False) -> FitResult:
        """Train to the end, then give the model its best weights.

        SIGINT and SIGTERM end it after the running update, with a checkpoint; the model then has
        the weights of that update.

        Args:
            train: learnt from.
            validation: chooses the best weights, ends training by patience, feeds `plateau`;
                without it the last weights are the best.
            resume: go on from the newest whole checkpoint, or from the start if there is none.

        Raises:
            UserError: checkpoints are there and `resume` is False; every one is damaged, or the
                newest is of another model; no space is left; train has no batch.
            TrainingDivergedError: loss or gradient norm is not finite.
        """
        learner = Learner(self.task, self.model, self.accelerator)
        recovery = Recovery(self.store, learner, self.accelerator, self.reporter.note)
        recovery.begin(resume)
        if self.accelerator.is_main_process:
            self.history.path.parent.mkdir(parents=True, exist_ok=True)
            self.history.cut(learner.run.step)
        plan = Plan(self.task.steps_per_epoch(train), self.task.recipe.training)
        self.model.train()
        self.reporter.start(plan.total, learner.run.step)
        try:
            with Interruption() as interruption:
                loop = Loop(
                    self.task,
                    learner,
                    train,
                    validation,
                    plan,
                    recovery,
                    self.history,
                    self.reporter,
                    self.accelerator,
                )
                stopped = loop(interruption)
        finally:
            self.reporter.finish()
        if stopped != "interrupted":
            self._take_best(learner)
        run = learner.run
        return FitResult(
            step=run.step,
            epoch=plan.epoch(run),
            seconds=run.seconds,
            tokens=run.tokens,
            best_step=run.step if run.best is None else run.best.step,
            best_scores={} if run.best is None else run.best.scores,
            stopped=stopped,
        )

    def _take_best(self, learner: Learner) -> None:
        """Put in the weights that did best on validation, else the last; averaged if so wished."""
        best = learner.run.best
        if best is None:
            install(learner.average, self.model)
            return
        try:
            checkpoint = self.store.open(best.checkpoint)
        except DamagedError as error:
            self.reporter.note(
                f"the best checkpoint, {best.checkpoint}, is damaged ({error}); "
                "the model has the last weights instead"
            )
            install(learner.average, self.model)
            return
        weights = checkpoint.tensors("model") | checkpoint.tensors("evaluated")
        load_model(self.model, weights, f"checkpoint {checkpoint.path}")
