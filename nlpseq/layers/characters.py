"""Words read by their characters: ids (U, C), 0 = padding, to one vector a word (U, character_size).

What stands behind a word's last character never changes its vector. All is drawn as Ma and Hovy
(2016, section 3.1) do: vectors uniformly with variance 1 / dim, filters by Glorot's rule.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.token_embedding import TokenEmbedding

PADDING, UNKNOWN = 0, 1
GROUPS, SMALLEST_GROUP = 3, 32
LARGEST_GROUP = {"cpu": 512}  # words that are read at once; more of them bring no speed there
LARGEST_GROUP_ELSEWHERE = 8192  # for the sake of memory


class CharacterEncoder(nn.Module):
    """What the two readers of characters share: the characters' vectors, and dropout of these.

    Attributes:
        output_dim: components of a word's vector.

    Args:
        num_characters: rows of the table of characters; 0 is padding, 1 the unknown one.
        character_dim: components of a character's vector.
        character_size: components of a word's vector.
        dropout: of the characters' vectors, each component on its own.
    """

    def __init__(
        self, num_characters: int, character_dim: int, character_size: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_dim = character_size
        self.table = TokenEmbedding(num_characters, character_dim, pad_id=PADDING, unk_id=UNKNOWN)
        self.dropout = Dropout(dropout)

    def forward(self, characters: Tensor) -> Tensor:
        """Read words: characters (U, C), each word with one character or more -> (U, character_size).

        On a CPU words of like length are read together: one long word would pad all others. Words
        in their thousands are read in such groups everywhere.
        """
        groups = _groups(len(characters), characters.device.type)
        if groups == 1:
            return self.read(characters)
        lengths, order = (characters != PADDING).sum(1).sort(stable=True)
        parts = [
            self.read(characters[rows, :length])
            for rows, length in zip(
                order.tensor_split(groups),
                [int(part[-1]) for part in lengths.tensor_split(groups)],
                strict=True,
            )
        ]
        return torch.cat(parts).index_select(0, order.argsort())

    def read(self, characters: Tensor) -> Tensor:
        """Read words of about one length: (U, C) -> (U, character_size)."""
        raise NotImplementedError


def _groups(words: int, device: str) -> int:
    """In how many groups to read so many words."""
    least = GROUPS if device == "cpu" and words >= SMALLEST_GROUP * GROUPS else 1
    return max(least, math.ceil(words / LARGEST_GROUP.get(device, LARGEST_GROUP_ELSEWHERE)))


class CharacterCNN(CharacterEncoder):
    """A convolution over a word's characters, its maximum over the word, and tanh.

    Ma and Hovy (2016), section 2.1. A word is padded with zeros on both sides, so that it has a
    window around each of its characters, the first and the last included.

    Args:
        num_characters: rows of the table of characters.
        character_dim: components of a character's vector.
        character_size: filters.
        width: characters that a filter sees.
        dropout: of the characters' vectors.
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

    def read(self, characters: Tensor) -> Tensor:
        """See `CharacterEncoder`."""
        vectors = self.dropout(self.table(characters))  # (U, C, E), zero at padding
        length, before = characters.size(1), (self.width - 1) // 2
        padded = F.pad(vectors, (0, 0, before, self.width - 1 - before))
        shifted = [padded[:, place : place + length] for place in range(self.width)]
        windows = torch.cat(shifted, dim=2)  # (U, C, width * E)
        scores: Tensor = self.convolution(windows)  # (U, C, character_size)
        outside = (characters == PADDING).unsqueeze(2)
        # tanh rises, so after the maximum it gives the same as before it, for less.
        return scores.masked_fill(outside, float("-inf")).amax(1).tanh()


class CharacterLSTM(CharacterEncoder):
    """The last states of an LSTM over a word's characters, in either direction.

    Lample et al. (2016), section 4.1.

    Args:
        num_characters: rows of the table of characters.
        character_dim: components of a character's vector.
        character_size: components of both states together, so an even number.
        dropout: of the characters' vectors.

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

    def read(self, characters: Tensor) -> Tensor:
        """See `CharacterEncoder`."""
        vectors = self.dropout(self.table(characters))  # (U, C, E)
        hidden: Tensor = self.encoder(vectors, characters != PADDING).state[0]  # (U, 2, H)
        return hidden.flatten(1)
