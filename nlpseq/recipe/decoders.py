"""The decoders that a seq2seq recipe may name, selected by `decoder.kind`.

`decoder.kind = "same"`, the default, is the encoder's kind if there is such a decoder, else an LSTM; `validate`
replaces it before the recipe is checked.
"""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .base import Fraction, Length, OptionalSize, Section, SmallCount
from .cells import CellKind
from .encoders import TransformerLayersConfig, family


class DecoderSection(Section):
    """The keys that all decoders share."""

    hidden_size: OptionalSize = Field(
        0, description="units in each layer; 0: the size of the encoder's outputs"
    )
    copying: bool = Field(
        False, description="allow copying tokens from the source (See et al. 2017)"
    )
    copy_dropout: Fraction = Field(
        0.0,
        description="share of the words common to source and target that training replaces by the unknown token, "
        "so that the model learns to copy them; for training data without unknown words",
    )


class RecurrentDecoderConfig(DecoderSection):
    """Recurrent layers with attention (Bahdanau et al. 2015; Luong et al. 2015)."""

    kind: CellKind = Field(
        "lstm",
        description="recurrent cell; also `my_cells.py:MyCell`, a class in a file given with --code",
    )
    kernel: Literal["same", "auto", "equations"] = Field(
        "same",
        description="same: as encoder.kernel; auto: the fast kernels; equations: the cell's readable `equations`",
    )
    num_layers: SmallCount = Field(1, description="layers in the stack")
    dropout: Fraction = Field(0.0, description="dropout between layers")
    output_dropout: Fraction = Field(0.0, description="dropout of the output layer's input")
    variational: bool = Field(
        True,
        description="use one dropout mask for a whole sequence between layers; steps that wait for "
        "the previous output draw one for each token",
    )
    weight_drop: Fraction = Field(
        0.0,
        description="dropout of the recurrent weights (Merity et al. 2018); with input feeding one mask for each "
        "token, or for each sequence where a GRU with additive attention runs on a CPU",
    )
    bridge: Literal["mean", "last", "zero"] = Field(
        "mean",
        description="first state: from the mean of the encoder's outputs, from its last state, or zero",
    )
    attention: Literal[
        "additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"
    ] = Field("additive", description="how source positions are scored")
    attention_size: OptionalSize = Field(
        0, description="units of the attention's hidden layer; 0: as hidden_size"
    )
    num_heads: SmallCount = Field(4, description="heads of `multi_head` attention")
    input_feeding: bool = Field(
        False, description="each step also reads the previous output (Luong et al. 2015)"
    )


class TransformerDecoderConfig(DecoderSection, TransformerLayersConfig):
    """Causal Transformer layers that attend to the source (Vaswani et al. 2017), pre-norm."""

    kind: Literal["transformer"] = Field("transformer", description="kind of decoder")
    num_heads: SmallCount = Field(4, description="attention heads; they must divide hidden_size")
    positions: Literal["sinusoidal", "learned", "rotary"] = Field(
        "sinusoidal", description="how a token's position is encoded"
    )
    max_length: Length = Field(1024, description="number of `learned` positions")

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_length(self.positions)
        return self


DecoderConfig = Annotated[
    Annotated[RecurrentDecoderConfig, Tag("recurrent")]
    | Annotated[TransformerDecoderConfig, Tag("transformer")],
    Discriminator(family),
]
"""The table of decoders."""
