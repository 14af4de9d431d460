"""The model of a task on whole texts: one vector for a text, or for a pair of texts, and K outputs from it."""

from typing import NamedTuple

from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.feedforward import FeedforwardEncoder, FeedforwardLayers
from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.layers.pairs import SoftAlignment, pair_features
from nlpseq.layers.pooling import Pooling, build_pooling
from nlpseq.models.builders import build_encoder, build_hierarchical
from nlpseq.models.model import Model
from nlpseq.recipe import (
    EncoderConfig,
    FeedforwardConfig,
    HierarchicalConfig,
    RecurrentConfig,
)

from .vector_recipe import VectorHeadConfig


class TextVector(NamedTuple):
    """The vector of each text, and the attention that made it.

    Attributes:
        vector: (B, H).
        weights: (B, T) attention on tokens, None without attention; in a hierarchical network they sum
            to 1 in each sentence.
        sentence_weights: (B, S) attention on sentences, in a hierarchical network only.
    """

    vector: Tensor
    weights: Tensor | None = None
    sentence_weights: Tensor | None = None


class VectorOutput(NamedTuple):
    """The K outputs for each text or pair, and the attention of the pooling.

    Attributes:
        logits: (B, K).
        weights: (B, T), see `TextVector`.
        sentence_weights: (B, S).
        second: of the second texts of pairs.
    """

    logits: Tensor
    weights: Tensor | None = None
    sentence_weights: Tensor | None = None
    second: TextVector | None = None


class VectorHead(nn.Module):
    """Pooling (or a hierarchical document reader), feedforward layers, an affine map to K outputs.

    Both texts of a pair go through the same pooling and layers, after an alignment if there is one; the map reads
    `pair_features` of their vectors.

    Args:
        reader: makes a vector of a text.
        layers: follow on it.
        num_outputs: K.
        config: the recipe's `head` section.
        dim: components of the encoder's outputs.
    """

    def __init__(
        self,
        reader: Pooling | HierarchicalReader,
        layers: FeedforwardLayers,
        num_outputs: int,
        config: VectorHeadConfig,
        dim: int,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.layers = layers
        self.symmetric = config.symmetric
        self.alignment = (
            SoftAlignment(dim, config.dropout) if config.pair == "cross_attention" else None
        )
        size = layers.output_dim * (1 if config.pair == "none" else 3 if config.symmetric else 4)
        self.hidden = FeedforwardLayers(
            size, config.hidden_size, num_layers=1 if config.hidden_size else 0
        )
        self.dropout = Dropout(config.dropout)
        self.output = nn.Linear(self.hidden.output_dim, num_outputs)

    def forward(
        self, outputs: Tensor, tokens: Tokens, second_outputs: Tensor | None = None
    ) -> VectorOutput:
        """Compute the outputs of texts or pairs.

        Args:
            outputs: (B, T, H) outputs of the encoder.
            tokens: tokens that the encoder read.
            second_outputs: (B, S, H) outputs for `tokens.second`, for pairs.
        """
        if second_outputs is None or tokens.second is None:
            text = self._read(outputs, tokens)
            return VectorOutput(self._map(text.vector), text.weights, text.sentence_weights)
        if self.alignment is not None:
            masks = tokens.mask, tokens.second.mask
            outputs, second_outputs, *_ = self.alignment(outputs, second_outputs, *masks)
        first = self._read(outputs, tokens)
        second = self._read(second_outputs, tokens.second)
        vector = pair_features(first.vector, second.vector, symmetric=self.symmetric)
        return VectorOutput(self._map(vector), first.weights, first.sentence_weights, second)

    def _read(self, outputs: Tensor, tokens: Tokens) -> TextVector:
        """Make a vector of each text."""
        sentence_weights = None
        if isinstance(self.reader, HierarchicalReader):
            assert tokens.segments is not None
            vector, weights, sentence_weights = self.reader(
                outputs, tokens.segments, tokens.mask, tokens.host
            )
        else:
            vector, weights = self.reader(outputs, tokens.mask)
        return TextVector(self.layers(vector), weights, sentence_weights)

    def _map(self, vector: Tensor) -> Tensor:
        """Map vectors to outputs: (B, D) -> (B, K)."""
        logits: Tensor = self.output(self.hidden(self.dropout(vector)))
        return logits


VectorModel = Model[VectorHead]


def compute_outputs(model: VectorModel, tokens: Tokens) -> VectorOutput:
    """Compute the outputs for a batch of texts or pairs."""
    second = None if tokens.second is None else model.encode(tokens.second).outputs
    output: VectorOutput = model.head(model.encode(tokens).outputs, tokens, second)
    return output


def build_vector_model(
    embedding: Embedding, encoder: EncoderConfig, head: VectorHeadConfig, num_outputs: int
) -> VectorModel:
    """Build a model of whole texts.

    Two kinds of encoder are part of the head, after an encoder without layers: a feedforward network reads
    the mean vector of a text (a deep averaging network, Iyyer et al. 2015), and a hierarchical network
    reads whole documents.

    Args:
        embedding: vectors of tokens.
        encoder: the recipe's `encoder` section.
        head: the recipe's `head` section.
        num_outputs: K.
    """
    size = embedding.dim
    reader: Pooling | HierarchicalReader
    token_encoder: Encoder = FeedforwardEncoder(FeedforwardLayers(size, size, num_layers=0))
    if isinstance(encoder, HierarchicalConfig):
        reader = build_hierarchical(encoder, size)
    else:
        if not isinstance(encoder, FeedforwardConfig):
            token_encoder = build_encoder(encoder, size)
        aligned = head.pair == "cross_attention"  # whose outputs have no direction
        bidirectional = isinstance(encoder, RecurrentConfig) and encoder.bidirectional
        reader = build_pooling(
            _pooling(head, encoder),
            token_encoder.output_dim,
            bidirectional=bidirectional and not aligned,
            attention_size=head.attention_size,
        )
    layers = FeedforwardLayers(reader.output_dim, reader.output_dim, num_layers=0)
    if isinstance(encoder, FeedforwardConfig):
        layers = FeedforwardLayers(reader.output_dim, **encoder.model_dump(exclude={"kind"}))
    dim = token_encoder.output_dim
    return Model(embedding, token_encoder, VectorHead(reader, layers, num_outputs, head, dim))


def _pooling(head: VectorHeadConfig, encoder: EncoderConfig) -> str:
    if head.pooling != "auto":
        return head.pooling
    return "mean" if isinstance(encoder, FeedforwardConfig) else "max"
