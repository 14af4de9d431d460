"""Recipe sections of regression."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ..base.text_recipe import TextTrainingConfig
from ..base.vector_recipe import VectorRecipe


class RegressionTrainingConfig(TextTrainingConfig):
    """Training on numbers."""

    loss: Literal["mse", "huber"] = Field(
        "mse",
        description="squared error of standardised numbers; huber: absolute error beyond one standard "
        "deviation, so that outliers count less",
    )


class RegressionRecipe(VectorRecipe):
    """A recipe of regression."""

    training: RegressionTrainingConfig = RegressionTrainingConfig()

    @model_validator(mode="after")
    def _check_smoothing(self) -> Self:
        reason = "a number has no wrong classes to share a probability with"
        self.training.refuse(("label_smoothing",), reason, "training")
        return self
