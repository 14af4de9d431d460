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
from nlpseq.recipe import Recipe, TransformerConfig
from nlpseq.task import Task, resolve

from .environment import parameter_counts
from .seeds import read_recipe

TOLERANCE = 0.03  # of the parameters
MOST_UNITS = 2**16
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

        The width is searched by bisection; a Transformer's feedforward layer keeps its ratio to the width,
        and then takes up what the steps of the width (a multiple of its heads) leave.

        Raises:
            UserError: no width comes near enough.
        """
        encoder = read_recipe(self.name, self.overrides).encoder
        low, high = 0, 1
        while self.core(_sized(encoder, high)) < wanted:
            low, high = high, 2 * high
            if high > MOST_UNITS:
                raise UserError(f"encoder.hidden_size: no width gives {wanted:,} parameters")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if self.core(_sized(encoder, middle)) < wanted else (low, middle)
            )
        sizes = [_sized(encoder, units) for units in (low, high) if units]
        found = min(sizes, key=lambda one: abs(self.core(one) - wanted))
        if isinstance(encoder, TransformerConfig):
            found = self._filled(found, wanted)
        if abs(self.core(found) - wanted) > TOLERANCE * wanted:
            raise UserError(
                f"{encoder.kind}: the nearest to {wanted:,} parameters are {self.core(found):,}, with "
                f"{' '.join(found)}; compare larger models, or --match steps"
            )
        return found

    def _filled(self, overrides: list[str], wanted: int) -> list[str]:
        width, inner = overrides
        size = int(inner.partition("=")[2])
        here = self.core(overrides)
        each = self.core([width, f"encoder.feedforward_size={size + 1}"]) - here
        filled = max(1, size + round((wanted - here) / each))
        return [width, f"encoder.feedforward_size={filled}"]


def _sized(encoder: Any, units: int) -> list[str]:
    """Overrides for a width of so many steps."""
    if not isinstance(encoder, TransformerConfig):
        return [f"encoder.hidden_size={units}"]
    width = 2 * encoder.num_heads * units  # positions turn pairs of components
    inner = max(1, round(encoder.feedforward_size / encoder.hidden_size * width))
    return [f"encoder.hidden_size={width}", f"encoder.feedforward_size={inner}"]


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
