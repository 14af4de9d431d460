"""Everything that changes while training: one object that a checkpoint captures and restores."""

import platform
from importlib import metadata
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlpseq.errors import UserError
from nlpseq.models.weights import load_model, model_tensors
from nlpseq.task import Task
from nlpseq.types import State

from . import snapshot
from .averaging import build_average
from .checkpoint import Checkpoint, Tensors
from .optimization import build_optimizer
from .progress import RunState
from .schedules import Plateau
from .train_step import Objective, Updater

FORMAT = 1


class Learner:
    """The model with its optimiser, average and schedule, and where the run stands.

    Args:
        task: says what is learnt; its recipe says how.
        model: already on the accelerator's device.
        accelerator: wraps the model for precision and processes.

    Attributes:
        run: counters, patience and the best checkpoint.
        carry: state between training windows, of this process's rows.
    """

    def __init__(self, task: Task[Any], model: nn.Module, accelerator: Accelerator) -> None:
        config = task.recipe.training
        self.model, self.accelerator = model, accelerator
        self.optimizer = build_optimizer(task.parameter_groups(model), config)
        objective = accelerator.prepare(Objective(task, model))
        self.updater = Updater(objective, self.optimizer, accelerator, config)
        self.average = build_average(model, config)
        self.plateau = Plateau(
            config.plateau_factor, config.plateau_patience, task.higher_is_better
        )
        self.run = RunState()
        self.carry: State = ()
        snapshot.seed_process(task.recipe.seed, accelerator.process_index)

    def capture(self, with_average: bool) -> tuple[dict[str, Tensors], dict[str, Any]]:
        """All of it as files of tensors and JSON; every process has to call this.

        Args:
            with_average: also the averaged weights, ready for use (file `evaluated`).
        """
        ranks = gather_object([snapshot.rank_state(self.carry)])
        optimizer, settings = snapshot.optimizer_tensors(self.optimizer)
        files = {
            "model": model_tensors(self.model),
            "evaluated": self.average.weights() if with_average else {},
            "optimizer": optimizer,
            "average": self.average.state(),
        }
        files |= {f"rank-{number}": tensors for number, (tensors, _) in enumerate(ranks)}
        scaler = self.accelerator.scaler
        state = {
            "format": FORMAT,
            "run": self.run.to_json(),
            "plateau": self.plateau.state(),
            "optimizer": settings,
            "scaler": None if scaler is None else scaler.state_dict(),
            "ranks": [others for _, others in ranks],
            "versions": versions(),
        }
        return files, state

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take everything back.

        Raises:
            UserError: the checkpoint is of another format, model, or number of processes.
        """
        state, accelerator, origin = checkpoint.state, self.accelerator, checkpoint.path
        if state["format"] != FORMAT:
            raise UserError(f"{origin} has format {state['format']}, this version reads {FORMAT}")
        if len(state["ranks"]) != accelerator.num_processes:
            raise UserError(
                f"{origin} was written by {len(state['ranks'])} process(es), and this run has "
                f"{accelerator.num_processes}: resume with as many"
            )
        load_model(self.model, checkpoint.tensors("model"), origin)
        tensors = checkpoint.tensors("optimizer")
        snapshot.load_optimizer(self.optimizer, tensors, state["optimizer"])
        self.average.load(checkpoint.tensors("average"))
        self.plateau.load(state["plateau"])
        self.run = RunState.from_json(state["run"])
        if accelerator.scaler is not None and state["scaler"] is not None:
            accelerator.scaler.load_state_dict(state["scaler"])
        rank = accelerator.process_index
        self.carry = snapshot.load_rank_state(
            checkpoint.tensors(f"rank-{rank}"), state["ranks"][rank], accelerator.device
        )


def versions() -> dict[str, str]:
    """What the bits of a run depend on beside its recipe."""
    known = {"python": platform.python_version()}
    for package in ("nlpseq", "torch"):
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            known[package] = "unknown"
    return known
