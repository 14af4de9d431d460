"""Character encoders: from the characters of U words (U, C), 0 = padding, to a vector for each (U, character_size).

Padding after the last character never changes a vector. Weights are initialized as in Ma and Hovy (2016, section
3.1): vectors uniformly with variance 1 / dim, filters by Glorot's rule.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.token_embedding import TokenEmbedding

PADDING, UNKNOWN = 0, 1
GROUPS, SMALLEST_GROUP = 3, 32
LARGEST_GROUP_ON_CPU = 512  # words encoded at once: larger groups are not faster
LARGEST_GROUP_ELSEWHERE = 8192  # limits memory


class CharacterEncoder(nn.Module):
    """The base class of character encoders: character vectors, and their dropout.

    Attributes:
        output_dim: components of a word's vector.

    Args:
        num_characters: rows of the character table; 0 is padding, 1 the unknown character.
        character_dim: components of a character's vector.
        character_size: components of a word's vector.
        dropout: dropout of the components of character vectors.
    """

    def __init__(
        self, num_characters: int, character_dim: int, character_size: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_dim = character_size
        self.table = TokenEmbedding(num_characters, character_dim, pad_id=PADDING, unk_id=UNKNOWN)
        self.dropout = Dropout(dropout)

    def forward(self, characters: Tensor) -> Tensor:
        """Encode words: characters (U, C), at least one in each word -> (U, character_size).

        On a CPU words of similar length are encoded together, so that one long word does not pad all others;
        on other devices thousands of words are encoded in groups as they come.
        """
        if torch.compiler.is_compiling():
            return self.encode_words(characters)
        if not uses_cpu_kernels(characters):
            parts = [self.encode_words(part) for part in characters.split(LARGEST_GROUP_ELSEWHERE)]
            return torch.cat(parts)
        groups = _num_groups(characters.size(0))
        if groups == 1:
            return self.encode_words(characters)
        lengths, order = (characters != PADDING).sum(1).sort(stable=True)
        parts = [
            self.encode_words(characters[rows, :length])
            for rows, length in zip(
                order.tensor_split(groups),
                [int(part[-1]) for part in lengths.tensor_split(groups)],
                strict=True,
            )
        ]
        return torch.cat(parts).index_select(0, order.argsort())

    def encode_words(self, characters: Tensor) -> Tensor:
        """Encode words of similar length: (U, C) -> (U, character_size)."""
        raise NotImplementedError


def _num_groups(words: int) -> int:
    """Return the number of groups in which a CPU encodes so many words."""
    least = GROUPS if words >= SMALLEST_GROUP * GROUPS else 1
    return max(least, math.ceil(words / LARGEST_GROUP_ON_CPU))


class CharacterCNN(CharacterEncoder):
    """A convolution over the characters of a word, the maximum over time, and tanh.

    Ma and Hovy (2016), section 2.1. A word is padded with zeros on both sides: each of its characters, including the
    first and the last, is the center of a window.

    Args:
        num_characters: rows of the character table.
        character_dim: components of a character's vector.
        character_size: filters.
        width: characters that each filter sees.
        dropout: dropout of character vectors.
    """

    def __init__(
        self,
        num_characters: int,
        character_dim: int,
        character_size: int,
        *,
        width: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_characters, character_dim, character_size, dropout)
        self.width = width
        self.convolution = nn.Linear(width * character_dim, character_size)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)

    def encode_words(self, characters: Tensor) -> Tensor:
        """See `CharacterEncoder`."""
        vectors = self.dropout(self.table(characters))  # (U, C, E), zero at padding
        length, before = characters.size(1), (self.width - 1) // 2
        padded = F.pad(vectors, (0, 0, before, self.width - 1 - before))
        shifted = [padded[:, start : start + length] for start in range(self.width)]
        windows = torch.cat(shifted, dim=2)  # (U, C, width * E)
        scores: Tensor = self.convolution(windows)  # (U, C, character_size)
        outside = (characters == PADDING).unsqueeze(2)
        # tanh is monotonic: after the maximum it gives the same as before it, with less work.
        return scores.masked_fill(outside, float("-inf")).amax(1).tanh()


class CharacterLSTM(CharacterEncoder):
    """The last states of a bidirectional LSTM over the characters of a word.

    Lample et al. (2016), section 4.1.

    Args:
        num_characters: rows of the character table.
        character_dim: components of a character's vector.
        character_size: components of both states together, an even number.
        dropout: dropout of character vectors.

    Raises:
        UserError: `character_size` is odd.
    """

    def __init__(
        self,
        num_characters: int,
        character_dim: int,
        character_size: int,
        *,
        dropout: float = 0.0,
    ) -> None:
        if character_size % 2:
            raise UserError(
                f"embedding.character_size = {character_size}: two directions share it, so with "
                "characters = 'lstm' it must be an even number"
            )
        super().__init__(num_characters, character_dim, character_size, dropout)
        self.encoder = RecurrentEncoder(character_dim, character_size // 2, bidirectional=True)

    def encode_words(self, characters: Tensor) -> Tensor:
        """See `CharacterEncoder`."""
        vectors = self.dropout(self.table(characters))  # (U, C, E)
        hidden: Tensor = self.encoder(vectors, characters != PADDING).state[0]  # (U, 2, H)
        return hidden.flatten(1)
