"""Builders: from the sections of a recipe to embeddings, encoders and decoders.

Reading order: `build_embedding`, `build_encoder`, `build_decoder`.
"""

import importlib

from torch import nn

from nlpseq.errors import UserError
from nlpseq.layers.characters import CharacterCNN, CharacterEncoder, CharacterLSTM
from nlpseq.layers.cross_attention import build_attention
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.layers.initialization import initialize
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.layers.transformer_decoder import TransformerDecoderStack
from nlpseq.models.bridge import Bridge, ProjectingBridge, ZeroBridge
from nlpseq.models.decoder import Decoder
from nlpseq.models.recurrent_decoder import AttentionDecoder
from nlpseq.models.transformer_decoder import TransformerDecoder
from nlpseq.recipe import (
    DecoderConfig,
    EmbeddingConfig,
    EncoderConfig,
    HierarchicalConfig,
    RecurrentConfig,
    RecurrentDecoderConfig,
)

NO_CASING = 0  # the class of padding


def build_embedding(
    config: EmbeddingConfig,
    *,
    vocab_size: int,
    pad_id: int,
    unk_id: int,
    num_characters: int = 0,
    num_casings: int = 0,
    extension_size: int = 0,
) -> Embedding:
    """Build an embedding; `TokenEmbedding.load` copies pretrained vectors into it later.

    Args:
        config: the recipe's `[embedding]` section.
        vocab_size: rows of the trained table, and of an output layer tied to it.
        pad_id: id of the padding token.
        unk_id: id of the unknown token.
        num_characters: rows of the character table, if the recipe has characters.
        num_casings: classes of casing, if the recipe has casing.
        extension_size: vectors that follow the trained table.

    Raises:
        UserError: characters = 'lstm' with an odd character_size.
    """
    tokens = TokenEmbedding(
        vocab_size,
        config.dim,
        pad_id=pad_id,
        unk_id=unk_id,
        embedding_dropout=config.embedding_dropout,
        word_dropout=config.word_dropout,
        frozen=config.frozen,
        extension_size=extension_size,
    )
    casing = None
    if config.casing_dim:
        casing = nn.Embedding(num_casings, config.casing_dim, padding_idx=NO_CASING)
    return Embedding(tokens, _characters(config, num_characters), casing, dropout=config.dropout)


def _characters(config: EmbeddingConfig, num_characters: int) -> CharacterEncoder | None:
    sizes = (num_characters, config.character_dim, config.character_size)
    if config.characters == "cnn":
        width, dropout = config.character_width, config.character_dropout
        return CharacterCNN(*sizes, width=width, dropout=dropout)
    if config.characters == "lstm":
        return CharacterLSTM(*sizes, dropout=config.character_dropout)
    return None


def build_encoder(config: EncoderConfig, input_size: int) -> Encoder:
    """Build an encoder of vectors (B, T, input_size).

    Raises:
        UserError: the kind gives no vector for each token, or its sizes do not fit together.
    """
    if isinstance(config, RecurrentConfig):
        return _build_recurrent(config, input_size)
    if isinstance(config, HierarchicalConfig):
        raise UserError(
            "encoder.kind = hierarchical gives one vector for a document instead of one for each token: "
            "it is for classification; choose another encoder here"
        )
    module, _, name = config.builder.partition(":")
    build = getattr(importlib.import_module(f"nlpseq.layers.{module}"), name)
    encoder: Encoder = build(input_size, **config.model_dump(exclude={"kind", "init_from"}))
    return encoder


def _build_recurrent(config: RecurrentConfig, input_size: int) -> RecurrentEncoder:
    encoder = RecurrentEncoder(
        input_size,
        config.hidden_size,
        cell=config.kind,
        kernel=config.kernel,
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
    """Build a network that reads documents of vectors (B, T, input_size), sentence by sentence."""

    def bidirectional(size: int) -> RecurrentEncoder:
        return RecurrentEncoder(
            size,
            config.hidden_size,
            cell=config.cell,
            kernel=config.kernel,
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


def build_decoder(
    config: DecoderConfig,
    source: EncoderConfig,
    encoder: Encoder,
    embedding: Embedding,
    *,
    vocab_size: int,
    tied: bool,
) -> Decoder:
    """Build a decoder that attends to the outputs of an encoder.

    Args:
        config: the recipe's `[decoder]` section.
        source: the recipe's `[encoder]` section.
        encoder: built from `source`.
        embedding: vectors of target tokens.
        vocab_size: V of the target.
        tied: whether the output layer shares the table of `embedding`.

    Raises:
        UserError: sizes or kinds that do not fit together.
    """
    tied_to = embedding.tokens.weight if tied else None
    if isinstance(config, RecurrentDecoderConfig):
        return _build_recurrent_decoder(config, source, encoder, embedding, vocab_size, tied_to)
    hidden_size = config.hidden_size or encoder.output_dim
    own = {"kind", "hidden_size", "copying", "copy_dropout"}
    layers = TransformerDecoderStack(
        embedding.dim, hidden_size, encoder.output_dim, **config.model_dump(exclude=own)
    )
    softmax = SoftmaxLayer(hidden_size, vocab_size, tied_to=tied_to)
    return TransformerDecoder(embedding, layers, softmax, copying=config.copying)


def _build_recurrent_decoder(
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
        kernel=_decoder_kernel(config, source),
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


def _decoder_kernel(config: RecurrentDecoderConfig, source: EncoderConfig) -> str:
    """Return the kernel of a decoder; `same` is the encoder's, where that has one."""
    if config.kernel != "same":
        return config.kernel
    return str(getattr(source, "kernel", "auto"))


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
