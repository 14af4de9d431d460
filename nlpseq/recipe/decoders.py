"""The decoder that a seq2seq recipe names: causal layers, attention, and what joins them."""

from typing import Literal

from pydantic import Field

from .base import Count, Fraction, Natural, Section


class DecoderConfig(Section):
    """Recurrent layers with attention (Bahdanau et al. 2015; Luong et al. 2015)."""

    kind: Literal["same", "lstm", "gru", "rnn", "mingru"] = Field(
        "same", description="same: as the encoder, where that is recurrent, else lstm"
    )
    hidden_size: Natural = Field(0, description="units of a layer; 0: as the encoder's outputs")
    num_layers: Count = 1
    dropout: Fraction = Field(0.0, description="between layers")
    output_dropout: Fraction = Field(0.0, description="of what the output layer reads")
    variational: bool = Field(
        True, description="one mask a sequence between layers, where no step waits for the last"
    )
    weight_drop: Fraction = Field(0.0, description="of the recurrent weights (Merity et al. 2018)")
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
    copying: bool = Field(
        False, description="tokens can be copied from the source (See et al. 2017)"
    )
    copy_dropout: Fraction = Field(
        0.0,
        description="of words that both sides of a pair share: training reads them as unknown, and has to "
        "copy them; for data in which train knows every word",
    )
