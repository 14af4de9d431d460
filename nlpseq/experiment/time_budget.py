"""Fit the length of training into a time budget, by the measured speed of a few updates.

The number of updates is fixed before training, because schedules need it. If the machine turns out to be slower than
measured, the trainer stops at the limit with a last validation, and the recipe of the run records where.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from nlpseq.data.split import Split
from nlpseq.devices import build_accelerator
from nlpseq.errors import UserError
from nlpseq.recipe import Recipe
from nlpseq.reporting.formats import format_duration
from nlpseq.task import Task
from nlpseq.task_lookup import resolve
from nlpseq.temporary_files import scratch_folder
from nlpseq.training.history import History
from nlpseq.training.reporters import SilentReporter
from nlpseq.training.trainer import Trainer

UPDATES, WARM_UP = 12, 4
MARGIN = 0.85
"""Share of the time that is planned for: batches differ, and machines have other work."""
SAMPLE = 64  # examples of validation that are timed
BASELINES = 5.0  # seconds kept for them
FEW_UPDATES = 1000  # after which outputs may not end yet
_VALIDATION = 0.15  # most of the time for one validation


@dataclass(frozen=True)
class Speed:
    """Measured times.

    Attributes:
        update: seconds of an update.
        validation: seconds of a validation.
        steps: updates in an epoch.
        validated: examples of a validation; 0: their number cannot be limited.
        scored: examples of the splits that are scored at the end.
        per_example: seconds of scoring an example.
        unending: time of outputs that never end, as a multiple of the usual ones.
    """

    update: float
    validation: float
    steps: int
    validated: int
    scored: int
    per_example: float
    unending: float = 1.0

    def with_unending_outputs(self) -> "Speed":
        """Return the times of a model whose outputs never end."""
        return replace(
            self,
            validation=self.validation * self.unending,
            per_example=self.per_example * self.unending,
            unending=1.0,
        )


@dataclass(frozen=True)
class Budget:
    """A plan that fits into a time.

    Attributes:
        settings: keys of `[training]` to change.
        seconds: time limit of training.
        line: says what was measured and changed.
        steps: updates that fit.
    """

    settings: Mapping[str, Any]
    seconds: float
    line: str
    steps: int


def measure_speed(
    recipe: Recipe, local_data: Any, device: str | None, *, output_tokens: int = 0
) -> Speed:
    """Train a few updates and score a few examples, in a folder that is deleted.

    Args:
        recipe: to be trained.
        local_data: folder of its local files, or data in memory; None for the Hub.
        device: to train on.
        output_tokens: usual length of outputs, at which those of the new model, which never end, are cut;
            0: they are not.

    Raises:
        UserError: the data are bad.
    """
    timed = _timed_recipe(recipe, output_tokens)
    sample = timed.training.validation_limit
    task: Task[Any] = resolve(recipe.task)(timed)
    splits = task.load_training_splits(local_data)
    set_seed(recipe.seed)
    used: dict[str, Split] = {
        name: splits[name] for name in ("train", "validation") if name in splits
    }
    task.prepare(used, [local_data] if isinstance(local_data, Path) else [])
    model = task.build()
    accelerator = build_accelerator(device, recipe.training.precision)
    with scratch_folder() as folder:
        trainer = Trainer(
            task, model, accelerator=accelerator, folder=folder, reporter=SilentReporter()
        )
        trainer.fit(splits["train"], splits.get("validation"))
        history = History(folder / "history.jsonl").read()
    logged = {line["step"]: line["seconds"] for line in history if "loss" in line}
    last = max(logged)
    update = (logged[last] - logged.get(WARM_UP, 0.0)) / max(last - WARM_UP, 1)
    seconds = sum(line["seconds"] - logged[last] for line in history if "validation" in line)
    validation = splits.get("validation")
    per_example = seconds / max(_size(validation, sample), 1)
    validated = _size(validation, recipe.training.validation_limit)
    return Speed(
        max(update, 1e-6),
        per_example * validated if sample else seconds,
        task.steps_per_epoch(splits["train"]),
        validated if sample else 0,
        sum(len(splits[name]) for name in recipe.evaluation.splits if name in splits),
        per_example,
        recipe.decoding.max_new_tokens / _output_limit(recipe, output_tokens),
    )


def _size(split: Split | None, limit: int) -> int:
    if split is None:
        return 0
    return min(len(split), limit) if limit else len(split)


def _timed_recipe(recipe: Recipe, output_tokens: int) -> Recipe:
    """Return the recipe of a few updates and one short validation."""
    training = recipe.training.model_copy(
        update={
            "max_steps": UPDATES,
            "stop_after": 0,
            "epochs": 1e6,
            "log_steps": 1,
            "validate_steps": UPDATES,
            "checkpoint_steps": 0,
            "patience": 0,
        }
    )
    sample = (
        0 if resolve(recipe.task).contiguous else min(training.validation_limit or SAMPLE, SAMPLE)
    )
    training = training.model_copy(update={"validation_limit": sample})
    return recipe.model_copy(
        update={"training": training, "decoding": _shortened(recipe, output_tokens)}
    )


def _shortened(recipe: Recipe, tokens: int) -> Any:
    """Return the section `[decoding]` with outputs of at most so many tokens."""
    decoding, most = recipe.decoding, _output_limit(recipe, tokens)
    if most == decoding.max_new_tokens:
        return decoding
    least = min(decoding.min_new_tokens, most)
    return decoding.model_copy(update={"max_new_tokens": most, "min_new_tokens": least})


def _output_limit(recipe: Recipe, tokens: int) -> int:
    """Return the length at which timed outputs are cut."""
    most = recipe.decoding.max_new_tokens
    return tokens if 0 < tokens < most else most


def fit_into(minutes: float, spent: float, recipe: Recipe, speed: Speed) -> Budget:
    """Shorten training where it does not fit into a budget.

    Outputs of a model that is trained briefly are expected not to end.

    Args:
        minutes: of the whole command.
        spent: seconds that have passed.
        recipe: with the planned length.
        speed: as measured.

    Raises:
        UserError: the time is not enough for one update and its scores.
    """
    budget = _fit(minutes, spent, recipe, speed)
    if budget.steps >= FEW_UPDATES or speed.unending == 1.0:
        return budget
    return _fit(minutes, spent, recipe, speed.with_unending_outputs())


def _fit(minutes: float, spent: float, recipe: Recipe, speed: Speed) -> Budget:
    """Shorten training, by these times."""
    training = recipe.training
    per_example = speed.per_example
    left = 60 * minutes - spent - per_example * speed.scored - BASELINES
    settings: dict[str, Any] = {}
    validation = speed.validation
    if validation > _VALIDATION * max(left, 0.0) and speed.validated > 50:
        limit = max(int(_VALIDATION * max(left, 0.0) / per_example), 50)
        if limit < speed.validated:
            settings["validation_limit"] = limit
            validation = limit * per_example
    planned = _planned_steps(recipe, speed)
    interval = training.validate_steps or speed.steps
    each = speed.update + validation / interval
    measured = f"an update takes {1000 * speed.update:.0f} ms, a validation {format_duration(speed.validation)}"
    steps = int(MARGIN * left / each) if left > 0 else 0
    if steps < interval:  # one validation at the end
        steps = int((MARGIN * left - validation) / speed.update) if left > validation else 0
    if steps < 1:
        raise UserError(
            f"--minutes {minutes:g}: not enough to train and score: {measured}, and scoring takes about "
            f"{format_duration(per_example * speed.scored)}; give more minutes"
        )
    seconds = max(left - validation, 1.0)
    if steps >= planned:
        total = planned * each
        return Budget(
            settings,
            seconds,
            f"{measured}: the plan of {planned:,} updates fits, about {format_duration(total)}",
            planned,
        )
    epochs = steps / speed.steps
    settings["epochs"] = round(epochs, 4)
    line = f"{measured}: {steps:,} of the planned {planned:,} updates fit, {epochs:.2g} epochs" + (
        "; train is not read once to its end" if epochs < 1 else ""
    )
    return Budget(settings, seconds, line, steps)


def _planned_steps(recipe: Recipe, speed: Speed) -> int:
    training = recipe.training
    steps = max(round(training.epochs * speed.steps / training.accumulation), 1)
    return min(steps, training.max_steps) if training.max_steps else steps


class Clock:
    """Seconds since a command began."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The seconds."""
        return time.perf_counter() - self._start
