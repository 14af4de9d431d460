"""Equal budgets for models that are compared: the same number of parameters, or of minutes.

Embedding and output layer, which are the same for all models and hold most parameters, are not counted.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nlpseq.analysis.comparison.costs import output_parameters
from nlpseq.data.in_memory import LocalData
from nlpseq.errors import UserError
from nlpseq.models.model import parameter_counts
from nlpseq.recipe import Recipe, TransformerConfig, TransformerDecoderConfig
from nlpseq.run_data import load_training_data
from nlpseq.task import Task
from nlpseq.task_lookup import read_recipe, resolve

TOLERANCE = 0.03  # relative, in parameters
MAX_UNITS = 2**16
TRANSFORMERS = (TransformerConfig, TransformerDecoderConfig)
TIMING = (  # overrides of a short run, whose history gives the seconds of updates and validations
    "training.max_steps=40",
    "training.log_steps=10",
    "training.validate_steps=20",
    "training.epochs=1000000",
    "training.patience=0",
    "evaluation.splits=[]",
)


class ParameterMatcher:
    """Builds models of a recipe in several sizes, with what its task learnt from train once.

    Args:
        name: name of the recipe.
        overrides: assignments to the recipe.
        local_data: folder of local data files, or data in memory.

    Raises:
        UserError: the recipe or its data are bad, or options that would fail after training.
    """

    def __init__(self, name: str, overrides: Sequence[str], local_data: LocalData | None) -> None:
        self.name, self.overrides = name, list(overrides)
        recipe = read_recipe(name, overrides)
        self.task: Task[Any] = resolve(recipe.task)(recipe)
        splits, folder = load_training_data(name, self.task, local_data, overrides)
        used = [name for name in splits if name in ("train", "validation")]  # test stays unread
        self.task.prepare({name: splits[name] for name in used}, [folder] if folder else [])
        self.task.check_options()

    def count(self, overrides: Sequence[str] = ()) -> int:
        """Return the parameters outside embedding and output layer, with further overrides."""
        task = self.task.with_recipe(read_recipe(self.name, [*self.overrides, *overrides]))
        model = task.build()
        counts = parameter_counts(model)
        rows = len(task.target_tokenizer or task.tokenizer)
        shapes = {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
        return counts["total"] - counts["embedding"] - output_parameters(shapes, rows)

    def match(self, wanted: int) -> list[str]:
        """Return overrides that give the model `wanted` parameters, within 3%.

        The width is found by bisection; a decoder's width keeps its ratio to the encoder's. Feedforward
        layers of a Transformer keep their ratio to the width, and then take the remaining parameters, since
        the width is a multiple of twice the number of heads.

        Raises:
            UserError: no width is near enough.
        """
        recipe = read_recipe(self.name, self.overrides)
        units = self._nearest_units(recipe, wanted)
        overrides = _sized(recipe, units)
        count = self.count(overrides)
        per_unit = self.count(_sized(recipe, units, 1)) - count
        if per_unit:
            overrides = _sized(recipe, units, round((wanted - count) / per_unit))
            count = self.count(overrides)
        if abs(count - wanted) > TOLERANCE * wanted:
            raise UserError(
                f"{recipe.encoder.kind}: the nearest to {wanted:,} parameters are {count:,}, with "
                f"{' '.join(overrides)}; compare larger models, or --match steps"
            )
        return overrides

    def _nearest_units(self, recipe: Recipe, wanted: int) -> int:
        """Return the units of width whose model is nearest to `wanted` parameters."""
        low, high = 0, 1
        while self.count(_sized(recipe, high)) < wanted:
            low, high = high, 2 * high
            if high > MAX_UNITS:
                raise UserError(f"encoder.hidden_size: no width gives {wanted:,} parameters")
        while high - low > 1:
            middle = (low + high) // 2
            if self.count(_sized(recipe, middle)) < wanted:
                low = middle
            else:
                high = middle
        return min(
            (units for units in (low, high) if units),
            key=lambda units: abs(self.count(_sized(recipe, units)) - wanted),
        )


def _sized(recipe: Recipe, units: int, more: int = 0) -> list[str]:
    """Return overrides for a width of `units` steps, and `more` units in each feedforward layer."""
    encoder, decoder = recipe.encoder, getattr(recipe, "decoder", None)
    if decoder is None:
        return _widened("encoder", encoder, units * _step(encoder), encoder.hidden_size, more)
    step = math.lcm(_step(encoder), _step(decoder))
    before = decoder.hidden_size or encoder.hidden_size  # 0: that of the encoder's outputs
    width = max(1, round(before / encoder.hidden_size * units)) * step
    return [
        *_widened("encoder", encoder, units * step, encoder.hidden_size, more),
        *_widened("decoder", decoder, width, before, more),
    ]


def _step(config: Any) -> int:
    """Return the step of the width: rotary positions of a Transformer need pairs in each head."""
    return 2 * config.num_heads if isinstance(config, TRANSFORMERS) else 1


def _widened(name: str, config: Any, width: int, before: int, more: int) -> list[str]:
    """Return overrides for the width of one section; `before` is its width in the recipe."""
    overrides = [f"{name}.hidden_size={width}"] if config.hidden_size else []
    if isinstance(config, TRANSFORMERS):
        inner = round(config.feedforward_size / before * width)
        overrides.append(f"{name}.feedforward_size={max(1, inner + more)}")
    return overrides


def steps_in(minutes: float, history: Sequence[Mapping[str, Any]], recipe: Recipe) -> list[str]:
    """Return overrides that train for about `minutes`, by the history of a run with `TIMING`.

    The number of updates is fixed before training, because schedules need it and a resumed run must end
    like one that was never stopped.

    Args:
        minutes: time for training and validation.
        history: lines of the timing run.
        recipe: the recipe to train.

    Raises:
        UserError: the time is not enough for one update.
    """
    lines = [line for line in history if "loss" in line]
    spans = [
        (after["seconds"] - before["seconds"]) / (after["step"] - before["step"])
        for before, after in zip(lines[::2], lines[1::2], strict=False)
    ]
    update = sum(spans) / len(spans)
    logged = {line["step"]: line["seconds"] for line in lines}
    validations = [
        line["seconds"] - logged[line["step"]] for line in history if "validation" in line
    ]
    epoch = lines[-1]["step"] / lines[-1]["epoch"]
    interval = recipe.training.validate_steps or epoch
    validation = sum(validations) / len(validations) / interval if validations else 0.0
    steps = math.floor(60 * minutes / (update + validation))
    if steps < 1:
        raise UserError(
            f"--minutes {minutes:g}: not enough for an update, which takes {update:.2f} s"
        )
    epochs = math.ceil(steps / epoch) + 1
    return [f"training.max_steps={steps}", f"training.epochs={epochs}", "training.patience=0"]
