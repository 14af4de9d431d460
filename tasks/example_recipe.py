"""What recipes of tasks on whole texts may say, and whether a language model to start from reads alike."""

from typing import Self

from pydantic import Field, model_validator

from nlpseq.errors import UserError
from nlpseq.recipe import Positive, Recipe, TokenizationConfig, TrainingConfig, TransformerConfig


class ExampleTrainingConfig(TrainingConfig):
    """Training on shuffled texts."""

    layer_decay: Positive = Field(
        1.0,
        description="learning rate of a layer by that of the one above (Howard & Ruder 2018: 1/2.6)",
    )


class ExampleRecipe(Recipe):
    """A recipe of a task on whole texts."""

    training: ExampleTrainingConfig = ExampleTrainingConfig()

    @model_validator(mode="after")
    def _texts(self) -> Self:
        reason = "texts stand by themselves here, only streams of a language model need their ends"
        self.tokenization.refuse(("add_eos",), reason, "tokenization")
        return self


class LabellingRecipe(ExampleRecipe):
    """A recipe of a task that answers with labels."""

    @model_validator(mode="after")
    def _labels(self) -> Self:
        keys = type(self.decoding).model_fields
        self.decoding.refuse(keys, "this task writes no texts as its answers", "decoding")
        return self


def check_same_reading(mine: ExampleRecipe, theirs: Recipe) -> None:
    """Refuse to start from a language model that reads otherwise than the recipe says.

    Args:
        mine: recipe of the task.
        theirs: that of the language model.

    Raises:
        UserError: Transformer layers differ in what no shape would tell, or the recipe asks for another
            tokenization.
    """
    if isinstance(mine.encoder, TransformerConfig) and isinstance(
        theirs.encoder, TransformerConfig
    ):
        for key in ("positions", "num_heads", "activation"):
            wanted, given = getattr(theirs.encoder, key), getattr(mine.encoder, key)
            if wanted != given:
                raise UserError(
                    f"encoder.init_from: that run has encoder.{key} = {wanted}, this recipe {given}; "
                    "[encoder] must be that of that run"
                )
    for key in ("kind", "path", "lowercase", "digits_as_zero"):
        wanted, given = getattr(theirs.tokenization, key), getattr(mine.tokenization, key)
        if given not in (wanted, TokenizationConfig.model_fields[key].default):
            raise UserError(
                f"encoder.init_from: that run has tokenization.{key} = {wanted}, this recipe {given}; its "
                f"tokenizer is taken as it is, leave the key out or say {wanted}"
            )
