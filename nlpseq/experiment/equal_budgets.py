"""Models made equal before they are compared: as many parameters, or as many minutes.

Embedding and output layer are the same for all models and most of their parameters; what is matched is the rest.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.analysis.comparison.costs import output_parameters
from nlpseq.data.sources import load_splits
from nlpseq.errors import UserError
from nlpseq.models.model import parameter_counts
from nlpseq.recipe import Recipe, TransformerConfig, TransformerDecoderConfig
from nlpseq.task import Task, resolve

from .seeds import read_recipe

TOLERANCE = 0.03  # of the parameters
MOST_UNITS = 2**16
TRANSFORMERS = (TransformerConfig, TransformerDecoderConfig)
TIMING = (  # a few updates and validations, from whose history seconds are read
    "training.max_steps=40",
    "training.log_steps=10",
    "training.validate_steps=20",
    "training.epochs=1000000",
    "training.patience=0",
    "evaluation.splits=[]",
)


class Sizer:
    """Builds models of a recipe in other sizes, on what its task has learnt from train once.

    Args:
        name: the recipe.
        overrides: of it.
        data_dir: local files.
    """

    def __init__(self, name: str, overrides: Sequence[str], data_dir: Path | None) -> None:
        self.name, self.overrides = name, list(overrides)
        recipe = read_recipe(name, overrides)
        self.task: Task[Any] = resolve(recipe.task)(recipe)
        fields, further = self.task.fields, self.task.further_fields
        splits = load_splits(recipe.data, data_dir=data_dir, fields=fields, further_fields=further)
        if "train" not in splits:
            raise UserError(f"recipe {name}: data.files names no train split")
        names = [name for name in splits if name in ("train", "validation")]  # test stays unread
        self.task.prepare({name: splits[name] for name in names}, [data_dir] if data_dir else [])

    def core(self, overrides: Sequence[str] = ()) -> int:
        """Parameters outside embedding and output layer, of the recipe with further overrides."""
        recipe = read_recipe(self.name, [*self.overrides, *overrides])
        task = type(self.task)(recipe)
        task.target_tokenizer = self.task.target_tokenizer
        task.restore(self.task.tokenizer, self.task.state())
        model = task.build()
        counts = parameter_counts(model)
        rows = len(task.target_tokenizer or task.tokenizer)
        shapes = {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
        return counts["total"] - counts["embedding"] - output_parameters(shapes, rows)

    def match(self, wanted: int) -> list[str]:
        """Overrides that give a model `wanted` parameters, within 3%.

        The width is searched by bisection, a decoder's keeps its ratio to the encoder's; a Transformer's
        feedforward layers keep theirs to the width, and then take up what the steps of the width (a multiple
        of its heads) leave.

        Raises:
            UserError: no width comes near enough.
        """
        recipe = read_recipe(self.name, self.overrides)
        low, high = 0, 1
        while self.core(_sized(recipe, high)) < wanted:
            low, high = high, 2 * high
            if high > MOST_UNITS:
                raise UserError(f"encoder.hidden_size: no width gives {wanted:,} parameters")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if self.core(_sized(recipe, middle)) < wanted else (low, middle)
            )
        near = [units for units in (low, high) if units]
        units = min(near, key=lambda one: abs(self.core(_sized(recipe, one)) - wanted))
        found = _sized(recipe, units)
        here, each = self.core(found), self.core(_sized(recipe, units, 1)) - self.core(found)
        if each:
            found = _sized(recipe, units, round((wanted - here) / each))
        if abs(self.core(found) - wanted) > TOLERANCE * wanted:
            raise UserError(
                f"{recipe.encoder.kind}: the nearest to {wanted:,} parameters are {self.core(found):,}, with "
                f"{' '.join(found)}; compare larger models, or --match steps"
            )
        return found


def _sized(recipe: Recipe, units: int, more: int = 0) -> list[str]:
    """Overrides for a width of so many steps, and for `more` units of each feedforward layer."""
    encoder, decoder = recipe.encoder, getattr(recipe, "decoder", None)
    if decoder is None:
        return _wide("encoder", encoder, units * _step(encoder), encoder.hidden_size, more)
    step = math.lcm(_step(encoder), _step(decoder))
    before = decoder.hidden_size or encoder.hidden_size  # 0: as the encoder's outputs
    width = max(1, round(before / encoder.hidden_size * units)) * step
    return [
        *_wide("encoder", encoder, units * step, encoder.hidden_size, more),
        *_wide("decoder", decoder, width, before, more),
    ]


def _step(config: Any) -> int:
    """What a width is a multiple of: a Transformer's positions turn pairs of components of a head."""
    return 2 * config.num_heads if isinstance(config, TRANSFORMERS) else 1


def _wide(name: str, config: Any, width: int, before: int, more: int) -> list[str]:
    found = [f"{name}.hidden_size={width}"] if config.hidden_size else []
    if isinstance(config, TRANSFORMERS):
        inner = round(config.feedforward_size / before * width)
        found.append(f"{name}.feedforward_size={max(1, inner + more)}")
    return found


def steps_in(minutes: float, history: Sequence[Mapping[str, Any]], recipe: Recipe) -> list[str]:
    """Overrides that train for about so many minutes, by the history of a run with `TIMING`.

    The number of updates is fixed beforehand: schedules need it, and a run that is resumed must end as
    one that was not.

    Args:
        minutes: of training and validating.
        history: lines of the timing run.
        recipe: as it will be run.

    Raises:
        UserError: that is not enough for an update.
    """
    lines = [line for line in history if "loss" in line]
    spans = [
        (after["seconds"] - before["seconds"]) / (after["step"] - before["step"])
        for before, after in zip(lines[::2], lines[1::2], strict=False)
    ]
    update = sum(spans) / len(spans)
    begun = {line["step"]: line["seconds"] for line in lines}
    pauses = [line["seconds"] - begun[line["step"]] for line in history if "validation" in line]
    epoch = lines[-1]["step"] / lines[-1]["epoch"]
    between = recipe.training.validate_steps or epoch
    pause = sum(pauses) / len(pauses) / between if pauses else 0.0
    steps = math.floor(60 * minutes / (update + pause))
    if steps < 1:
        raise UserError(
            f"--minutes {minutes:g}: not enough for an update, which takes {update:.2f} s"
        )
    epochs = math.ceil(steps / epoch) + 1
    return [f"training.max_steps={steps}", f"training.epochs={epochs}", "training.patience=0"]
