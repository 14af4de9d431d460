"""Recipe sections of translation and summarization."""

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from nlpseq.recipe import (
    DecoderConfig,
    DecodingConfig,
    EvaluationConfig,
    Language,
    Natural,
    NotNegative,
    Positive,
    RecurrentDecoderConfig,
    Section,
    SmallCount,
    TokenizationConfig,
    TransformerDecoderConfig,
)

from ..base.text_recipe import TextRecipe

if TYPE_CHECKING:
    from nlpseq.task import Progress

LengthRatio = Annotated[float, Field(ge=0, le=1000)]
Probability = Annotated[float, Field(ge=0, le=1)]


class PairTokenizationConfig(TokenizationConfig):
    """Tokenization of both sides."""

    joint: bool = Field(True, description="one vocabulary for both sides, learnt from both")
    max_source_length: Natural = Field(0, description="most tokens of a source; 0: no limit")
    max_target_length: Natural = Field(
        0, description="most tokens of a target in training, its end included; 0: no limit"
    )
    target_language: Language | None = Field(
        None, description="language of the targets, where it is not `language`"
    )
    too_long: Literal["truncate", "refuse"] = Field(
        "truncate", description="a longer source is truncated (and counted), or an error"
    )

    @property
    def target(self) -> TokenizationConfig:
        """The same for targets."""
        return self.model_copy(update={"language": self.target_language or self.language})


class OutputConfig(Section):
    """The output layer, and the vectors that it shares."""

    tied: bool = Field(True, description="its weights are the vectors of target tokens")
    shared: bool = Field(
        True,
        description="joint vocabulary: both sides share one table of vectors (three-way tying)",
    )


class ScheduledSamplingConfig(Section):
    """The teacher forcing ratio: the probability that a decoder reads the gold token.

    Bengio et al. (2015), section 2.4, at update i: linear falls from `start` to `end` over the run;
    exponential is start * k^i; inverse_sigmoid is start * k / (k + exp(i / k)); neither falls below `end`.
    """

    schedule: Literal["constant", "linear", "exponential", "inverse_sigmoid"] = Field(
        "constant", description="how the teacher forcing ratio falls during training"
    )
    start: Probability = Field(1.0, description="first ratio; 1 and constant: teacher forcing")
    end: Probability = Field(0.0, description="lowest ratio; constant stays at `start`")
    k: Positive = Field(0.9999, description="exponential: below 1; inverse_sigmoid: 1 or more")
    choose: Literal["sample", "argmax"] = Field(
        "sample", description="the model's own tokens: drawn from it, or the likeliest"
    )
    mode: Literal["sequential", "parallel"] = Field(
        "sequential", description="token by token, or in passes over the whole target"
    )
    passes: SmallCount = Field(
        1, description="parallel: passes that mix gold and own tokens; the last one is learnt from"
    )

    @model_validator(mode="after")
    def _check_fall(self) -> Self:
        if self.schedule != "constant" and self.start < self.end:
            raise ValueError(f"start = {self.start} is below end = {self.end}: the ratio falls")
        if self.schedule == "exponential" and self.k >= 1:
            raise ValueError(f"k = {self.k}: exponential decay needs k below 1")
        if self.schedule == "inverse_sigmoid" and self.k < 1:
            raise ValueError(f"k = {self.k}: inverse_sigmoid needs at least 1, such as 1000")
        return self

    def ratio(self, progress: "Progress") -> float:
        """Return the teacher forcing ratio at this point of the training."""
        match self.schedule:
            case "linear":
                return self.start + (self.end - self.start) * progress.fraction
            case "exponential":
                return max(self.end, self.start * self.k**progress.step)
            case "inverse_sigmoid":
                falling = self.k / (self.k + math.exp(min(progress.step / self.k, 700)))
                return max(self.end, self.start * falling)
        return self.start


