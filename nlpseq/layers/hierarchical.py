"""The hierarchical attention network (Yang et al. 2016): words to sentences to a document.

The real tokens of a batch (B, T) are arranged with one sentence in each row, so that the first encoder reads all
sentences of all documents at once; the sentence vectors are arranged with one document in each row for the second.
Documents may differ in the number of sentences, and sentences in length.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.pooling import AttentionPooling


class HierarchicalOutput(NamedTuple):
    """The vectors and attention weights of B documents with at most S sentences.

    Attributes:
        vector: (B, H).
        word_weights: (B, T), which sum to 1 over each sentence; 0 at padding.
        sentence_weights: (B, S), which sum to 1 over each document; 0 at padding.
    """

    vector: Tensor
    word_weights: Tensor
    sentence_weights: Tensor


class Layout(NamedTuple):
    """The row and column of each of N real tokens when each row is a sentence."""

    sentences: Tensor  # (N,) row: sentences are numbered through the whole batch
    columns: Tensor  # (N,) column
    word_mask: Tensor  # (sentences, longest sentence)
    sentence_mask: Tensor  # (B, S)

    @classmethod
    def of(cls, segments: Tensor, mask: Tensor) -> "Layout":
        """Arrange tokens: `segments` (B, T) never falls along a row; `mask` (B, T) has a True in each."""
        batch = len(segments)
        rows, _ = mask.nonzero(as_tuple=True)  # (N,) row by row, token by token
        pairs = torch.stack([rows, segments[mask]], dim=1)  # (N, 2) document and sentence
        distinct, sentences, lengths = torch.unique_consecutive(
            pairs, dim=0, return_inverse=True, return_counts=True
        )
        starts = lengths.cumsum(0) - lengths
        columns = torch.arange(len(rows), device=mask.device) - starts[sentences]
        counts = torch.bincount(distinct[:, 0], minlength=batch)  # (B,) sentences of each document
        return cls(sentences, columns, _mask(lengths), _mask(counts))


def _mask(lengths: Tensor) -> Tensor:
    """Build a mask from lengths: (N,) -> (N, longest), True at the first tokens of each row."""
    indices = torch.arange(int(lengths.max()), device=lengths.device)
    return indices < lengths.unsqueeze(1)


class HierarchicalReader(nn.Module):
    """A network for whole documents. It gives no vector for each token, so it is not an `Encoder`.

    Args:
        words: encodes the tokens (S, T, D) of single sentences.
        sentences: encodes the sentence vectors (B, S, words.output_dim) of documents.
        attention_size: units of the hidden layer of both poolings.
        dropout: dropout of sentence vectors.
    """

    def __init__(
        self, words: Encoder, sentences: Encoder, *, attention_size: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_dim = sentences.output_dim
        self.words = words
        self.word_pooling = AttentionPooling(words.output_dim, attention_size)
        self.dropout = LockedDropout(dropout)
        self.sentences = sentences
        self.sentence_pooling = AttentionPooling(sentences.output_dim, attention_size)

    def forward(self, inputs: Tensor, segments: Tensor, mask: Tensor | None) -> HierarchicalOutput:
        """Encode documents.

        Args:
            inputs: (B, T, D).
            segments: (B, T) number of each token's sentence, rising from left to right; ignored at padding.
            mask: (B, T) True at real tokens; None: there is no padding.
        """
        mask = torch.ones_like(segments, dtype=torch.bool) if mask is None else mask
        layout = Layout.of(segments, mask)
        real = layout.sentences, layout.columns

        words = inputs.new_zeros(*layout.word_mask.shape, inputs.shape[2])
        words = words.index_put(real, inputs[mask])  # (sentences, longest sentence, D)
        outputs, _ = self.words(words, layout.word_mask)
        sentence, weights = self.word_pooling(outputs, layout.word_mask)
        word_weights = weights.new_zeros(mask.shape).masked_scatter(mask, weights[real])

        sentences = sentence.new_zeros(*layout.sentence_mask.shape, sentence.shape[1])
        sentences[layout.sentence_mask] = sentence  # (B, S, H)
        outputs, _ = self.sentences(self.dropout(sentences), layout.sentence_mask)
        vector, sentence_weights = self.sentence_pooling(outputs, layout.sentence_mask)
        return HierarchicalOutput(vector, word_weights, sentence_weights)
