"""The encoders that a recipe may name: one section for each family, told apart by `encoder.kind`."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from .base import Count, Counts, Fraction, Natural, Section

Activation = Literal["tanh", "relu", "leaky_relu", "gelu"]
Normalization = Literal["none", "layer", "batch"]


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
    init_from: str | None = Field(
        None, description="run of a language model whose embedding and encoder to start from"
    )


class FeedforwardConfig(Section):
    """Layers that see one token at a time, without its context."""

    kind: Literal["feedforward"] = "feedforward"
    hidden_size: Count = 200
    num_layers: Natural = Field(2, description="0: token vectors as they are")
    activation: Activation = "relu"
    dropout: Fraction = Field(0.0, description="between layers")
    output_dropout: Fraction = Field(0.0, description="of what comes out")
    normalization: Normalization = Field("none", description="of each layer's input")


class ConvolutionalConfig(Section):
    """Filters of several widths side by side (Kim 2014), stacked if there are several layers."""

    kind: Literal["cnn"] = "cnn"
    hidden_size: Count = Field(100, description="filters of each width")
    widths: Counts = Field((3, 4, 5), min_length=1, description="tokens that a filter sees")
    num_layers: Count = 1
    activation: Activation = "relu"
    dropout: Fraction = Field(0.0, description="between layers")
    output_dropout: Fraction = Field(0.0, description="of what the last layer gives")
    residual: bool = False
    normalization: Normalization = Field("none", description="of each layer's input")


class DilatedConfig(Section):
    """Iterated dilated convolutions (Strubell et al. 2017): wide contexts in few layers."""

    kind: Literal["dilated_cnn"] = "dilated_cnn"
    hidden_size: Count = 300
    width: Count = Field(3, description="tokens that a filter sees")
    dilations: Counts = Field(
        (1, 2, 1), min_length=1, description="distances between them, a layer of the block each"
    )
    iterations: Count = Field(
        1, description="times that the block is applied; the authors' own code: 1 on CoNLL-2003"
    )
    activation: Activation = "relu"
    dropout: Fraction = Field(0.0, description="of what goes into the block")
    output_dropout: Fraction = Field(0.0, description="of what the block gives at last")


class RecurrentConvolutionalConfig(Section):
    """Each word between its left and right contexts (Lai et al. 2015)."""

    kind: Literal["rcnn"] = "rcnn"
    cell: Literal["rnn", "gru", "lstm"] = Field("rnn", description="that reads the contexts")
    context_size: Count = Field(100, description="units of the context in each direction")
    hidden_size: Count = Field(200, description="units of the layer that joins the three")
    activation: Activation = "tanh"
    dropout: Fraction = Field(0.0, description="of the three, joined")
    output_dropout: Fraction = Field(0.0, description="of what comes out")


class HierarchicalConfig(Section):
    """Words to sentences to a document, with attention at both levels (Yang et al. 2016)."""

    kind: Literal["hierarchical"] = "hierarchical"
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    hidden_size: Count = Field(50, description="units in each direction, at both levels")
    attention_size: Count = Field(100, description="of the attention's hidden layer")
    dropout: Fraction = Field(0.0, description="of sentence vectors")
    output_dropout: Fraction = Field(0.0, description="of what each level's encoder gives")


class TransformerLayersConfig(Section):
    """What encoders and decoders of Transformer layers share."""

    num_layers: Count = 2
    feedforward_size: Count = 256
    activation: Activation = "gelu"
    dropout: Fraction = Field(0.1, description="of the input and of what each sublayer adds")
    attention_dropout: Fraction = Field(0.0, description="of attention weights")
    output_dropout: Fraction = Field(0.0, description="of what the last layer gives")

    def check_length(self, positions: str) -> None:
        """See that `max_length` is given only with learned positions.

        Raises:
            ValueError: it is given with others.
        """
        if positions != "learned":
            reason = f"only learned positions have an end, these are {positions}"
            self.refuse(("max_length",), reason)


class TransformerConfig(TransformerLayersConfig):
    """Pre-norm Transformer layers (Vaswani et al. 2017; Xiong et al. 2020)."""

    kind: Literal["transformer"] = "transformer"
    hidden_size: Count = Field(128, description="width of the model")
    num_heads: Count = Field(4, validate_default=True)
    positions: Literal["sinusoidal", "learned", "rotary"] = "sinusoidal"
    max_length: Count = Field(1024, description="`learned`: positions that there are vectors for")
    init_from: str | None = Field(
        None, description="run of a language model whose embedding and encoder to start from"
    )

    @field_validator("num_heads")
    @classmethod
    def _divides_hidden_size(cls, num_heads: int, info: ValidationInfo) -> int:
        hidden_size = info.data.get("hidden_size", num_heads)
        if hidden_size % num_heads:
            raise ValueError(f"{num_heads} heads cannot share encoder.hidden_size = {hidden_size}")
        return num_heads

    @model_validator(mode="after")
    def _read(self) -> Self:
        self.check_length(self.positions)
        return self


class CausalTransformerConfig(TransformerConfig):
    """Layers of a language model: a token sees those before it, up to a distance."""

    context: Count = Field(
        128, description="tokens that a token sees in each layer, itself among them"
    )
    positions: Literal["rotary"] = Field(
        "rotary", description="of distances alone, for the context moves on with the text"
    )


FAMILIES: dict[str, tuple[str, ...]] = {
    "recurrent": ("lstm", "gru", "rnn", "mingru"),
    "feedforward": ("feedforward",),
    "cnn": ("cnn",),
    "dilated_cnn": ("dilated_cnn",),
    "rcnn": ("rcnn",),
    "hierarchical": ("hierarchical",),
    "transformer": ("transformer",),
}
_FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


def family(section: Any) -> str:
    """The union's tag; a section that names no kind is an LSTM's."""
    if not isinstance(section, dict | Section):
        return repr(section)  # no family: it is not even a section
    kind = (
        section.get("kind", "lstm") if isinstance(section, dict) else getattr(section, "kind", None)
    )
    return _FAMILY_OF.get(kind, kind) if isinstance(kind, str) else repr(kind)


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

CausalEncoderConfig = Annotated[
    Annotated[RecurrentConfig, Tag("recurrent")]
    | Annotated[CausalTransformerConfig, Tag("transformer")],
    Discriminator(family),
]
