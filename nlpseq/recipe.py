"""The schema of a recipe: TOML and `key=value` overrides become frozen, validated objects.

A recipe says what differs from the defaults, and defaults stand only here. A task adds its own sections by
subclassing `Recipe`. The order is: default < extended recipe < recipe < command line. Anything unknown, of
the wrong type or impossible is one line that names the key and what would do.
"""

import copy
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from nlpseq.errors import UserError

Document = dict[str, Any]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Natural = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A frozen group of keys; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Integers = Annotated[tuple[int, ...], Field(strict=False)]


class DataConfig(Section):
    """Where the examples come from: the Hub, local files in a usual format, or the built-in corpus."""

    source: str = Field("builtin", description="Hub id, or `builtin` for the built-in corpus")
    name: str | None = Field(
        None, description="configuration of the Hub data set, where it has several"
    )
    revision: str | None = Field(None, description="commit or tag of the Hub data set")
    format: Literal[
        "text",
        "lines",
        "conll",
        "label_text",
        "trees",
        "csv",
        "tsv",
        "jsonl",
        "parallel",
        "parquet",
    ] = Field("lines", description="how local files are read (with --data-dir)")
    files: dict[str, str] = Field(
        default_factory=dict, description="split = file below --data-dir; `.gz` is found unasked"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="field of a task = column of the source"
    )
    hold_out: dict[str, Fraction] = Field(
        default_factory=dict, description="split = share cut from the end of train"
    )
    view: Literal["text", "sentiment", "entities", "translation", "headline"] = Field(
        "text", description="what to read of the built-in corpus"
    )
    sizes: dict[str, Count] = Field(
        default_factory=dict, description="sentences drawn from the built-in corpus, a split each"
    )


class TokenizationConfig(Section):
    """How text becomes tokens; what is learnt is learnt on the train split only."""

    kind: Literal["word", "character", "bpe", "wordpiece", "unigram", "byte_bpe"] = "word"
    path: str | None = Field(None, description="existing tokenizer.json, its folder, or a Hub id")
    vocabulary_size: Count = Field(50_000, description="largest size, special tokens included")
    min_frequency: Count = Field(1, description="rarer tokens (word, character) become unknown")
    lowercase: bool = False
    add_eos: bool = Field(True, description="end every text with the end-of-text token")


class EmbeddingConfig(Section):
    """Token vectors, trained or loaded, and what is dropped of them in training."""

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


class RecurrentConfig(Section):
    """Stacked recurrent layers."""

    kind: Literal["lstm", "gru", "rnn", "mingru"] = "lstm"
    nonlinearity: Literal["tanh", "relu"] = Field("tanh", description="of the `rnn` kind")
    hidden_size: Count = Field(200, description="units of a layer, in each direction")
    num_layers: Count = 1
    bidirectional: bool = False
    dropout: Fraction = Field(0.0, description="between layers")
    output_dropout: Fraction = Field(0.0, description="of what the last layer gives")
    variational: bool = Field(
        True, description="one dropout mask a sequence, not a new one a token"
    )
    weight_drop: Fraction = Field(0.0, description="of the recurrent weights (Merity et al. 2018)")
    residual: bool = False
    normalization: Literal["none", "layer", "batch"] = Field(
        "none", description="of each layer's input"
    )
    initialization: Literal["default", "uniform", "xavier", "he", "orthogonal", "identity"] = (
        "orthogonal"
    )
    forget_bias: float = Field(1.0, description="initial bias of the LSTM's forget gate")


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
    encoder: RecurrentConfig = RecurrentConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()


RecipeType = TypeVar("RecipeType", bound=Recipe)
Schema = type[BaseModel]


def names() -> list[str]:
    """The recipes that come with nlpseq, as `<task>/<name>`."""
    root = resources.files("nlpseq.recipes")
    return sorted(
        f"{folder.name}/{file.name.removesuffix('.toml')}"
        for folder in root.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    )


