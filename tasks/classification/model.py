"""The model of a classifier: pool the encoder's outputs to one vector, and score each class."""

from typing import NamedTuple

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
    EncoderConfig,
    FeedforwardConfig,
    HierarchicalConfig,
    RecurrentConfig,
)

from .recipe import ClassifierConfig


class ClassifierOutput(NamedTuple):
    """Scores of the K classes, and the attention weights of the pooling.

    Attributes:
        logits: (B, K) scores of the classes.
        weights: (B, T) attention on tokens, None without attention; in a hierarchical network they sum
            to 1 in each sentence.
        sentence_weights: (B, S) attention on sentences, in a hierarchical network only.
    """

    logits: Tensor
    weights: Tensor | None = None
    sentence_weights: Tensor | None = None


class ClassificationHead(nn.Module):
    """Pooling (or a hierarchical document reader), feedforward layers, an affine map to K classes."""

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
        """Score the classes of texts.

        Args:
            outputs: (B, T, H) outputs of the encoder.
            tokens: tokens that the encoder read.
        """
        sentence_weights = None
        if isinstance(self.reader, HierarchicalReader):
            assert tokens.segments is not None
            vector, weights, sentence_weights = self.reader(outputs, tokens.segments, tokens.mask)
        else:
            vector, weights = self.reader(outputs, tokens.mask)
        logits = self.output(self.dropout(self.layers(vector)))  # (B, K)
        return ClassifierOutput(logits, weights, sentence_weights)


Classifier = Model[ClassificationHead]


def classify(model: Classifier, tokens: Tokens) -> ClassifierOutput:
    """Score the classes of a batch of texts."""
    output: ClassifierOutput = model.head(model.encode(tokens).outputs, tokens)
    return output


def relative_score(model: Classifier, vectors: Tensor, tokens: Tokens, labels: Tensor) -> Tensor:
    """Score texts by the vectors (B, T, D) of their tokens: the label's logit less the mean logit of all classes.

    Predictions depend on differences of logits alone, so what moves all logits counts for no class.

    Args:
        model: a classifier.
        vectors: what the encoder reads in place of the embedding of `tokens`.
        tokens: give mask and sentences.
        labels: (B,) ids of classes.

    Returns:
        (B,)
    """
    logits = model.head(model.encoder(vectors, tokens.mask).outputs, tokens).logits  # (B, K)
    score: Tensor = logits.gather(1, labels.unsqueeze(1)).squeeze(1) - logits.mean(1)
    return score


def build_classifier(
    embedding: Embedding, encoder: EncoderConfig, head: ClassifierConfig, num_classes: int
) -> Classifier:
    """Build a text classifier.

    Two kinds of encoder are part of the head, after an encoder without layers: a feedforward network reads
    the mean vector of a text (a deep averaging network, Iyyer et al. 2015), and a hierarchical network
    reads whole documents.
    """
    size = embedding.dim
    reader: Pooling | HierarchicalReader
    token_encoder: Encoder = FeedforwardEncoder(FeedforwardLayers(size, size, num_layers=0))
    if isinstance(encoder, HierarchicalConfig):
        reader = build_hierarchical(encoder, size)
    else:
        if not isinstance(encoder, FeedforwardConfig):
            token_encoder = build_encoder(encoder, size)
        bidirectional = isinstance(encoder, RecurrentConfig) and encoder.bidirectional
        reader = build_pooling(
            _pooling(head, encoder),
            token_encoder.output_dim,
            bidirectional=bidirectional,
            attention_size=head.attention_size,
        )
    layers = FeedforwardLayers(reader.output_dim, reader.output_dim, num_layers=0)
    if isinstance(encoder, FeedforwardConfig):
        layers = FeedforwardLayers(reader.output_dim, **encoder.model_dump(exclude={"kind"}))
    return Model(
        embedding, token_encoder, ClassificationHead(reader, layers, num_classes, head.dropout)
    )


def _pooling(head: ClassifierConfig, encoder: EncoderConfig) -> str:
    if head.pooling != "auto":
        return head.pooling
    return "mean" if isinstance(encoder, FeedforwardConfig) else "max"
