"""The sections of a recipe. Defaults stand only here; a task adds its own by subclassing `Recipe`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nlpseq.readers import READERS

from .base import Choices, Count, Counts, Fraction, Natural, Positive, Section
from .encoders import EncoderConfig, RecurrentConfig

Format = Annotated[str, Choices(READERS)]


class DataConfig(Section):
    """Where the examples come from: the Hub, local files in a usual format, or the built-in corpus."""

    source: str = Field("builtin", description="Hub id, or `builtin` for the built-in corpus")
    name: str | None = Field(
        None, description="configuration of the Hub data set, where it has several"
    )
    revision: str | None = Field(None, description="commit or tag of the Hub data set")
    format: Format = Field("lines", description="how local files are read (with --data-dir)")
    formats: dict[str, Format] = Field(
        default_factory=dict, description="split = format, where a file has another one"
    )
    files: dict[str, str] = Field(
        default_factory=dict, description="split = file below --data-dir; `.gz` is found unasked"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="field of a task = column of the source"
    )
    hold_out: dict[str, Fraction] = Field(
        default_factory=dict, description="split = share cut from the end of train"
    )
    phrases: bool = Field(
        False,
        description="learn from labelled phrases too: those of trees, or a split of that name",
    )
    view: Literal[
        "text",
        "sentiment",
        "entities",
        "translation",
        "headline",
        "copy_memory",
        "delayed_recall",
        "dyck2",
    ] = Field("text", description="what to read of the built-in corpus; the last three are formal")
    sizes: dict[str, Count] = Field(
        default_factory=dict, description="sentences drawn from the built-in corpus, a split each"
    )
    distances: Counts = Field(
        (), description="tokens from a cause to its effect, in the formal languages; (): some"
    )


class TokenizationConfig(Section):
    """How text becomes tokens; what is learnt is learnt on the train split only."""

    kind: Literal["word", "character", "bpe", "wordpiece", "unigram", "byte_bpe"] = "word"
    path: str | None = Field(None, description="existing tokenizer.json, its folder, or a Hub id")
    vocabulary_size: Count = Field(50_000, description="largest size, special tokens included")
    min_frequency: Count = Field(1, description="rarer tokens (word, character) become unknown")
    lowercase: bool = False
    split: Literal["whitespace", "words"] = Field(
        "whitespace", description="`word`: how texts of the data are cut; words: raw text, by rule"
    )
    digits_as_zero: bool = Field(False, description="`word`: read every digit as 0")
    add_eos: bool = Field(True, description="end every text with the end-of-text token")

    @property
    def by_rule(self) -> bool:
        """Whether texts of the data are cut into words by nlpseq's rule."""
        return self.split == "words"


class EmbeddingConfig(Section):
    """Token vectors, trained or loaded, what stands beside them, and what is dropped in training."""

    dim: Count = 100
    pretrained: str | None = Field(
        None, description="vectors: GloVe or word2vec text, .gz, safetensors"
    )
    frozen: bool = Field(False, description="keep the vectors as they were loaded")
    dropout: Fraction = Field(0.0, description="of the vectors' components, one mask a sequence")
    embedding_dropout: Fraction = Field(
        0.0, description="of whole rows of the table (Gal & Ghahramani)"
    )
    word_dropout: Fraction = Field(0.0, description="of tokens, which become the unknown one")
    characters: Literal["none", "cnn", "lstm"] = Field(
        "none", description="encoder of each word's characters, beside its vector"
    )
    character_dim: Count = Field(30, description="components of a character's vector")
    character_size: Count = Field(50, description="components that the characters add to a word's")
    character_width: Count = Field(3, description="`cnn`: characters that a filter sees")
    character_dropout: Fraction = Field(0.0, description="of the characters' vectors")
    casing_dim: Natural = Field(0, description="components for how a word is cased; 0: none")


