"""Decoders from their configuration."""

from torch import nn

from nlpseq.errors import UserError
from nlpseq.layers.cross_attention import build_attention
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.initialization import initialize
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.layers.transformer_decoder import TransformerDecoderStack
from nlpseq.models.attention_decoder import AttentionDecoder
from nlpseq.models.bridge import Bridge, ProjectingBridge, ZeroBridge
from nlpseq.models.decoder import Decoder
from nlpseq.models.transformer_decoder import TransformerDecoder
from nlpseq.recipe import DecoderConfig, EncoderConfig, RecurrentConfig, RecurrentDecoderConfig


def build_decoder(
    config: DecoderConfig,
    source: EncoderConfig,
    encoder: Encoder,
    embedding: Embedding,
    *,
    vocab_size: int,
    tied: bool,
) -> Decoder:
    """A fresh decoder of what `encoder` gives.

    Args:
        config: the recipe's `[decoder]` section.
        source: its `[encoder]` section.
        encoder: built from that.
        embedding: of target tokens; an output layer that is tied shares its table.
        vocab_size: V of the target.
        tied: whether it is.

    Raises:
        UserError: sizes or kinds that do not fit together.
    """
    tied_to = embedding.tokens.weight if tied else None
    if isinstance(config, RecurrentDecoderConfig):
        return _build_recurrent(config, source, encoder, embedding, vocab_size, tied_to)
    hidden_size = config.hidden_size or encoder.output_dim
    own = {"kind", "hidden_size", "copying", "copy_dropout"}
    layers = TransformerDecoderStack(
        embedding.dim, hidden_size, encoder.output_dim, **config.model_dump(exclude=own)
    )
    softmax = SoftmaxLayer(hidden_size, vocab_size, tied_to=tied_to)
    return TransformerDecoder(embedding, layers, softmax, copying=config.copying)


def _build_recurrent(
    config: RecurrentDecoderConfig,
    source: EncoderConfig,
    encoder: Encoder,
    embedding: Embedding,
    vocab_size: int,
    tied_to: nn.Parameter | None,
) -> AttentionDecoder:
    hidden_size = config.hidden_size or encoder.output_dim
    output_size = hidden_size if tied_to is None else embedding.dim
    layers = RecurrentEncoder(
        embedding.dim + (output_size if config.input_feeding else 0),
        hidden_size,
        cell=config.kind,
        num_layers=config.num_layers,
        dropout=config.dropout,
        variational=config.variational,
        weight_drop=config.weight_drop,
    )
    initialize(layers, "orthogonal", forget_bias=1.0)
    attention = build_attention(
        config.attention,
        hidden_size,
        encoder.output_dim,
        size=config.attention_size or hidden_size,
        num_heads=config.num_heads,
    )
    return AttentionDecoder(
        embedding,
        layers,
        attention,
        _bridge(config, source, encoder, layers),
        SoftmaxLayer(output_size, vocab_size, tied_to=tied_to),
        output_size=output_size,
        input_feeding=config.input_feeding,
        copying=config.copying,
        output_dropout=config.output_dropout,
    )


def _bridge(
    config: RecurrentDecoderConfig,
    source: EncoderConfig,
    encoder: Encoder,
    layers: RecurrentEncoder,
) -> Bridge:
    sizes = (len(layers.layers), layers.hidden_size, layers.num_states)
    if config.bridge == "zero":
        return ZeroBridge(*sizes)
    recurrent = isinstance(source, RecurrentConfig)
    if config.bridge == "last" and not recurrent:
        raise UserError(
            f"decoder.bridge = last: encoder.kind = {source.kind} has no state; choose mean or zero"
        )
    return ProjectingBridge(
        *sizes,
        summary=config.bridge,
        output_dim=encoder.output_dim,
        num_directions=2 if isinstance(source, RecurrentConfig) and source.bidirectional else 1,
    )