class ObjectiveConfig(Section):
    """The objective that training minimizes."""

    kind: Literal["likelihood", "self_critical", "minimum_risk"] = Field(
        "likelihood", description="the nll of targets, or a reward of whole outputs"
    )
    reward: Literal["bleu", "rouge_l"] = Field("bleu", description="reward of whole outputs")
    samples: SmallCount = Field(5, description="minimum_risk: outputs drawn for each source")
    sharpness: Annotated[float, Field(ge=1e-6, le=1000)] = Field(
        0.05, description="minimum_risk: exponent a of p(y)"
    )
    likelihood_weight: NotNegative = Field(
        0.017,
        description="weight of the target's nll beside a reward (Wu et al. 2016, section 5)",
    )
    coverage_weight: NotNegative = Field(
        0.0, description="weight of attending to the same token again (See et al. 2017, eq. 13)"
    )
    init_from: str | None = Field(
        None, description="run of the same task whose weights training starts from"
    )


class TextDecodingConfig(DecodingConfig):
    """Search for the output of a source."""

    method: Literal["greedy", "sample", "beam"] = Field("beam", description="search for outputs")
    num_return: SmallCount = Field(
        1, description="beam: number of hypotheses that a prediction lists"
    )
    batch_size: Natural = Field(
        0, description="sources searched together; 0: up to two training batches"
    )
    min_length_ratio: LengthRatio = Field(
        0.0, description="fewest tokens of an output, as a share of the source's tokens"
    )
    max_length_ratio: LengthRatio = Field(
        0.0,
        description="most tokens of an output, as a share of the source's tokens; 0: max_new_tokens only",
    )
    replace_unknown: bool = Field(
        False, description="an unknown token becomes the source word that it attends to most"
    )

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.method == "beam" and self.num_return > self.beam_size:
            raise ValueError(
                f"num_return = {self.num_return}: a beam of {self.beam_size} has no more hypotheses; set "
                f"beam_size = {self.num_return}"
            )
        self.check_lengths()
        if 0 < self.max_length_ratio < self.min_length_ratio:
            raise ValueError(
                f"min_length_ratio = {self.min_length_ratio} is above max_length_ratio = {self.max_length_ratio}"
            )
        if not self.stop_at_eos:
            raise ValueError("stop_at_eos = false is for language models: an output has an end")
        return self


class Seq2SeqRecipe(TextRecipe):
    """A recipe of translation or summarization."""

    tokenization: PairTokenizationConfig = PairTokenizationConfig()
    decoder: DecoderConfig = RecurrentDecoderConfig()
    head: OutputConfig = OutputConfig()
    scheduled_sampling: ScheduledSamplingConfig = ScheduledSamplingConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    decoding: TextDecodingConfig = TextDecodingConfig()

    @property
    def shares_embedding(self) -> bool:
        """True if both sides share one table of vectors."""
        return self.tokenization.joint and self.head.shared

    @model_validator(mode="after")
    def _check_embedding(self) -> Self:
        spelling = self.embedding.characters != "none" or self.embedding.casing_dim > 0
        if spelling and self.shares_embedding:
            raise ValueError(
                "embedding.characters and casing_dim: only the source has them; set head.shared = false"
            )
        if self.decoder.copy_dropout and (spelling or not self.decoder.copying):
            raise ValueError(
                "decoder.copy_dropout: set decoder.copying = true, and switch off embedding.characters and "
                "casing_dim, which would still show the words that it hides"
            )
        if self.embedding.frozen and self.shares_embedding:
            raise ValueError(
                "embedding.frozen: would freeze the target's side too; set head.shared = false"
            )
        return self

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        may_be_unknown = self.tokenization.kind == "word" and not self.decoder.copying
        if self.decoding.replace_unknown and not may_be_unknown:
            raise ValueError(
                "decoding.replace_unknown: outputs have unknown tokens only if tokens are words and "
                "decoder.copying is off"
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


class TranslationEvaluationConfig(EvaluationConfig):
    """The splits of a translation task that are scored, and how."""

    bleu_tokenizer: str | None = Field(
        None,
        description="BLEU's tokenizer, by its name in sacrebleu, such as zh or flores200; default: by the "
        "script of the targets",
    )

    tokenized_language: str | None = Field(
        None,
        description="target language, such as de: also score lower-cased tokenized text, as older papers "
        "do, against the data's column `tokenized` or, if it is missing, the tokenized reference",
    )


class TranslationRecipe(Seq2SeqRecipe):
    """A recipe of translation."""

    evaluation: TranslationEvaluationConfig = TranslationEvaluationConfig()


SummarizationRecipe = Seq2SeqRecipe
"""The schema of summarization, which adds no keys."""
