"""The head of a classifier: a text's vectors to one vector, and that to a score for each class."""

from typing import Literal, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.feedforward import FeedforwardEncoder, FeedforwardLayers
from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.layers.pooling import Pooling, build_pooling
from nlpseq.models.builders import build_encoder, build_hierarchical
from nlpseq.models.model import Model
from nlpseq.recipe import (
    Count,
    EncoderConfig,
    FeedforwardConfig,
    Fraction,
    HierarchicalConfig,
    RecurrentConfig,
    Section,
)


class ClassifierConfig(Section):
    """From the encoder's outputs to classes."""

    pooling: Literal["auto", "last", "mean", "max", "attention", "concat"] = Field(
        "auto",
        description="of outputs over time; auto: mean of a feedforward encoder's, max of others'",
    )
    attention_size: Count = Field(100, description="of the hidden layer of attention")
    dropout: Fraction = Field(0.0, description="of the text's vector")


class ClassifierOutput(NamedTuple):
    """Scores of the classes, and what the text's vector attended to.

    Attributes:
        logits: (B, K).
        weights: (B, T) of tokens, None where nothing attends; of a hierarchical network they sum to 1
            in each sentence.
        sentence_weights: (B, S), of a hierarchical network.
    """

    logits: Tensor
    weights: Tensor | None = None
    sentence_weights: Tensor | None = None


class ClassificationHead(nn.Module):
    """Pooling (or a reader of documents), layers of one vector, and an affine map to K classes."""

    def __init__(
        self,
        reader: Pooling | HierarchicalReader,
        layers: FeedforwardLayers,
        num_classes: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.layers = layers
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(layers.output_dim, num_classes)

    def forward(self, outputs: Tensor, tokens: Tokens) -> ClassifierOutput:
        """Classify texts: the encoder's outputs (B, T, H), and the tokens that it read."""
        sentence_weights = None
        if isinstance(self.reader, HierarchicalReader):
            assert tokens.segments is not None
            vector, weights, sentence_weights = self.reader(outputs, tokens.segments, tokens.mask)
        else:
            vector, weights = self.reader(outputs, tokens.mask)
        logits = self.output(self.dropout(self.layers(vector)))  # (B, K)
        return ClassifierOutput(logits, weights, sentence_weights)


Classifier = Model[ClassificationHead]


def build_classifier(
    embedding: Embedding, encoder: EncoderConfig, head: ClassifierConfig, num_classes: int
) -> Classifier:
    """A classifier of texts.

    Two kinds of encoder stand in the head, behind an encoder of no layers: the layers of a feedforward
    network read the mean of a text (a deep averaging network, Iyyer et al. 2015), and a hierarchical
    network reads whole documents.
    """
    size = embedding.dim
    reader: Pooling | HierarchicalReader
    read: Encoder = FeedforwardEncoder(FeedforwardLayers(size, size, num_layers=0))
    if isinstance(encoder, HierarchicalConfig):
        reader = build_hierarchical(encoder, size)
    else:
        if not isinstance(encoder, FeedforwardConfig):
            read = build_encoder(encoder, size)
        bidirectional = isinstance(encoder, RecurrentConfig) and encoder.bidirectional
        reader = build_pooling(
            _pooling(head, encoder),
            read.output_dim,
            bidirectional=bidirectional,
            attention_size=head.attention_size,
        )
    layers = FeedforwardLayers(reader.output_dim, reader.output_dim, num_layers=0)
    if isinstance(encoder, FeedforwardConfig):
        layers = FeedforwardLayers(reader.output_dim, **encoder.model_dump(exclude={"kind"}))
    return Model(embedding, read, ClassificationHead(reader, layers, num_classes, head.dropout))


def _pooling(head: ClassifierConfig, encoder: EncoderConfig) -> str:
    if head.pooling != "auto":
        return head.pooling
    return "mean" if isinstance(encoder, FeedforwardConfig) else "max"
