"""Encoders from their configuration: the fields of a section are the arguments of its layers."""

from nlpseq.errors import UserError
from nlpseq.layers.convolution import ConvolutionalEncoder, DilatedEncoder
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.feedforward import FeedforwardEncoder, FeedforwardLayers
from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.layers.initialization import initialize
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.recurrent_convolution import RecurrentConvolutionalEncoder
from nlpseq.layers.transformer import TransformerEncoder
from nlpseq.recipe import (
    ConvolutionalConfig,
    DilatedConfig,
    EncoderConfig,
    FeedforwardConfig,
    HierarchicalConfig,
    RecurrentConfig,
    RecurrentConvolutionalConfig,
    TransformerConfig,
)


def build_encoder(config: EncoderConfig, input_size: int) -> Encoder:
    """A fresh encoder that reads vectors (B, T, input_size).

    Raises:
        UserError: the kind gives no vector a token, or its sizes do not fit together.
    """
    match config:
        case RecurrentConfig():
            return _build_recurrent(config, input_size)
        case FeedforwardConfig():
            layers = FeedforwardLayers(input_size, **config.model_dump(exclude={"kind"}))
            return FeedforwardEncoder(layers)
        case ConvolutionalConfig():
            return ConvolutionalEncoder(input_size, **config.model_dump(exclude={"kind"}))
        case DilatedConfig():
            return DilatedEncoder(input_size, **config.model_dump(exclude={"kind"}))
        case RecurrentConvolutionalConfig():
            encoder = RecurrentConvolutionalEncoder(
                input_size, **config.model_dump(exclude={"kind"})
            )
            initialize(encoder, "orthogonal", forget_bias=1.0)
            return encoder
        case TransformerConfig():
            return TransformerEncoder(
                input_size, **config.model_dump(exclude={"kind", "init_from"})
            )
        case HierarchicalConfig():
            raise UserError(
                "encoder.kind = hierarchical reads whole documents and gives no vector a token: it is "
                "for classification; choose another encoder here"
            )


def _build_recurrent(config: RecurrentConfig, input_size: int) -> RecurrentEncoder:
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


def build_hierarchical(config: HierarchicalConfig, input_size: int) -> HierarchicalReader:
    """A fresh network that reads documents of vectors (B, T, input_size), sentence by sentence."""

    def bidirectional(size: int) -> RecurrentEncoder:
        return RecurrentEncoder(
            size,
            config.hidden_size,
            cell=config.cell,
            bidirectional=True,
            output_dropout=config.output_dropout,
        )

    reader = HierarchicalReader(
        bidirectional(input_size),
        bidirectional(2 * config.hidden_size),
        attention_size=config.attention_size,
        dropout=config.dropout,
    )
    initialize(reader, "orthogonal", forget_bias=1.0)
    return reader
