"""Recipe sections of tasks that read a text, or a pair of texts, to one vector."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import Count, DataConfig, Fraction, OptionalSize, Section, Size

from .text_recipe import LabelRecipe, TextTrainingConfig

SECOND_FIELD = "text2"
"""The field of the second text of a pair."""


class VectorDataConfig(DataConfig):
    """Texts, or pairs of texts."""

    max_tokens: Count = Field(
        10_000,
        description="tokens that are read of a text, the first ones; longer texts are counted",
    )


class VectorHeadConfig(Section):
    """The head on the encoder: pooling, features of a pair, output layer."""

    pooling: Literal["auto", "last", "mean", "max", "attention", "concat"] = Field(
        "auto",
        description="pooling of the outputs over time; auto: mean for a feedforward encoder, else max",
    )
    attention_size: Size = Field(100, description="pooling = attention: size of its hidden layer")
    dropout: Fraction = Field(0.0, description="dropout on the pooled vector of the text")
    hidden_size: OptionalSize = Field(
        0, description="units of a ReLU layer between this vector and the outputs; 0: none"
    )
    pair: Literal["none", "features", "cross_attention"] = Field(
        "none",
        description="pairs of texts, in the fields text and text2: features of both vectors "
        "(Conneau et al. 2017); cross_attention: also of tokens aligned to the other text (Chen et al. 2017)",
    )
    symmetric: bool = Field(
        False,
        description="`pair`: the same outputs for both orders of the texts, as for paraphrases",
    )


class VectorRecipe(LabelRecipe):
    """A recipe of a task that reads a text, or a pair of texts, to one vector."""

    data: VectorDataConfig = VectorDataConfig()
    head: VectorHeadConfig = VectorHeadConfig()
    training: TextTrainingConfig = TextTrainingConfig()

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        head = self.head
        if head.pair == "none":
            for table in ("columns", "hub_columns"):
                for key in getattr(self.data, table):
                    if key.rpartition(".")[2] == SECOND_FIELD:
                        raise ValueError(
                            f"data.{table}.{key}: names a second text, but head.pair = 'none' reads one; "
                            "set head.pair = 'features' or 'cross_attention', or leave the column out"
                        )
            head.refuse(("symmetric",), "is for pairs of texts, see head.pair", "head")
            return self
        if head.pair == "cross_attention" and self.encoder.kind in ("feedforward", "hierarchical"):
            raise ValueError(
                f"head.pair = 'cross_attention' aligns the outputs of tokens, which encoder.kind = "
                f"{self.encoder.kind!r} has not; set head.pair = 'features', or another encoder"
            )
        if self.data.phrases:
            raise ValueError(
                "data.phrases = true: labelled phrases are single texts, and head.pair = "
                f"{head.pair!r} reads pairs; leave it out"
            )
        return self
