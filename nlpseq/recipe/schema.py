"""The sections of a recipe with their defaults; a task adds its own by subclassing `Recipe`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from nlpseq.readers import AUTO, DELIMITERS, READERS, is_text_encoding
from nlpseq.wording import abbreviate

from .base import (
    Choices,
    Count,
    Fraction,
    Length,
    Names,
    Natural,
    NotNegative,
    OptionalSize,
    Positive,
    Rate,
    Section,
    Size,
    SmallCount,
    SplitName,
)
from .encoders import EncoderConfig, RecurrentConfig

Distance = Annotated[int, Field(ge=1, le=100_000)]
Folds = Annotated[int, Field(ge=0, le=1000)]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


def _number_as_name(columns: Any) -> Any:
    """Return a column's number as text: both `tags = 2` and `tags = "2"` are the second column."""
    if isinstance(columns, list | tuple):
        return tuple(map(_number_as_name, columns))
    return str(columns) if isinstance(columns, int) and columns is not True else columns


ColumnNames = Annotated[
    str | Annotated[tuple[str, ...], Field(min_length=1)], BeforeValidator(_number_as_name)
]
Format = Annotated[str, Choices(READERS, ", or a reader in a file given with --code")]


class DataConfig(Section):
    """The data: a data set of the Hub, local files, or the built-in corpus."""

    source: str = Field(
        "builtin",
        description="Hub id such as `user/set@revision`, address such as `hf://datasets/user/set/a.csv`, `builtin` "
        "for the built-in corpus, or `memory` for data given in Python",
    )
    name: str | None = Field(None, description="configuration of the Hub data set")
    revision: str | None = Field(None, description="commit or tag of the Hub data set")
    folder: str | None = Field(
        None,
        exclude=True,  # a run has the folder in data.json, which no model card names
        description="folder of local files, relative to the recipe that says it; --data-dir comes first",
    )
    format: Format = Field(
        "lines",
        description="format of local files (with --data-dir); `auto`: by suffix and content",
    )
    formats: dict[SplitName, Format] = Field(
        default_factory=dict, description="format for each split that differs from `format`"
    )
    files: dict[SplitName, str] = Field(
        default_factory=dict,
        description="file for each split, below --data-dir; `.gz` is optional; `a.zip/b.csv`: in a zip",
    )
    encoding: str = Field(
        "auto",
        description="encoding of local text files, such as latin-1, cp1252, utf-16, gb18030, shift_jis; "
        "`auto`: UTF-8, or as a byte-order mark says",
    )
    delimiter: str = Field(
        "auto",
        description="`csv`: character between fields, or `tab`, `comma`, `semicolon`, `pipe`, `space`; "
        "`auto`: guessed, and said",
    )
    header: bool | Literal["auto"] = Field(
        "auto",
        description="`csv`, `tsv`, `xlsx`, `conll`: the first line names the columns; false: they are "
        "numbered from 1; `auto`: guessed, and said",
    )
    pretokenized: bool | None = Field(
        None,
        description="texts are cut into tokens already; default: true for lists of tokens, else false",
    )
    columns: dict[str, ColumnNames] = Field(
        default_factory=dict,
        description="column of the data for each field of the task, by name or number; "
        "`split.field` for one split only; a list of columns is joined by a space",
    )
    hub_columns: dict[str, ColumnNames] = Field(
        default_factory=dict, description="as `columns`, for the data set of the Hub only"
    )
    hold_out: dict[SplitName, Fraction] = Field(
        default_factory=dict,
        description="fraction of train for each further split; without a validation split, "
        "`validation` is 0.1 unless it is set to 0",
    )
    hold_out_by: Literal["auto", "random", "end"] = Field(
        "auto",
        description="rows held out: at random (classification: stratified by class) or from the end; "
        "auto: at random, for language models from the end",
    )
    split_seed: Natural = Field(
        0, description="seed of rows held out at random and of folds, the same in every run"
    )
    folds: Folds = Field(0, description="cross-validation: number of parts of train; 0: none")
    fold: Folds = Field(
        0, description="cross-validation: part that is this run's test split, from 1 to `folds`"
    )
    missing_labels: Literal["error", "skip"] = Field(
        "error", description="rows without a label: an error, or left out and counted"
    )
    phrases: bool = Field(
        False, description="also train on labelled phrases: of trees, or of the split `phrases`"
    )
    view: Literal[
        "text",
        "sentiment",
        "entities",
        "parts_of_speech",
        "translation",
        "headline",
        "entailment",
        "rating",
        "topics",
        "copy_memory",
        "delayed_recall",
        "dyck2",
    ] = Field(
        "text", description="part of the built-in corpus; the last three are formal languages"
    )
    sizes: dict[SplitName, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict,
        description="number of sentences for each split of the built-in corpus",
    )
    distances: Annotated[tuple[Distance, ...], Field(strict=False, max_length=1000)] = Field(
        (), description="formal languages: tokens from a cause to its effect; []: a default set"
    )

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, name: str) -> str:
        if name != AUTO and not is_text_encoding(name):
            raise ValueError(
                f"{abbreviate(name)} is no encoding of text that Python knows; common ones: utf-8, latin-1, cp1252, "
                "utf-16, gb18030, big5, shift_jis, euc-kr, koi8-r"
            )
        return name

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str) -> str:
        if delimiter != AUTO and delimiter not in DELIMITERS and len(delimiter) != 1:
            raise ValueError(
                f"{abbreviate(delimiter)}: give one character, or {', '.join(DELIMITERS)}"
            )
        return delimiter

    @model_validator(mode="after")
    def _check_folds(self) -> Self:
        if self.folds == 1 or (self.folds and not 1 <= self.fold <= self.folds):
            raise ValueError(
                f"data.fold = {self.fold}, data.folds = {self.folds}: set folds to 2 or more and fold "
                "to a number from 1 to folds; `nlpseq run RECIPE --folds N` does it for each fold"
            )
        if self.fold and not self.folds:
            raise ValueError(f"data.fold = {self.fold}: is part of data.folds; set that too")
        return self


