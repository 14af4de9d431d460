"""Recipe sections of text classification."""

from typing import Literal

from pydantic import Field

from ..base.text_recipe import TextTrainingConfig
from ..base.vector_recipe import VectorDataConfig, VectorHeadConfig, VectorRecipe


class LabelledDataConfig(VectorDataConfig):
    """Texts, each with a label."""

    labels: dict[str, str] = Field(
        default_factory=dict,
        description="label in the data = class, in the order of the classes; labels may share a class",
    )


class ClassifierConfig(VectorHeadConfig):
    """The head of a classifier: pooling and output layer."""

    calibrate: bool = Field(
        False,
        description="divide the logits by a temperature that is chosen on validation after training, so that "
        "probabilities are calibrated (Guo et al. 2017); classes stay the same",
    )


class ClassificationTrainingConfig(TextTrainingConfig):
    """Training of a classifier."""

    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class has the same weight in the loss"
    )


class ClassificationRecipe(VectorRecipe):
    """A recipe of text classification."""

    data: LabelledDataConfig = LabelledDataConfig()
    head: ClassifierConfig = ClassifierConfig()
    training: ClassificationTrainingConfig = ClassificationTrainingConfig()
