"""What a recipe of translation and summarization may say."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import (
    Count,
    DecoderConfig,
    DecodingConfig,
    Natural,
    RecurrentDecoderConfig,
    Section,
    TokenizationConfig,
    TransformerDecoderConfig,
)

from ..base.text_recipe import TextRecipe
from .reward_training import ObjectiveConfig
from .scheduled_sampling import ScheduledSamplingConfig

LengthRatio = Annotated[float, Field(ge=0, le=1000)]


class PairTokenizationConfig(TokenizationConfig):
    """How both sides become tokens."""

    joint: bool = Field(True, description="one vocabulary for both sides, learnt from both")
    max_source_length: Natural = Field(0, description="tokens of a source; 0: no limit")
    max_target_length: Natural = Field(
        0, description="tokens of a target in training, its end among them; 0: no limit"
    )
    too_long: Literal["truncate", "refuse"] = Field(
        "truncate", description="a source that is longer is cut (and counted), or an error"
    )


class OutputConfig(Section):
    """The output layer, and what it shares."""

    tied: bool = Field(True, description="its weights are the target's vectors")
    shared: bool = Field(
        True, description="joint vocabulary: both sides have the same vectors (three-way tying)"
    )


class TextDecodingConfig(DecodingConfig):
    """How an output is found."""

    method: Literal["greedy", "sample", "beam"] = "beam"
    num_return: Count = Field(1, description="beam: hypotheses that an answer lists")
    batch_size: Natural = Field(
        0, description="sources searched together; 0: up to two training batches"
    )
    min_length_ratio: LengthRatio = Field(0.0, description="of the source's tokens, at least")
    max_length_ratio: LengthRatio = Field(
        0.0, description="of the source's tokens, at most (and max_new_tokens); 0: no such limit"
    )
    replace_unknown: bool = Field(
        False, description="an unknown token becomes the source's most attended word"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.method == "beam" and self.num_return > self.beam_size:
            raise ValueError(
                f"num_return = {self.num_return}: a beam of {self.beam_size} has no more hypotheses; set "
                f"beam_size = {self.num_return}"
            )
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens = {self.min_new_tokens} is above max_new_tokens = {self.max_new_tokens}"
            )
        if 0 < self.max_length_ratio < self.min_length_ratio:
            raise ValueError(
                f"min_length_ratio = {self.min_length_ratio} is above max_length_ratio = {self.max_length_ratio}"
            )
        if not self.stop_at_eos:
            raise ValueError("stop_at_eos = false is for language models: an output has an end")
        return self


class Seq2SeqRecipe(TextRecipe):
    """A recipe of these tasks."""

    tokenization: PairTokenizationConfig = PairTokenizationConfig()
    decoder: DecoderConfig = RecurrentDecoderConfig()
    head: OutputConfig = OutputConfig()
    scheduled_sampling: ScheduledSamplingConfig = ScheduledSamplingConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    decoding: TextDecodingConfig = TextDecodingConfig()

    @property
    def shares_embedding(self) -> bool:
        """One table of vectors for both sides."""
        return self.tokenization.joint and self.head.shared

    @model_validator(mode="after")
    def _possible(self) -> Self:
        beside = self.embedding.characters != "none" or self.embedding.casing_dim > 0
        if beside and self.shares_embedding:
            raise ValueError(
                "embedding.characters and casing_dim: of the source's side alone; set head.shared = false"
            )
        if self.decoder.copy_dropout and (beside or not self.decoder.copying):
            raise ValueError(
                "decoder.copy_dropout: set decoder.copying = true, and embedding.characters and "
                "casing_dim off, which would still show the words that it hides"
            )
        if self.embedding.frozen and self.shares_embedding:
            raise ValueError(
                "embedding.frozen: would freeze the target's side too; set head.shared = false"
            )
        writes_unknown = self.tokenization.kind == "word" and not self.decoder.copying
        if self.decoding.replace_unknown and not writes_unknown:
            raise ValueError(
                "decoding.replace_unknown: only tokens that are words, without decoder.copying, may be "
                "unknown in an output"
            )
        decoder, longest = self.decoder, self.decoding.max_new_tokens
        if (
            isinstance(decoder, TransformerDecoderConfig)
            and decoder.positions == "learned"
            and decoder.max_length < longest
        ):
            raise ValueError(
                f"decoder.max_length = {decoder.max_length}: an output may have "
                f"decoding.max_new_tokens = {longest}"
            )
        if getattr(self.encoder, "init_from", None) is not None:
            raise ValueError(
                "encoder.init_from is for classes and tags; objective.init_from starts from a run"
            )
        return self
