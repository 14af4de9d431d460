"""Recipe sections of language modeling."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import (
    CausalEncoderConfig,
    Count,
    EvaluationConfig,
    Integers,
    Length,
    NotNegative,
    Recipe,
    RecurrentConfig,
    Section,
    TrainingConfig,
)

FREQUENCY_ORDERED = ("word", "character", "unigram")
"""Tokenizations whose ids are ordered by frequency."""


class SoftmaxConfig(Section):
    """The output layer: one softmax over the vocabulary, or the adaptive one (Grave et al. 2017)."""

    kind: Literal["full", "adaptive"] = Field(
        "full", description="softmax over all tokens, or adaptive softmax (Grave et al. 2017)"
    )
    tied: bool = Field(True, description="share the embedding's table (full softmax)")
    cutoffs: Integers = Field(
        (), description="adaptive: ranks at which a cluster of rarer tokens begins"
    )

    @model_validator(mode="after")
    def _check_cutoffs(self) -> Self:
        if self.kind == "adaptive" and not self.cutoffs:
            raise ValueError("kind = 'adaptive' needs cutoffs, for example [2000]")
        if self.kind == "full" and self.cutoffs:
            raise ValueError("cutoffs belong to kind = 'adaptive'")
        return self


class WindowedTrainingConfig(TrainingConfig):
    """Training in windows of a stream."""

    bptt_length: Length = Field(35, description="tokens of a window")
    random_windows: bool = Field(
        False, description="vary the length of windows (Merity et al. 2018)"
    )
    activation_penalty: NotNegative = Field(
        0.0, description="weight of the mean squared output (AR, Merity et al. 2017)"
    )
    temporal_penalty: NotNegative = Field(
        0.0, description="weight of the mean squared change of the output over time (TAR)"
    )


class StreamEvaluationConfig(EvaluationConfig):
    """Evaluation of a split: as one stream, or text by text."""

    documents: bool = Field(False, description="score each text on its own, not as one stream")
    batch_size: Count = Field(1, description="documents read at once; changes speed only")
    window: Length = Field(256, description="tokens encoded at once; changes memory only")


class LanguageModelingRecipe(Recipe):
    """A recipe of language modeling."""

    encoder: CausalEncoderConfig = RecurrentConfig()
    head: SoftmaxConfig = SoftmaxConfig()
    training: WindowedTrainingConfig = WindowedTrainingConfig()
    evaluation: StreamEvaluationConfig = StreamEvaluationConfig()

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if isinstance(self.encoder, RecurrentConfig) and self.encoder.bidirectional:
            raise ValueError(
                "encoder.bidirectional = true: a language model must not see the tokens that it predicts"
            )
        if self.embedding.characters != "none" or self.embedding.casing_dim:
            raise ValueError(
                "embedding.characters and casing_dim: a language model reads token ids only"
            )
        if self.encoder.init_from is not None:
            raise ValueError(
                "encoder.init_from: is for classifiers and taggers, which start from a language model"
            )
        if self.head.kind == "adaptive" and self.training.label_smoothing > 0:
            raise ValueError("training.label_smoothing: not with head.kind = 'adaptive'")
        if self.head.kind == "adaptive" and self.tokenization.kind not in FREQUENCY_ORDERED:
            raise ValueError(
                "head.kind = 'adaptive' splits the vocabulary by frequency: choose a tokenization.kind "
                f"whose ids are ordered by frequency: {', '.join(FREQUENCY_ORDERED)}"
            )
        return self

    @model_validator(mode="after")
    def _check_unused(self) -> Self:
        if self.training.batch_tokens:
            raise ValueError("training.batch_tokens: windows have a fixed size, set batch_size")
        if self.decoding.coverage_penalty:
            raise ValueError("decoding.coverage_penalty: a language model has no source to cover")
        if (
            self.tokenization.split == "words"
        ):  # recipes of version 0.1 spell the default, whitespace
            raise ValueError(
                "tokenization.split = 'words': a language model reads texts unchanged, and words are separated "
                "by white space; leave it out"
            )
        try:
            self.decoding.check_lengths()
        except ValueError as error:
            raise ValueError(f"decoding: {error}") from error
        return self