class TokenizationConfig(Section):
    """Tokenization; vocabularies and subwords are learnt from the train split only."""

    kind: Literal["word", "character", "bpe", "wordpiece", "unigram", "byte_bpe"] = Field(
        "word", description="type of tokens"
    )
    path: str | None = Field(None, description="existing tokenizer.json, its folder, or a Hub id")
    vocabulary_size: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        50_000, description="largest size, special tokens included"
    )
    min_frequency: Count = Field(
        1, description="`word` and `character`: tokens that occur less often become unknown"
    )
    lowercase: bool = Field(False, description="convert texts to lower case")
    split: Literal["whitespace", "words"] | None = Field(
        None,
        description="how raw text is cut: at white space, or into words by rule; default: `word` by rule",
    )
    language: Language | None = Field(
        None, description="language of the texts, such as fr: rules for words and for lower case"
    )
    normalization: Literal["nfc", "none"] = Field(
        "nfc", description="Unicode normal form in which texts are read"
    )
    digits_as_zero: bool = Field(False, description="`word`: replace every digit by 0")
    add_eos: bool = Field(True, description="append the end-of-text token to every text")


class EmbeddingConfig(Section):
    """Token vectors, features beside them, and their dropout."""

    dim: Size = Field(100, description="size of a token vector")
    pretrained: str | None = Field(
        None, description="file of vectors: GloVe or word2vec text, .gz or safetensors"
    )
    frozen: bool = Field(False, description="do not train the pretrained vectors")
    dropout: Fraction = Field(
        0.0, description="dropout of vector components, with one mask for each sequence"
    )
    embedding_dropout: Fraction = Field(
        0.0, description="dropout of whole rows of the table (Gal & Ghahramani 2016)"
    )
    word_dropout: Fraction = Field(0.0, description="fraction of tokens read as the unknown token")
    characters: Literal["none", "cnn", "lstm"] = Field(
        "none", description="encoder of each word's characters, appended to its vector"
    )
    character_dim: Size = Field(30, description="size of a character vector")
    character_size: Size = Field(50, description="size of the appended character features")
    character_width: SmallCount = Field(3, description="`cnn`: width of the filters, in characters")
    character_dropout: Fraction = Field(0.0, description="dropout of character vectors")
    casing_dim: OptionalSize = Field(
        0, description="size of a vector of the word's casing; 0: none"
    )


