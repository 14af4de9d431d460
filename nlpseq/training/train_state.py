"""The train state: everything that changes during training, which checkpoints capture and restore."""

from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nlpseq.errors import UserError
from nlpseq.models.weights import (
    Tensors,
    constant_tensors,
    digests,
    load_model,
    trained_tensors,
)
from nlpseq.recipe import TrainingConfig
from nlpseq.task import Task
from nlpseq.types import State

from . import snapshot
from .averaging import build_average
from .checkpoint import Checkpoint
from .environment import environment
from .optimization import build_optimizer
from .progress import RunState
from .schedules import Plateau
from .train_step import Objective, TrainStep

FORMAT = 1


class TrainState:
    """The model with its optimiser, average and schedule, and the progress of the run.

    Args:
        task: its recipe gives the options.
        model: already on the accelerator's device.
        accelerator: wraps the model for precision and processes.

    Attributes:
        step: makes a training step.
        run: counters, patience and the best checkpoint.
        carry: state between training windows, of this process's rows.
        recipe: of the task as JSON, so that a checkpoint says what it belongs to.
        constants: digests of the tensors that checkpoints leave out, since training does not change them.
    """

    def __init__(self, task: Task[Any], model: nn.Module, accelerator: Accelerator) -> None:
        config = task.recipe.training
        self.model, self.accelerator = model, accelerator
        self.recipe = task.resolved_recipe().model_dump(mode="json", exclude_none=True)
        self.optimizer = build_optimizer(task.parameter_groups(model), config)
        objective = accelerator.prepare(Objective(task, model))
        self.step = TrainStep(objective, self.optimizer, accelerator, config)
        self.average = build_average(model, config)
        self.plateau = Plateau(config.plateau_factor, config.plateau_patience)
        self.run = RunState()
        self.carry: State = ()
        self.constants = digests(constant_tensors(model))
        snapshot.seed_process(task.recipe.seed, accelerator.process_index)

    def capture(self, with_average: bool) -> tuple[dict[str, Tensors], dict[str, Any]]:
        """Return the state as files of tensors and a JSON document; every process has to call this.

        Args:
            with_average: include the averaged weights, ready for use (file `evaluated`).
        """
        ranks = gather_object([snapshot.rank_state(self.carry)])
        optimizer, settings = snapshot.optimizer_tensors(self.optimizer)
        files = {
            "model": trained_tensors(self.model),
            "evaluated": self.average.weights() if with_average else {},
            "optimizer": optimizer,
            "average": self.average.state(),
        }
        files |= {f"rank-{rank}": tensors for rank, (tensors, _) in enumerate(ranks)}
        scaler = self.accelerator.scaler
        document = {
            "format": FORMAT,
            "run": self.run.to_json(),
            "plateau": self.plateau.state(),
            "optimizer": settings,
            "scaler": None if scaler is None else scaler.state_dict(),
            "ranks": [others for _, others in ranks],
            "constants": self.constants,
            "recipe": self.recipe,
            **environment(self.accelerator.device),
        }
        return files, document

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state that `capture` returned.

        Raises:
            UserError: the checkpoint is of another format, model, or number of processes.
        """
        document, accelerator, origin = checkpoint.document, self.accelerator, checkpoint.path
        if document["format"] != FORMAT:
            raise UserError(
                f"{origin} has format {document['format']}, this version reads {FORMAT}"
            )
        if len(document["ranks"]) != accelerator.num_processes:
            raise UserError(
                f"{origin} was written by {len(document['ranks'])} process(es), and this run has "
                f"{accelerator.num_processes}: resume with as many"
            )
        if document.get("constants", self.constants) != self.constants:
            raise UserError(
                f"{origin}: the run was started with other pretrained vectors; resume it with the same file, or "
                "start over with --overwrite"
            )
        load_weights(self.model, checkpoint.tensors("model"), origin)
        tensors = checkpoint.tensors("optimizer")
        snapshot.load_optimizer(self.optimizer, tensors, document["optimizer"])
        self.average.load(checkpoint.tensors("average"))
        self.plateau.load(document["plateau"])
        self.run = RunState.from_json(document["run"])
        if accelerator.scaler is not None and document["scaler"] is not None:
            accelerator.scaler.load_state_dict(document["scaler"])
        rank = accelerator.process_index
        self.carry = snapshot.load_rank_state(
            checkpoint.tensors(f"rank-{rank}"), document["ranks"][rank], accelerator.device
        )


def load_weights(model: nn.Module, tensors: Tensors, origin: object) -> None:
    """Load the trained tensors of a checkpoint; checkpoints of earlier versions hold the constant ones, too."""
    load_model(model, constant_tensors(model) | tensors, origin)


def checkpoint_size(model: nn.Module, config: TrainingConfig) -> int:
    """Estimate the size of a checkpoint in bytes: weights, moments of the optimiser, averages."""
    weights = sum(tensor.nbytes for tensor in trained_tensors(model).values())
    moments = 2 if config.optimizer in ("adam", "adamw") else int(config.momentum > 0)
    averages = {"ema": 2, "last_k": 1 + config.average_last}.get(config.average, 0)
    return weights * (1 + moments + averages)
