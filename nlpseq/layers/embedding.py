"""Token vectors, and the three ways to drop some of them in training."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.dropout import LockedDropout, keep_mask


class TokenEmbedding(nn.Module):
    """A table of token vectors, which an output layer may be tied to.

    Row `pad_id` starts at zero and the look-up sends it no gradient. An output layer that is tied
    to the table does send it one, and must: padding has to become unlikely as an output. Nothing
    reads that row as an input but masked places, so it need not stay zero.

    Args:
        vocab_size: rows V of the table.
        dim: components D of a vector.
        pad_id: the token that fills rows up.
        unk_id: the token that dropped words become.
        dropout: of components; one mask for a sequence, all its tokens alike.
        embedding_dropout: of rows of the table, so of every occurrence of a word type in the batch
            (Gal and Ghahramani 2016, section 4.2; Merity et al. 2018, section 4.3).
        word_dropout: of tokens, which are read as unknown; padding is spared.
        frozen: the table is not trained (nor is an output layer that is tied to it).
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        *,
        pad_id: int,
        unk_id: int,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        word_dropout: float = 0.0,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.pad_id = pad_id
        self.unk_id = unk_id
        self.embedding_dropout = embedding_dropout
        self.word_dropout = word_dropout
        self.weight = nn.Parameter(torch.empty(vocab_size, dim), requires_grad=not frozen)
        self.dropout = LockedDropout(dropout)
        self.reset_parameters()

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return self.weight.size(1)

    def reset_parameters(self) -> None:
        """Draw uniformly with variance 1/D (Ma and Hovy 2016, section 3.1)."""
        bound = math.sqrt(3 / self.weight.size(1))
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            self.weight[self.pad_id] = 0

    @torch.no_grad()
    def load(self, vectors: Tensor) -> None:
        """Take over ready vectors (V, D); the row of padding is set to zero.

        Raises:
            UserError: the table has another shape.
        """
        if vectors.shape != self.weight.shape:
            given, wanted = tuple(vectors.shape), tuple(self.weight.shape)
            raise UserError(f"vectors of shape {given} do not fit an embedding of shape {wanted}")
        self.weight.copy_(vectors)
        self.weight[self.pad_id] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of token ids (B, T): (B, T, D)."""
        if self.training and self.word_dropout > 0:
            ids = self._drop_words(ids)
        vectors = F.embedding(ids, self.weight, self.pad_id)  # (B, T, D)
        if self.training and self.embedding_dropout > 0:
            vectors = vectors * self._type_mask()[ids].unsqueeze(2)
        locked: Tensor = self.dropout(vectors)
        return locked

    def lookup(self, ids: Tensor) -> Tensor:
        """Vectors of one time step, without dropout: ids (B,) -> (B, D)."""
        return F.embedding(ids, self.weight, self.pad_id)

    def _drop_words(self, ids: Tensor) -> Tensor:
        dropped = torch.rand(ids.shape, device=ids.device) < self.word_dropout
        return ids.masked_fill(dropped & (ids != self.pad_id), self.unk_id)

    def _type_mask(self) -> Tensor:
        """(V,) what each word type's vector is multiplied by: 0, or 1 / share kept."""
        return keep_mask(self.weight, (self.weight.size(0),), self.embedding_dropout)