class TrainingConfig(Section):
    """Optimiser and schedule, and when to validate, save and stop."""

    epochs: Positive = Field(10.0, description="passes over the train split; may be a fraction")
    max_steps: Natural = Field(0, description="stop after this many updates; 0: no limit")
    stop_after: Natural = Field(
        0,
        description="stop after this many updates, with the schedule of the whole run; 0: do not stop",
    )
    batch_size: Count = Field(32, description="sequences in an update, over all processes")
    batch_tokens: Natural = Field(
        0, description="tokens in a batch, instead of batch_size; 0: use batch_size"
    )
    accumulation: Count = Field(1, description="batches accumulated into one update")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop"] = Field(
        "adamw", description="optimiser of torch.optim"
    )
    learning_rate: Annotated[float, Field(ge=1e-12, le=1000)] = Field(
        1e-3, description="highest learning rate of the schedule"
    )
    momentum: Fraction = Field(0.0, description="momentum of `sgd` and `rmsprop`")
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = Field(
        (0.9, 0.999), description="decay rates of the moments of `adam` and `adamw`"
    )
    weight_decay: NotNegative = Field(
        0.0, description="weight decay of the optimiser; biases and norms are not decayed"
    )
    l1: NotNegative = Field(0.0, description="factor of the L1 penalty sum |w|")
    l2: NotNegative = Field(0.0, description="factor of the L2 penalty 1/2 sum w^2")
    label_smoothing: Fraction = Field(
        0.0, description="probability spread over all labels (Szegedy et al. 2016)"
    )
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "inverse_sqrt", "plateau"] = (
        Field("constant", description="schedule of the learning rate after the warm-up")
    )
    warmup: Annotated[float, Field(ge=0, le=2**31 - 1)] = Field(
        0.0, description="updates of linear warm-up; below 1 a fraction of all updates"
    )
    final_learning_rate: Rate = Field(
        0.0, description="`linear`, `cosine`, `one_cycle`: learning rate at the end"
    )
    plateau_factor: Fraction = Field(
        0.25, description="`plateau`: factor of the learning rate at a plateau"
    )
    plateau_patience: Natural = Field(
        0, description="`plateau`: validations without improvement before the rate falls"
    )
    clip_norm: Annotated[float, Field(ge=0, le=1e9)] = Field(
        1.0, description="largest gradient norm; 0: no clipping"
    )
    clip_value: Annotated[float, Field(ge=0, le=1e9)] = Field(
        0.0, description="largest absolute gradient component; 0: no clipping"
    )
    average: Literal["none", "ema", "last_k"] = Field(
        "none", description="average of the weights that is evaluated and saved"
    )
    ema_decay: Fraction = Field(0.999, description="`ema`: decay for each update")
    average_last: SmallCount = Field(
        5, description="`last_k`: validations whose weights are averaged"
    )
    select_by: str | None = Field(
        None,
        description="validation score that chooses the weights, or `loss`; default: the task's main score",
    )
    patience: Natural = Field(
        0, description="early stopping after this many validations without improvement; 0: never"
    )
    validation_limit: Natural = Field(
        0, description="tokens (or examples) scored at each validation; 0: the whole split"
    )
    validate_steps: Natural = Field(
        0, description="updates between validations; 0: at the end of each epoch"
    )
    checkpoint_steps: Natural = Field(
        0, description="updates between checkpoints, besides those at validations; 0: none"
    )
    keep_checkpoints: bool = Field(
        False, description="keep the checkpoints of a finished run, else they are deleted"
    )
    log_steps: Count = Field(50, description="updates between lines of history.jsonl")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="number format of forward and backward pass"
    )


