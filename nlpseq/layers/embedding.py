"""What stands for each token: its vector, and beside it how it is spelt and how it is cased."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.characters import CharacterEncoder
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.token_embedding import TokenEmbedding


class Embedding(nn.Module):
    """From tokens to vectors (B, T, D): every task's first layer.

    Each distinct word of a batch (of many, after `read_words`) is read once by the character encoder;
    its vector is then laid beside every token that is spelt so.

    Attributes:
        tokens: the table of token vectors, which an output layer may be tied to.
        dim: components D of what comes out, the sum of the parts.

    Args:
        tokens: vectors of ids.
        characters: reads each word's characters; None: no such part.
        casing: vectors of casing classes; None: no such part.
        dropout: of components of the whole; one mask for a sequence, all its tokens alike.
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
        """Vectors of a batch of tokens: (B, T, D).

        Raises:
            ValueError: the tokens lack the characters or the casing that the embedding reads.
        """
        parts = [self.tokens(tokens.ids)]
        if self.characters is not None:
            parts.append(self._spelt(self.characters, tokens))
        if self.casing is not None:
            if tokens.casing is None:
                raise ValueError("the embedding reads casing, but the tokens have none")
            parts.append(self.casing(tokens.casing))
        vectors = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)  # (B, T, D)
        locked: Tensor = self.dropout(vectors)
        return locked

    def lookup(self, ids: Tensor) -> Tensor:
        """Vectors of one time step, without dropout: ids (B,) -> (B, D).

        Raises:
            TypeError: a token is more than its id to this embedding.
        """
        if self.characters is not None or self.casing is not None:
            raise TypeError("an embedding with characters or casing cannot read bare ids")
        return self.tokens.lookup(ids)

    def read_words(self, batches: Sequence[Tokens]) -> list[Tokens]:
        """Read the words of batches that share their `characters`, once for all of them.

        Only for use: in training each batch draws its own dropout of characters.
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
    def _spelt(characters: CharacterEncoder, tokens: Tokens) -> Tensor:
        """What the characters say of each token: (B, T, character_size)."""
        words = tokens.characters
        if words is None:
            raise ValueError("the embedding reads characters, but the tokens have none")
        vectors = characters(words.ids) if words.vectors is None else words.vectors  # (U, S)
        return vectors.index_select(0, words.rows.flatten()).view(*words.rows.shape, -1)
