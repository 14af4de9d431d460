"""Recipe sections of text classification."""

from typing import Literal

from pydantic import Field

from nlpseq.recipe import Count, DataConfig, Fraction, Section

from ..base.text_recipe import LabelRecipe, TextTrainingConfig


class LabelledDataConfig(DataConfig):
    """Texts, each with a label."""

    labels: dict[str, str] = Field(
        default_factory=dict,
        description="label in the data = class, in the order of the classes; labels may share a class",
    )


class ClassifierConfig(Section):
    """The head of a classifier: pooling and output layer."""

    pooling: Literal["auto", "last", "mean", "max", "attention", "concat"] = Field(
        "auto",
        description="pooling of the outputs over time; auto: mean for a feedforward encoder, else max",
    )
    attention_size: Count = Field(100, description="pooling = attention: size of its hidden layer")
    dropout: Fraction = Field(0.0, description="dropout on the pooled vector of the text")


class ClassificationTrainingConfig(TextTrainingConfig):
    """Training of a classifier."""

    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class has the same weight in the loss"
    )


class ClassificationRecipe(LabelRecipe):
    """A recipe of text classification."""

    data: LabelledDataConfig = LabelledDataConfig()
    head: ClassifierConfig = ClassifierConfig()
    training: ClassificationTrainingConfig = ClassificationTrainingConfig()
