"""What recipes of tasks on whole texts may say, and whether a run to start from reads alike."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from nlpseq.errors import UserError
from nlpseq.recipe import Positive, Recipe, TokenizationConfig, TrainingConfig

UNSEEN = (
    "positions",
    "num_heads",
    "activation",
    "nonlinearity",
    "residual",
    "dilations",
    "iterations",
    "bridge",
)
"""Keys of layers that say what the same weights do, and leave their shapes as they are."""


class TextTrainingConfig(TrainingConfig):
    """Training on shuffled texts."""

    layer_decay: Positive = Field(
        1.0,
        description="learning rate of a layer by that of the one above (Howard & Ruder 2018: 1/2.6)",
    )


class TextRecipe(Recipe):
    """A recipe of a task on whole texts."""

    training: TextTrainingConfig = TextTrainingConfig()

    @model_validator(mode="after")
    def _texts(self) -> Self:
        reason = "texts stand by themselves here, only streams of a language model need their ends"
        self.tokenization.refuse(("add_eos",), reason, "tokenization")
        return self


class LabellingRecipe(TextRecipe):
    """A recipe of a task that answers with labels."""

    @model_validator(mode="after")
    def _labels(self) -> Self:
        keys = type(self.decoding).model_fields
        self.decoding.refuse(keys, "this task writes no texts as its answers", "decoding")
        return self


def check_same_reading(
    mine: TextRecipe,
    theirs: Recipe,
    option: str,
    *,
    layers: Sequence[str] = ("encoder",),
    equal: Sequence[str] = (),
) -> None:
    """Refuse to start from a run that reads otherwise than the recipe says.

    Args:
        mine: recipe of the task.
        theirs: that of the run.
        option: key that names the run.
        layers: sections of those layers that start from it.
        equal: keys of the tokenization that are read from this recipe, whatever the run says.

    Raises:
        UserError: layers differ in what no shape would tell, or the recipe asks for another tokenization.
    """
    for section in layers:
        given, wanted = getattr(mine, section), getattr(theirs, section)
        for key in UNSEEN:
            if hasattr(given, key) and hasattr(wanted, key):
                _check_equal(f"{section}.{key}", getattr(given, key), getattr(wanted, key), option)
    for key in equal:
        given, wanted = getattr(mine.tokenization, key), getattr(theirs.tokenization, key)
        _check_equal(f"tokenization.{key}", given, wanted, option)
    for key in ("kind", "path", "lowercase", "digits_as_zero"):
        given, wanted = getattr(mine.tokenization, key), getattr(theirs.tokenization, key)
        if given not in (wanted, TokenizationConfig.model_fields[key].default):
            raise UserError(
                f"{option}: that run has tokenization.{key} = {wanted}, this recipe {given}; its "
                f"tokenizer is taken as it is, leave the key out or say {wanted}"
            )


def _check_equal(key: str, given: Any, wanted: Any, option: str) -> None:
    if wanted != given:
        raise UserError(
            f"{option}: that run has {key} = {wanted}, this recipe {given}; set {key} = {wanted}"
        )