def locate(name: str) -> Traversable:
    """Find a recipe by its name or by the path of a TOML file.

    Raises:
        UserError: there is no such recipe; the nearest name is offered.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if path.is_file():
            return path
        raise UserError(f"recipe {name}: no such file")
    if name not in names():
        raise UserError(
            f"unknown recipe {name!r}{suggest(name, names())} `nlpseq recipes` lists them all"
        )
    task, _, recipe = name.partition("/")
    return resources.files("nlpseq.recipes") / task / f"{recipe}.toml"


def read(name: str) -> Document:
    """Read a recipe and the one that it extends.

    Raises:
        UserError: the file is missing, is not TOML, or extends a recipe that itself extends another.
    """
    document = _load(name)
    base_name = document.pop("extends", None)
    if base_name is None:
        return document
    if not isinstance(base_name, str):
        raise UserError(f"recipe {name}: extends = {base_name!r}: write the name of a recipe")
    base = _load(base_name)
    if "extends" in base:
        raise UserError(
            f"recipe {name}: extends {base_name}, which extends another; one level is allowed"
        )
    return merge(base, document)


def _load(name: str) -> Document:
    try:
        return tomllib.loads(locate(name).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"recipe {name}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"recipe {name}, line {line}: not UTF-8") from error
    except OSError as error:
        raise UserError(f"recipe {name}: cannot be read: {error.strerror}") from error


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Document:
    """Lay `changes` over `base`, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = (
            merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def override(document: Mapping[str, Any], assignments: Iterable[str]) -> Document:
    """Apply `section.key=value` assignments; a value is TOML, or a plain string.

    The value replaces what was there: `data.files={ train = "a.txt" }` leaves no other file.

    Raises:
        UserError: an assignment has no `=` or no key.
    """
    changed = copy.deepcopy(dict(document))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *sections, last = [key.strip() for key in path.split(".")]
        if not equals or not all([*sections, last]):
            raise UserError(f"override {assignment!r}: write it as section.key=value")
        table: Any = changed
        for section in sections:
            if not isinstance(table.get(section), dict):
                table[section] = {}
            table = table[section]
        table[last] = _toml_value(text.strip())
    return changed


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def validate(schema: type[RecipeType], document: Mapping[str, Any], origin: str) -> RecipeType:
    """Make the frozen recipe, or say in one line what is wrong with it.

    Args:
        schema: the task's own subclass of `Recipe`.
        document: what was read, overrides applied.
        origin: the recipe's name, for the message.

    Raises:
        UserError: unknown key (with the nearest name), wrong type, impossible combination.
    """
    try:
        return schema.model_validate(dict(document))
    except pydantic.ValidationError as error:
        problems = [_explain(schema, problem) for problem in error.errors(include_url=False)]
        raise UserError(f"recipe {origin}: {'; '.join(problems)}") from error


def _explain(schema: Schema, problem: Any) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}{suggest(path[-1], _keys(schema, path[:-1]))}".rstrip()
    if problem["type"] == "missing":
        return f"key {key} is missing"
    if problem["type"] == "value_error":
        return f"{key + ': ' if key else ''}{problem['ctx']['error']}"
    return f"{key} = {problem['input']!r}: {problem['msg'].lower()}"


def _keys(schema: Schema, path: list[str]) -> list[str]:
    """Valid keys of the section at `path`; names of union members in the path are passed over."""
    for part in path:
        field = schema.model_fields.get(part)
        if field is None:
            continue
        options = [field.annotation, *get_args(field.annotation)]
        inner = [
            option
            for option in options
            if isinstance(option, type) and issubclass(option, BaseModel)
        ]
        if not inner:
            return []
        schema = inner[0]
    return list(schema.model_fields)


def suggest(name: str, known: Iterable[str]) -> str:
    """The tail of an error line: the nearest known name, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "."
