"""The decoders that a seq2seq recipe may name, told apart by `decoder.kind`.

`decoder.kind = "same"`, or none, is the encoder's kind where there is a decoder of it, else an LSTM; a recipe is
read so before it is checked (`validate`).
"""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .base import Count, Fraction, Natural, Section
from .encoders import TransformerLayersConfig, family


class DecoderSection(Section):
    """What every decoder has."""

    hidden_size: Natural = Field(0, description="units of a layer; 0: as the encoder's outputs")
    copying: bool = Field(
        False, description="tokens can be copied from the source (See et al. 2017)"
    )
    copy_dropout: Fraction = Field(
        0.0,
        description="of words that both sides of a pair share: training reads them as unknown, and has to "
        "copy them; for data in which train knows every word",
    )


class RecurrentDecoderConfig(DecoderSection):
    """Recurrent layers with attention (Bahdanau et al. 2015; Luong et al. 2015)."""

    kind: Literal["lstm", "gru", "rnn", "mingru"] = "lstm"
    num_layers: Count = 1
    dropout: Fraction = Field(0.0, description="between layers")
    output_dropout: Fraction = Field(0.0, description="of what the output layer reads")
    variational: bool = Field(
        True, description="one mask a sequence between layers, where no step waits for the last"
    )
    weight_drop: Fraction = Field(
        0.0,
        description="of the recurrent weights (Merity et al. 2018); a mask a token where each waits for the "
        "last, but one a sequence for a GRU with input feeding on a CPU",
    )
    bridge: Literal["mean", "last", "zero"] = Field(
        "mean", description="of the encoder's outputs, or its last state: where the decoder starts"
    )
    attention: Literal[
        "additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"
    ] = "additive"
    attention_size: Natural = Field(0, description="units of the scores; 0: as hidden_size")
    num_heads: Count = Field(4, description="`multi_head`")
    input_feeding: bool = Field(
        False, description="a step also reads the output of the step before (Luong et al. 2015)"
    )


class TransformerDecoderConfig(DecoderSection, TransformerLayersConfig):
    """Causal Transformer layers that attend to the source (Vaswani et al. 2017), pre-norm."""

    kind: Literal["transformer"] = "transformer"
    num_heads: Count = 4
    positions: Literal["sinusoidal", "learned", "rotary"] = "sinusoidal"
    max_length: Count = Field(1024, description="`learned`: positions that there are vectors for")

    @model_validator(mode="after")
    def _read(self) -> Self:
        self.check_length(self.positions)
        return self


DecoderConfig = Annotated[
    Annotated[RecurrentDecoderConfig, Tag("recurrent")]
    | Annotated[TransformerDecoderConfig, Tag("transformer")],
    Discriminator(family),
]
