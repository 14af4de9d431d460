"""The encoders that a recipe may name, selected by `encoder.kind`.

`EncoderConfig` is the table: a new kind of encoder is a section here, with the layer that it builds. A new kind of
recurrent cell needs nothing here: see `cells.py`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from nlpseq import custom_code
from nlpseq.errors import UserError, suggest
from nlpseq.wording import abbreviate

from .base import Counts, Fraction, Length, Section, Size, SmallCount
from .cells import CELLS, CellKind, is_cell

Activation = Literal["tanh", "relu", "leaky_relu", "gelu"]
Normalization = Literal["none", "layer", "batch"]
Kernel = Literal["auto", "equations"]


class EncoderSection(Section):
    """The base class of the encoders' sections.

    Attributes:
        builder: `module:name` in `nlpseq.layers` of what makes the encoder. It is called with the input size and
            the keys of the section; empty where the encoder is not built from its keys alone.
    """

    builder: ClassVar[str] = ""


class RecurrentConfig(EncoderSection):
    """Stacked recurrent layers."""

    kind: CellKind = Field(
        "lstm",
        description="recurrent cell; also `my_cells.py:MyCell`, a class in a file given with --code",
    )
    kernel: Kernel = Field(
        "auto",
        description="auto: the fast kernels; equations: the cell's readable `equations`, step by step",
    )
    nonlinearity: Literal["tanh", "relu"] = Field(
        "tanh", description="activation of the `rnn` cell, and the gain of `he` initialization"
    )
    hidden_size: Size = Field(200, description="units in each layer and direction")
    num_layers: SmallCount = Field(1, description="layers in the stack")
    bidirectional: bool = Field(False, description="also read each text backwards")
    dropout: Fraction = Field(0.0, description="dropout between layers")
    output_dropout: Fraction = Field(0.0, description="dropout of the last layer's output")
    variational: bool = Field(
        True, description="use one dropout mask for a whole sequence instead of one for each token"
    )
    weight_drop: Fraction = Field(
        0.0, description="dropout of the recurrent weights (Merity et al. 2018)"
    )
    residual: bool = Field(
        False, description="add each layer's input to its output where the sizes agree"
    )
    normalization: Normalization = Field(
        "none", description="layer or batch normalization of each layer's input"
    )
    initialization: Literal["default", "uniform", "xavier", "he", "orthogonal", "identity"] = Field(
        "orthogonal", description="how the cells' weights are drawn"
    )
    forget_bias: Annotated[float, Field(ge=-100, le=100)] = Field(
        1.0, description="initial bias of the LSTM's forget gate"
    )
    init_from: str | None = Field(
        None,
        description="run of a language model from which to copy the embedding and the encoder",
    )


class FeedforwardConfig(EncoderSection):
    """Layers that read each token alone, without its context."""

    builder = "feedforward:build_feedforward_encoder"

    kind: Literal["feedforward"] = Field("feedforward", description="kind of encoder")
    hidden_size: Size = Field(200, description="units in each layer")
    num_layers: Annotated[int, Field(ge=0, le=1000)] = Field(
        2, description="layers; 0: token vectors unchanged"
    )
    activation: Activation = Field("relu", description="activation after each layer")
    dropout: Fraction = Field(0.0, description="dropout between layers")
    output_dropout: Fraction = Field(0.0, description="dropout of the output")
    normalization: Normalization = Field(
        "none", description="layer or batch normalization of each layer's input"
    )


class ConvolutionalConfig(EncoderSection):
    """Filters of several widths side by side (Kim 2014), in one layer or several."""

    builder = "convolution:ConvolutionalEncoder"

    kind: Literal["cnn"] = Field("cnn", description="kind of encoder")
    hidden_size: Size = Field(100, description="filters of each width")
    widths: Counts = Field((3, 4, 5), min_length=1, description="tokens that each filter sees")
    num_layers: SmallCount = Field(1, description="layers in the stack")
    activation: Activation = Field("relu", description="activation after each layer")
    dropout: Fraction = Field(0.0, description="dropout between layers")
    output_dropout: Fraction = Field(0.0, description="dropout of the last layer's output")
    residual: bool = Field(
        False, description="add each layer's input to its output where the sizes agree"
    )
    normalization: Normalization = Field(
        "none", description="layer or batch normalization of each layer's input"
    )


class DilatedConfig(EncoderSection):
    """Iterated dilated convolutions (Strubell et al. 2017): wide contexts in few layers."""

    builder = "convolution:DilatedEncoder"

    kind: Literal["dilated_cnn"] = Field("dilated_cnn", description="kind of encoder")
    hidden_size: Size = Field(300, description="filters in each layer")
    width: SmallCount = Field(3, description="tokens that each filter sees")
    dilations: Counts = Field(
        (1, 2, 1),
        min_length=1,
        description="distance between these tokens, for each layer of the block",
    )
    iterations: SmallCount = Field(
        1, description="how often the block is applied; the authors' code uses 1 on CoNLL-2003"
    )
    activation: Activation = Field("relu", description="activation after each layer")
    dropout: Fraction = Field(0.0, description="dropout of the block's input")
    output_dropout: Fraction = Field(0.0, description="dropout of the output")


class RecurrentConvolutionalConfig(EncoderSection):
    """Each word between its left and right contexts (Lai et al. 2015)."""

    builder = "recurrent_convolution:RecurrentConvolutionalEncoder"

    kind: Literal["rcnn"] = Field("rcnn", description="kind of encoder")
    cell: CellKind = Field("rnn", description="recurrent cell that reads the contexts")
    kernel: Kernel = Field(
        "auto", description="auto: the fast kernels; equations: the cell's readable `equations`"
    )
    context_size: Size = Field(100, description="units of the context in each direction")
    hidden_size: Size = Field(200, description="units of the layer that joins word and contexts")
    activation: Activation = Field("tanh", description="activation of that layer")
    dropout: Fraction = Field(0.0, description="dropout of word and contexts")
    output_dropout: Fraction = Field(0.0, description="dropout of the output")


class HierarchicalConfig(EncoderSection):
    """Words to sentences to a document, with attention at both levels (Yang et al. 2016)."""

    kind: Literal["hierarchical"] = Field("hierarchical", description="kind of encoder")
    cell: CellKind = Field("gru", description="recurrent cell of both levels")
    kernel: Kernel = Field(
        "auto", description="auto: the fast kernels; equations: the cell's readable `equations`"
    )
    hidden_size: Size = Field(50, description="units in each direction, at both levels")
    attention_size: Size = Field(100, description="units of the attention's hidden layer")
    dropout: Fraction = Field(0.0, description="dropout of sentence vectors")
    output_dropout: Fraction = Field(0.0, description="dropout of each level's output")


class TransformerLayersConfig(Section):
    """The keys that encoders and decoders of Transformer layers share."""

    num_layers: SmallCount = Field(2, description="layers in the stack")
    feedforward_size: Size = Field(256, description="units inside each feedforward sublayer")
    activation: Activation = Field("gelu", description="activation of the feedforward sublayers")
    dropout: Fraction = Field(0.1, description="dropout of the input and of each sublayer's output")
    attention_dropout: Fraction = Field(0.0, description="dropout of attention weights")
    output_dropout: Fraction = Field(0.0, description="dropout of the last layer's output")

    def check_length(self, positions: str) -> None:
        """Refuse `max_length` except with learned positions.

        Raises:
            ValueError: it is set with others.
        """
        if positions != "learned":
            reason = f"only learned positions have an end, these are {positions}"
            self.refuse(("max_length",), reason)


class TransformerConfig(EncoderSection, TransformerLayersConfig):
    """Pre-norm Transformer layers (Vaswani et al. 2017; Xiong et al. 2020)."""

    builder = "transformer:TransformerEncoder"

    kind: Literal["transformer"] = Field("transformer", description="kind of encoder")
    hidden_size: Size = Field(128, description="width of the model")
    num_heads: SmallCount = Field(
        4, validate_default=True, description="attention heads; they must divide hidden_size"
    )
    positions: Literal["sinusoidal", "learned", "rotary"] = Field(
        "sinusoidal", description="how a token's position is encoded"
    )
    max_length: Length = Field(1024, description="number of `learned` positions")
    init_from: str | None = Field(
        None,
        description="run of a language model from which to copy the embedding and the encoder",
    )

    @field_validator("num_heads")
    @classmethod
    def _divides_hidden_size(cls, num_heads: int, info: ValidationInfo) -> int:
        hidden_size = info.data.get("hidden_size", num_heads)
        if hidden_size % num_heads:
            raise ValueError(f"{num_heads} heads cannot share encoder.hidden_size = {hidden_size}")
        return num_heads

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_length(self.positions)
        return self


class CausalTransformerConfig(TransformerConfig):
    """Transformer layers of a language model: each token sees a fixed number of tokens before it."""

    context: Length = Field(
        128, description="tokens that a token sees in each layer, itself included"
    )
    positions: Literal["rotary"] = Field(
        "rotary", description="positions relative to each other, because the context moves along"
    )


def family(section: Any) -> str:
    """Return the tag of a section in the unions below; a section without a kind is recurrent."""
    if not isinstance(section, dict | Section):
        return abbreviate(section)  # a value instead of a section: no tag fits
    given = (
        section.get("kind", "lstm") if isinstance(section, dict) else getattr(section, "kind", None)
    )
    return family_of(given) or (given if isinstance(given, str) else abbreviate(given))


def family_of(kind: Any) -> str:
    """Return the family of a kind, such as `recurrent` for `gru`; '' for an unknown kind."""
    if is_cell(kind):
        return "recurrent"
    return next((name for name, kinds in FAMILIES.items() if kind in kinds), "")


def unknown_kind(key: str, kind: object, kinds: list[str]) -> str:
    """Return the error line for a kind that is not available.

    Args:
        key: `encoder.kind` or `decoder.kind`.
        kind: as written in the recipe.
        kinds: the available ones.
    """
    if isinstance(kind, str) and custom_code.is_custom(kind) and set(CELLS) <= {*kinds}:
        try:
            custom_code.lookup(kind, key)
        except UserError as error:
            return str(error)
    near = suggest_kind(kind if isinstance(kind, str) else abbreviate(kind), kinds)
    return f"{key} = {abbreviate(kind)}: choose {', '.join(kinds)}{near}"


def suggest_kind(kind: str, kinds: Sequence[str]) -> str:
    """Return the end of an error line: the nearest kind in any case, or how to name a class of a user."""
    near = suggest(kind.lower(), kinds, cutoff=0.75)
    own = custom_code.suggest_full_name(kind) if set(CELLS) <= {*kinds} else ""
    return near if near != "." else own or suggest(kind.lower(), kinds)


EncoderConfig = Annotated[
    Annotated[RecurrentConfig, Tag("recurrent")]
    | Annotated[FeedforwardConfig, Tag("feedforward")]
    | Annotated[ConvolutionalConfig, Tag("cnn")]
    | Annotated[DilatedConfig, Tag("dilated_cnn")]
    | Annotated[RecurrentConvolutionalConfig, Tag("rcnn")]
    | Annotated[HierarchicalConfig, Tag("hierarchical")]
    | Annotated[TransformerConfig, Tag("transformer")],
    Discriminator(family),
]
"""The table of encoders."""

CausalEncoderConfig = Annotated[
    Annotated[RecurrentConfig, Tag("recurrent")]
    | Annotated[CausalTransformerConfig, Tag("transformer")],
    Discriminator(family),
]
"""The encoders of a language model."""


def _families() -> dict[str, tuple[str, ...]]:
    """Read the kinds of each section in the table."""
    sections = [get_args(member) for member in get_args(get_args(EncoderConfig)[0])]
    return {
        tag.tag: tuple(CELLS)
        if section is RecurrentConfig
        else (section.model_fields["kind"].default,)
        for section, tag in sections
    }


FAMILIES = _families()
"""The kinds of each family: `recurrent` has several, others have one."""