class DecodingConfig(Section):
    """Generation of text."""

    method: Literal["greedy", "sample", "beam"] = Field("sample", description="choice of tokens")
    max_new_tokens: Length = Field(100, description="maximum number of tokens to generate")
    temperature: Annotated[float, Field(ge=0.001, le=1000)] = Field(
        1.0, description="`sample`: softmax temperature; below 1 safer, above 1 more varied"
    )
    top_k: Natural = Field(0, description="`sample`: keep the k likeliest tokens; 0: all")
    top_p: Annotated[float, Field(ge=1e-6, le=1)] = Field(
        1.0, description="`sample`: keep the likeliest tokens up to this total probability"
    )
    beam_size: SmallCount = Field(5, description="`beam`: hypotheses that are kept")
    length_penalty: Literal["none", "average", "wu"] = Field(
        "average",
        description="`beam`: rank by log-probability, its average over tokens, or as Wu et al. (2016)",
    )
    length_alpha: Annotated[float, Field(ge=0, le=5)] = Field(
        0.6, description="`beam`, length_penalty `wu`: strength of the penalty"
    )
    coverage_penalty: Annotated[float, Field(ge=0, le=1000)] = Field(
        0.0, description="`beam`: penalty for source words without attention (Wu et al. 2016)"
    )
    early_stopping: Literal["safe", "heuristic"] = Field(
        "safe",
        description="`beam`: stop when nothing better can follow, or when the best hypothesis has ended",
    )
    min_new_tokens: Natural = Field(
        0, description="fewest tokens to generate, the end-of-text token included; 0: no limit"
    )
    no_repeat_ngram: Natural = Field(
        0, description="size of n-grams that must not repeat; 0: they may repeat"
    )
    stop_at_eos: bool = Field(True, description="stop at the end-of-text token")

    def check_lengths(self) -> None:
        """Check that the shortest output is not longer than the longest.

        Raises:
            ValueError: `min_new_tokens` is above `max_new_tokens`.
        """
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens = {self.min_new_tokens} is above "
                f"max_new_tokens = {self.max_new_tokens}"
            )


class EvaluationConfig(Section):
    """Evaluation at the end of a run."""

    splits: Annotated[tuple[SplitName, ...], Field(strict=False, max_length=1000)] = Field(
        ("validation", "test"), description="splits to score, where the data have them"
    )
    baselines: bool = Field(
        True, description="also train cheap baselines in seconds, and test the difference to them"
    )
    keep_columns: Names = Field(
        (),
        description="further columns of the data to keep in `predictions/`, beside texts and ids such as `id` or "
        '`ticket_id`; `["*"]`: all that hold text, numbers or times',
    )


class Recipe(Section):
    """Everything that a run depends on, except data and code."""

    task: str = Field(description="task: a name such as `tagging`, or a class `my_task.py:MyTask`")
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(
        13, description="seed of initialization, order of the data, dropout and sampling"
    )
    data: DataConfig = DataConfig()
    tokenization: TokenizationConfig = TokenizationConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    encoder: EncoderConfig = RecurrentConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        tokens, training = self.tokenization, self.training
        if tokens.path is not None:
            keys = ("lowercase", "digits_as_zero", "normalization")
            tokens.refuse(
                keys, "the tokenizer of tokenization.path is used as it is", "tokenization"
            )
        elif tokens.kind not in ("word", "character"):
            reason = f"is for kind = 'word' or 'character', but the kind is {tokens.kind!r}"
            tokens.refuse(("min_frequency",), reason, "tokenization")
        if training.optimizer in ("adam", "adamw"):
            reason = f"is for optimizer = 'sgd' or 'rmsprop'; {training.optimizer} has betas"
            training.refuse(("momentum",), reason, "training")
        return self