class TrainingConfig(Section):
    """The optimiser, its schedule, and when to validate, save and stop."""

    epochs: Positive = Field(10.0, description="passes over train; may be a fraction")
    max_steps: Natural = Field(0, description="stop after so many updates; 0: no such limit")
    batch_size: Count = Field(32, description="sequences in an update, over all processes")
    batch_tokens: Natural = Field(0, description="token budget of a batch instead; 0: none")
    accumulation: Count = Field(1, description="batches whose gradients make one update")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop"] = "adamw"
    learning_rate: Positive = 1e-3
    momentum: Fraction = 0.0
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    l1: Annotated[float, Field(ge=0)] = Field(
        0.0, description="weight of the sum of |w| in the objective"
    )
    l2: Annotated[float, Field(ge=0)] = Field(0.0, description="weight of half the sum of w^2")
    label_smoothing: Fraction = 0.0
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "inverse_sqrt", "plateau"] = (
        "constant"
    )
    warmup: Annotated[float, Field(ge=0)] = Field(
        0.0, description="updates, or a share of all if < 1"
    )
    final_learning_rate: Annotated[float, Field(ge=0)] = Field(
        0.0, description="where linear, cosine and one_cycle end"
    )
    plateau_factor: Fraction = Field(0.25, description="`plateau`: what the rate is multiplied by")
    plateau_patience: Natural = Field(
        0, description="`plateau`: validations without gain before that"
    )
    clip_norm: Annotated[float, Field(ge=0)] = Field(
        1.0, description="largest gradient norm; 0: off"
    )
    clip_value: Annotated[float, Field(ge=0)] = Field(0.0, description="largest |gradient|; 0: off")
    average: Literal["none", "ema", "last_k"] = Field(
        "none", description="of the weights, for evaluation"
    )
    ema_decay: Fraction = 0.999
    average_last: Count = Field(5, description="`last_k`: validations whose weights are averaged")
    patience: Natural = Field(0, description="validations without gain before stopping; 0: never")
    validation_limit: Natural = Field(
        0, description="tokens (or examples) scored while training; 0: the whole split"
    )
    validate_steps: Natural = Field(0, description="updates between validations; 0: once an epoch")
    checkpoint_steps: Natural = Field(0, description="updates between further checkpoints; 0: none")
    log_steps: Count = Field(50, description="updates between lines of history.jsonl")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"


class DecodingConfig(Section):
    """How text is generated from a trained model."""

    method: Literal["greedy", "sample", "beam"] = "sample"
    max_new_tokens: Count = 100
    temperature: Positive = 1.0
    top_k: Natural = Field(0, description="keep the k likeliest tokens; 0: all")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="keep this much probability"
    )
    beam_size: Count = 5
    length_penalty: Literal["none", "average", "wu"] = "average"
    length_alpha: Annotated[float, Field(ge=0)] = 0.6
    coverage_penalty: Annotated[float, Field(ge=0)] = Field(
        0.0, description="`beam`: weight of source words left without attention; 0: none"
    )
    early_stopping: Literal["safe", "heuristic"] = Field(
        "safe",
        description="`beam`: stop when nothing better can come, or when the best so far ended",
    )
    min_new_tokens: Natural = Field(
        0, description="shortest text, its end counted; 0: no such limit"
    )
    no_repeat_ngram: Natural = Field(
        0, description="no n-gram of this size twice; 0: they may repeat"
    )
    stop_at_eos: bool = True


class EvaluationConfig(Section):
    """Which splits are scored at the end of a run."""

    splits: Annotated[tuple[str, ...], Field(strict=False)] = ("validation", "test")


class Recipe(Section):
    """Everything that a run depends on, data and code aside."""

    task: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
    data: DataConfig = DataConfig()
    tokenization: TokenizationConfig = TokenizationConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    encoder: EncoderConfig = RecurrentConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _read(self) -> Self:
        tokens, training = self.tokenization, self.training
        if tokens.path is not None:
            keys = ("lowercase", "digits_as_zero")
            tokens.refuse(
                keys, "the tokenizer of tokenization.path reads as it was made", "tokenization"
            )
        elif tokens.kind not in ("word", "character"):
            reason = f"is for kind = 'word' or 'character', the kind is {tokens.kind!r}"
            tokens.refuse(("min_frequency",), reason, "tokenization")
        if training.optimizer in ("adam", "adamw"):
            reason = f"is of optimizer = 'sgd' and 'rmsprop'; {training.optimizer} has betas"
            training.refuse(("momentum",), reason, "training")
        return self
