"""Words make sentences, sentences make a document: two encoders and two poolings.

Yang et al. (2016). The real tokens of a batch (B, T) are laid out anew, a sentence a row, so that the
first encoder reads all sentences of all documents at once; their vectors are laid out a document a row
for the second. A row's sentences need not be equally many, nor equally long.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.pooling import AttentionPooling


class Document(NamedTuple):
    """What the network makes of each of B documents, of S sentences at most.

    Attributes:
        vector: (B, H).
        word_weights: (B, T) of each token within its sentence, where they sum to 1; 0 at padding.
        sentence_weights: (B, S) of each sentence within its document, likewise.
    """

    vector: Tensor
    word_weights: Tensor
    sentence_weights: Tensor


class Layout(NamedTuple):
    """Where each of N real tokens stands once sentences are rows."""

    sentences: Tensor  # (N,) its row: sentences are numbered through the whole batch
    places: Tensor  # (N,) its column
    word_mask: Tensor  # (sentences, longest sentence)
    sentence_mask: Tensor  # (B, S)

    @classmethod
    def of(cls, segments: Tensor, mask: Tensor) -> "Layout":
        """`segments` (B, T) never falls along a row; `mask` (B, T) has a True in each row."""
        batch = len(segments)
        rows, _ = mask.nonzero(as_tuple=True)  # (N,) row by row, token by token
        pairs = torch.stack([rows, segments[mask]], dim=1)  # (N, 2) document and sentence
        found, sentences, lengths = torch.unique_consecutive(
            pairs, dim=0, return_inverse=True, return_counts=True
        )
        starts = lengths.cumsum(0) - lengths
        places = torch.arange(len(rows), device=mask.device) - starts[sentences]
        counts = torch.bincount(found[:, 0], minlength=batch)  # (B,) sentences of each document
        return cls(sentences, places, _mask(lengths), _mask(counts))


def _mask(lengths: Tensor) -> Tensor:
    """(N,) -> (N, longest), True at the first places of each row."""
    places = torch.arange(int(lengths.max()), device=lengths.device)
    return places < lengths.unsqueeze(1)


class HierarchicalReader(nn.Module):
    """Reads whole documents; gives no vector a token, so it is no `Encoder`.

    Args:
        words: reads the tokens (S, T, D) of single sentences.
        sentences: reads the sentence vectors (B, S, words.output_dim) of documents.
        attention_size: of both poolings' hidden layer.
        dropout: of sentence vectors.
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

    def forward(self, inputs: Tensor, segments: Tensor, mask: Tensor | None) -> Document:
        """Read documents.

        Args:
            inputs: (B, T, D).
            segments: (B, T) number of each token's sentence, rising from left to right; what stands
                at padding is ignored.
            mask: (B, T) True at real tokens; None: there is no padding.
        """
        mask = torch.ones_like(segments, dtype=torch.bool) if mask is None else mask
        layout = Layout.of(segments, mask)
        real = layout.sentences, layout.places

        words = inputs.new_zeros(*layout.word_mask.shape, inputs.shape[2])
        words = words.index_put(real, inputs[mask])  # (sentences, longest sentence, D)
        outputs, _ = self.words(words, layout.word_mask)
        sentence, weights = self.word_pooling(outputs, layout.word_mask)
        word_weights = weights.new_zeros(mask.shape).masked_scatter(mask, weights[real])

        sentences = sentence.new_zeros(*layout.sentence_mask.shape, sentence.shape[1])
        sentences[layout.sentence_mask] = sentence  # (B, S, H)
        outputs, _ = self.sentences(self.dropout(sentences), layout.sentence_mask)
        vector, sentence_weights = self.sentence_pooling(outputs, layout.sentence_mask)
        return Document(vector, word_weights, sentence_weights)
