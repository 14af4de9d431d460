"""The embedding: a vector for each token, from its id and optionally its characters and casing."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.characters import CharacterEncoder
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.token_embedding import TokenEmbedding


class Embedding(nn.Module):
    """From tokens to vectors (B, T, D): the first layer of each task's model.

    The character encoder reads each distinct word of a batch once (of several batches, after `encode_words`); its
    vector is then used for all tokens with that spelling.

    Attributes:
        tokens: the table of token vectors, to which an output layer may be tied.
        dim: D, components of a vector, the sum of the parts.

    Args:
        tokens: vectors of ids.
        characters: encoder of each word's characters; None: no such part.
        casing: vectors of casing classes; None: no such part.
        dropout: dropout of the components of the vectors, with one mask for each sequence.
    """

    def __init__(
        self,
        tokens: TokenEmbedding,
        characters: CharacterEncoder | None = None,
        casing: nn.Embedding | None = None,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.characters = characters
        self.casing = casing
        self.dropout = LockedDropout(dropout)
        self.dim = tokens.dim
        self.dim += characters.output_dim if characters else 0
        self.dim += casing.embedding_dim if casing else 0

    def forward(self, tokens: Tokens) -> Tensor:
        """Return the vectors (B, T, D) of a batch of tokens.

        Raises:
            ValueError: the tokens lack the characters or the casing that the embedding reads.
        """
        parts = [self.tokens(tokens.ids)]
        if self.characters is not None:
            parts.append(self._character_vectors(self.characters, tokens))
        if self.casing is not None:
            if tokens.casing is None:
                raise ValueError("the embedding reads casing, but the tokens have none")
            parts.append(self.casing(tokens.casing))
        vectors = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)  # (B, T, D)
        locked: Tensor = self.dropout(vectors)
        return locked

    def lookup(self, ids: Tensor) -> Tensor:
        """Return the vectors of one time step, without dropout: ids (B,) -> (B, D).

        Raises:
            TypeError: the embedding needs characters or casing, which ids alone do not have.
        """
        if self.characters is not None or self.casing is not None:
            raise TypeError("an embedding with characters or casing needs more than ids")
        return self.tokens.lookup(ids)

    def encode_words(self, batches: Sequence[Tokens]) -> list[Tokens]:
        """Encode the words of batches that share their `characters`, once for all of them.

        For prediction only: in training each batch draws its own dropout of characters.
        """
        if self.characters is None or not batches:
            return list(batches)
        encoded = []
        vectors: Tensor | None = None
        for tokens in batches:
            words = tokens.characters
            if words is None or words.ids is None:
                raise ValueError("the embedding reads characters, but the tokens have none")
            if vectors is None:
                vectors = self.characters(words.ids.to(self.tokens.weight.device))
            words = replace(words, ids=None, vectors=vectors)
            encoded.append(replace(tokens, characters=words))
        return encoded

    @staticmethod
    def _character_vectors(characters: CharacterEncoder, tokens: Tokens) -> Tensor:
        """Return the character vector of each token: (B, T, character_size)."""
        words = tokens.characters
        if words is None:
            raise ValueError("the embedding reads characters, but the tokens have none")
        vectors = characters(words.ids) if words.vectors is None else words.vectors  # (U, S)
        return vectors.index_select(0, words.rows.flatten()).view(*words.rows.shape, -1)
