"""Recipe sections of several labels for a text."""

from typing import Annotated, Literal

from pydantic import Field

from ..base.text_recipe import TextTrainingConfig
from ..base.vector_recipe import VectorDataConfig, VectorHeadConfig, VectorRecipe


class MultilabelDataConfig(VectorDataConfig):
    """Texts, each with any number of labels."""

    label_separator: Annotated[str, Field(min_length=1, max_length=20)] = Field(
        "auto",
        description="between the labels of a text such as `price;service`; auto: `|`, `;` or `,`, whichever the "
        "texts have",
    )


class MultilabelHeadConfig(VectorHeadConfig):
    """The head: pooling and output layer, with a probability for each label."""

    thresholds: Literal["global", "per_label"] | Annotated[float, Field(gt=0, lt=1)] = Field(
        "global",
        description="smallest probability of a predicted label: `global`, one for all labels with the highest micro "
        "F1 on validation; `per_label`, each with the highest F1 of its label; or a number, such as 0.5",
    )


class MultilabelTrainingConfig(TextTrainingConfig):
    """Training on several labels."""

    label_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: texts with a label count more in its loss, by the square root of the ratio of texts "
        "without and with it, so that rare labels are learnt",
    )


class MultilabelRecipe(VectorRecipe):
    """A recipe of several labels for a text."""

    data: MultilabelDataConfig = MultilabelDataConfig()
    head: MultilabelHeadConfig = MultilabelHeadConfig()
    training: MultilabelTrainingConfig = MultilabelTrainingConfig()
