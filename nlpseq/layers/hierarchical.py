"""The hierarchical attention network (Yang et al. 2016): words to sentences to a document.

The real tokens of a batch (B, T) are arranged with one sentence in each row, so that the first encoder reads all
sentences of all documents at once; the sentence vectors are arranged with one document in each row for the second.
Documents may differ in the number of sentences, and sentences in length.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import HostValues, move
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
    """The place of each of N real tokens when each row is a sentence, and of each of S sentences by documents.

    Attributes:
        tokens: (N,) index in the flattened batch (B * T).
        words: (N,) index in the flattened sentences (S * longest sentence).
        word_mask: (S, longest sentence).
        sentences: (S,) index in the flattened documents (B * most sentences).
        sentence_mask: (B, most sentences).
    """

    tokens: Tensor
    words: Tensor
    word_mask: Tensor
    sentences: Tensor
    sentence_mask: Tensor

    @classmethod
    def of(cls, segments: Tensor, mask: Tensor) -> "Layout":
        """Arrange tokens: `segments` (B, T) never falls along a row; `mask` (B, T) has a True in each.

        Shapes depend on the values, so both should be in the host's memory.
        """
        batch, length = segments.shape
        rows, places = mask.nonzero(as_tuple=True)  # (N,) row by row, token by token
        pairs = torch.stack([rows, segments[mask]], dim=1)  # (N, 2) document and sentence
        distinct, sentences, lengths = torch.unique_consecutive(
            pairs, dim=0, return_inverse=True, return_counts=True
        )
        word_mask, documents = _mask(lengths), distinct[:, 0]
        columns = _columns(sentences, lengths)
        counts = torch.bincount(documents, minlength=batch)  # (B,) sentences of each document
        sentence_mask = _mask(counts)
        return cls(
            rows * length + places,
            sentences * word_mask.size(1) + columns,
            word_mask,
            documents * sentence_mask.size(1) + _columns(documents, counts),
            sentence_mask,
        )

    @classmethod
    def dense(cls, segments: Tensor, mask: Tensor) -> "Layout":
        """Arrange tokens in shapes that do not depend on values, for traced graphs: T sentences of T words.

        Tokens are all B * T; those of padding go to an extra place after the last sentence.
        """
        (batch, length), device = segments.shape, segments.device
        changes = torch.zeros_like(segments)
        changes[:, 1:] = segments[:, 1:] != segments[:, :-1]
        ranks = changes.cumsum(1)  # (B, T) the sentence of each token in its document
        places = torch.arange(length, device=device)
        same = (ranks.unsqueeze(2) == ranks.unsqueeze(1)) & mask.unsqueeze(1)  # (B, T, T)
        columns = (same & (places < places.unsqueeze(1))).sum(2)
        rows = torch.arange(batch, device=device).unsqueeze(1) * length + ranks
        end = batch * length * length
        words = torch.where(mask, rows * length + columns, end).flatten()
        filled = mask.new_zeros(end + 1).index_fill(0, words, True)[:-1]
        word_mask = filled.view(batch * length, length)
        sentence_mask = word_mask[:, 0].view(batch, length)
        every = torch.arange(batch * length, device=device)
        return cls(every, words, word_mask, every, sentence_mask)

    def to(self, device: torch.device) -> "Layout":
        """Copy to a device."""
        return Layout(*(move(part, device) for part in self))


def _mask(lengths: Tensor) -> Tensor:
    """Build a mask from lengths: (N,) -> (N, longest), True at the first tokens of each row."""
    indices = torch.arange(int(lengths.max()), device=lengths.device)
    return indices < lengths.unsqueeze(1)


def _columns(rows: Tensor, lengths: Tensor) -> Tensor:
    """Return the column (N,) of each item whose rows (N,) rise and have so many items each."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(rows.size(0), device=rows.device) - starts[rows]


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

    def forward(
        self,
        inputs: Tensor,
        segments: Tensor,
        mask: Tensor | None,
        host: HostValues | None = None,
    ) -> HierarchicalOutput:
        """Encode documents.

        Args:
            inputs: (B, T, D).
            segments: (B, T) number of each token's sentence, rising from left to right; ignored at padding.
            mask: (B, T) True at real tokens; None: there is no padding.
            host: the segments and the lengths in the host's memory, where it need not wait for a GPU to read them.
        """
        mask = torch.ones_like(segments, dtype=torch.bool) if mask is None else mask
        layout = self._layout(segments, mask, host)
        batch, size = inputs.size(0), inputs.size(2)
        (sentences, longest), most = layout.word_mask.shape, layout.sentence_mask.size(1)

        tokens = inputs.flatten(0, 1).index_select(0, layout.tokens)  # (N, D)
        words = inputs.new_zeros(sentences * longest + 1, size)  # the extra place is for padding
        words = words.index_copy(0, layout.words, tokens)[:-1].view(sentences, longest, size)
        outputs, _ = self.words(words, layout.word_mask)
        sentence, weights = self.word_pooling(outputs, layout.word_mask)
        by_word = F.pad(weights.flatten(), (0, 1)).index_select(0, layout.words)
        word_weights = weights.new_zeros(mask.numel()).index_copy(0, layout.tokens, by_word)

        if torch.compiler.is_compiling():  # there are rows without a word, whose mean is nan
            sentence = sentence.masked_fill(~layout.word_mask[:, :1], 0)
        grid = sentence.new_zeros(batch * most, sentence.size(1))
        grid = grid.index_copy(0, layout.sentences, sentence).view(batch, most, -1)  # (B, S, H)
        outputs, _ = self.sentences(self.dropout(grid), layout.sentence_mask)
        vector, sentence_weights = self.sentence_pooling(outputs, layout.sentence_mask)
        return HierarchicalOutput(vector, word_weights.view(mask.shape), sentence_weights)

    @staticmethod
    def _layout(segments: Tensor, mask: Tensor, host: HostValues | None) -> Layout:
        if torch.compiler.is_compiling():
            return Layout.dense(segments, mask)
        if host is None or host.segments is None:
            return Layout.of(segments, mask)
        indices = torch.arange(segments.size(1))
        return Layout.of(host.segments, indices < host.lengths.unsqueeze(1)).to(segments.device)
