"""Recipe sections shared by tasks on whole texts, and the check of a run whose weights a recipe starts from."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from nlpseq.errors import UserError
from nlpseq.recipe import Recipe, TokenizationConfig, TrainingConfig

KEYS_WITHOUT_SHAPE = (
    "positions",
    "num_heads",
    "activation",
    "nonlinearity",
    "residual",
    "dilations",
    "iterations",
    "bridge",
)
"""Keys of encoders and decoders that change what the weights compute, but not their shapes."""


class TextTrainingConfig(TrainingConfig):
    """Training on shuffled texts."""

    layer_decay: Annotated[float, Field(ge=1e-6, le=1)] = Field(
        1.0,
        description="learning rate of a layer, as a share of that of the layer above "
        "(Howard & Ruder 2018: 1/2.6)",
    )


class TextRecipe(Recipe):
    """A recipe of a task on whole texts."""

    training: TextTrainingConfig = TextTrainingConfig()

    @model_validator(mode="after")
    def _check_tokenization(self) -> Self:
        reason = "each text is an example of its own here, only a language model reads texts as one stream"
        self.tokenization.refuse(("add_eos",), reason, "tokenization")
        return self


class LabelRecipe(TextRecipe):
    """A recipe of a task that predicts labels."""

    @model_validator(mode="after")
    def _check_decoding(self) -> Self:
        keys = type(self.decoding).model_fields
        self.decoding.refuse(keys, "this task generates no text", "decoding")
        return self


def check_same_layers(
    recipe: TextRecipe,
    source: Recipe,
    option: str,
    *,
    sections: Sequence[str] = ("encoder",),
    tokenization_keys: Sequence[str] = (),
) -> None:
    """Refuse to start from a run whose layers or tokenization differ from those of the recipe.

    Args:
        recipe: recipe of the task.
        source: recipe of the run to start from.
        option: recipe key that names the run, for messages.
        sections: sections of the layers that start from the run.
        tokenization_keys: keys of `[tokenization]` that must have the same value in both recipes.

    Raises:
        UserError: layers differ in a key that changes no shape, or the tokenizations differ.
    """
    for section in sections:
        layers, source_layers = getattr(recipe, section), getattr(source, section)
        for key in KEYS_WITHOUT_SHAPE:
            if hasattr(layers, key) and hasattr(source_layers, key):
                _check_equal(f"{section}.{key}", layers, source_layers, option)
    for key in tokenization_keys:
        _check_equal(f"tokenization.{key}", recipe.tokenization, source.tokenization, option)
    for key in ("kind", "path", "lowercase", "digits_as_zero"):
        value, expected = getattr(recipe.tokenization, key), getattr(source.tokenization, key)
        if value not in (expected, TokenizationConfig.model_fields[key].default):
            raise UserError(
                f"{option}: that run has tokenization.{key} = {expected}, this recipe {value}; its "
                f"tokenizer is used unchanged, leave the key out or set it to {expected}"
            )


def _check_equal(key: str, section: Any, source_section: Any, option: str) -> None:
    name = key.rpartition(".")[2]
    value, expected = getattr(section, name), getattr(source_section, name)
    if (
        name == "split" and section.kind == "word"
    ):  # words are cut by rule unless the recipe says otherwise
        value, expected = value or "words", expected or "words"
    if value != expected:
        raise UserError(
            f"{option}: that run has {key} = {expected}, this recipe {value}; set {key} = {expected}"
        )
