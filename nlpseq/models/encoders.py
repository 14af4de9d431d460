"""Encoders from their configuration."""

from nlpseq.layers.initialization import initialize
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.recipe import RecurrentConfig


def build_encoder(config: RecurrentConfig, input_size: int) -> RecurrentEncoder:
    """A fresh encoder that reads vectors (B, T, input_size)."""
    encoder = RecurrentEncoder(
        input_size,
        config.hidden_size,
        cell=config.kind,
        nonlinearity=config.nonlinearity,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        output_dropout=config.output_dropout,
        variational=config.variational,
        weight_drop=config.weight_drop,
        residual=config.residual,
        normalization=config.normalization,
    )
    initialize(
        encoder,
        config.initialization,
        forget_bias=config.forget_bias,
        nonlinearity=config.nonlinearity,
    )
    return encoder
