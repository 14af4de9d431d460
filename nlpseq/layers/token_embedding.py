"""The table of token vectors, with embedding dropout and word dropout.

An extension may follow the trained table: pretrained vectors of words that the training vocabulary lacks, for new
text. They are frozen and need no optimizer state. That is exact if the vocabulary holds all words of train: no
gradient could reach them. They are held in half precision, in training as in the model directory, so every command
reads the same numbers.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.dropout import keep_mask


class TokenEmbedding(nn.Module):
    """A table of token vectors, to which an output layer may be tied.

    Row `pad_id` starts at zero and gets no gradient from the look-up. A tied output layer does send it a gradient, and
    must: padding has to become unlikely as an output. Only masked tokens read that row as an input, so it need not
    stay zero.

    Attributes:
        weight: (V, D) the trained table.
        extension: (E, D) vectors of the ids V to V + E - 1, which an output layer does not have; float16, or float32
            where that would lose more than rounding, and in models of earlier versions.

    Args:
        vocab_size: V, rows of the table.
        dim: D, components of a vector.
        pad_id: id of the padding token.
        unk_id: id that dropped words get.
        embedding_dropout: dropout of rows of the table, that is of all tokens of a word type in the batch
            (Gal and Ghahramani 2016, section 4.2; Merity et al. 2018, section 4.3).
        word_dropout: probability that a token is replaced by the unknown token; padding is not.
        frozen: whether the table is fixed, and with it an output layer that is tied to it.
        extension_size: E, rows of the extension; zero until they are loaded.
    """

    constant_buffers = ("extension",)
    """Buffers that training leaves as they are loaded, see `nlpseq.models.weights`."""

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        *,
        pad_id: int,
        unk_id: int,
        embedding_dropout: float = 0.0,
        word_dropout: float = 0.0,
        frozen: bool = False,
        extension_size: int = 0,
    ) -> None:
        super().__init__()
        self.pad_id = pad_id
        self.unk_id = unk_id
        self.embedding_dropout = embedding_dropout
        self.word_dropout = word_dropout
        self.weight = nn.Parameter(torch.empty(vocab_size, dim), requires_grad=not frozen)
        extension = torch.zeros(extension_size, dim, dtype=torch.float16)
        self.register_buffer("extension", extension, persistent=extension_size > 0)
        self.extension: Tensor
        self.reset_parameters()

    @property
    def dim(self) -> int:
        """Return D, the components of a vector."""
        return self.weight.size(1)

    def reset_parameters(self) -> None:
        """Draw uniformly with variance 1/D (Ma and Hovy 2016, section 3.1)."""
        bound = math.sqrt(3 / self.weight.size(1))
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            self.weight[self.pad_id] = 0

    @torch.no_grad()
    def load(self, vectors: Tensor) -> None:
        """Copy pretrained vectors (V + E, D); the row of padding is set to zero.

        Raises:
            UserError: the shape does not fit.
        """
        size = len(self.weight)
        wanted = (size + len(self.extension), self.dim)
        if vectors.shape != wanted:
            given = tuple(vectors.shape)
            raise UserError(f"vectors of shape {given} do not fit an embedding of shape {wanted}")
        self.weight.copy_(vectors[:size])
        self.extension = half_precision(vectors[size:]).to(self.extension.device)
        self.weight[self.pad_id] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """Return the vectors of token ids: (B, T) -> (B, T, D)."""
        if self.training and self.word_dropout > 0:
            ids = self._drop_words(ids)
        vectors = self.lookup(ids)  # (B, T, D)
        if self.training and self.embedding_dropout > 0:
            vectors = vectors * self._type_mask()[ids].unsqueeze(-1)
        return vectors

    def lookup(self, ids: Tensor) -> Tensor:
        """Return vectors without dropout, for ids of any shape: (B,) -> (B, D)."""
        if not len(self.extension):
            return F.embedding(ids, self.weight, self.pad_id)
        size = len(self.weight)
        beyond = ids >= size
        inside = F.embedding(ids.masked_fill(beyond, self.pad_id), self.weight, self.pad_id)
        outside = F.embedding((ids - size).clamp(min=0), self.extension).to(inside.dtype)
        return torch.where(beyond.unsqueeze(-1), outside, inside)

    def _drop_words(self, ids: Tensor) -> Tensor:
        dropped = torch.rand(ids.shape, device=ids.device) < self.word_dropout
        return ids.masked_fill(dropped & (ids != self.pad_id), self.unk_id)

    def _type_mask(self) -> Tensor:
        """Draw the factor (V + E,) of each word type's vector: 0, or 1 / (1 - embedding_dropout)."""
        types = len(self.weight) + len(self.extension)
        return keep_mask(self.weight, (types,), self.embedding_dropout)


def half_precision(vectors: Tensor) -> Tensor:
    """Return vectors as float16, unless some are too large or all too small for its range."""
    half = vectors.to(torch.float16)
    lost = (half.to(vectors.dtype) - vectors).abs()
    size = vectors.square().mean().sqrt()
    return half if bool((lost <= vectors.abs() / 1024 + size / 65536).all()) else vectors
