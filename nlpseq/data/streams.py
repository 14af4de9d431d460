"""A split as one long stream of token ids, which knows where each of its texts lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.data.split import Split
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError


class Span(NamedTuple):
    """The tokens `begin:end` of text number `text` in its document; not `whole` if cut short."""

    text: int
    begin: int
    end: int
    whole: bool


class Document(NamedTuple):
    """Tokens that are read in one go, from a fresh state.

    Attributes:
        ids: (N + 1,) the start token, then N tokens to be predicted.
        spans: the texts that they spell.
    """

    ids: Tensor
    spans: list[Span]


@dataclass(frozen=True)
class TextStream:
    """All texts of a split, one after the other.

    Attributes:
        ids: (N,) the tokens of every text, its end included where texts have ends.
        ends: for each text, the place after its last token.
        start_id: what stands before the first token.
    """

    ids: Tensor
    ends: list[int]
    start_id: int

    @classmethod
    def encode(
        cls, split: Split, tokenizer: Tokenizer, start_id: int, ending: list[int]
    ) -> "TextStream":
        """Encode a split, with `ending` after each of its texts.

        Raises:
            UserError: the split holds no token, or something else than text.
        """
        pieces, ends, place = [], [], 0
        for text in tokenizer.encode_batch(list(split.texts("text"))):
            pieces.append(torch.tensor(text + ending, dtype=torch.long))
            place += len(text) + len(ending)
            ends.append(place)
        if place == 0:
            raise UserError(f"{split.origin}: the {split.name} split holds no token")
        return cls(torch.cat(pieces), ends, start_id)

    def __len__(self) -> int:
        return len(self.ids)

    def training_pair(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets (N,): every token, and the one before it."""
        return self._with_start(0, len(self))[:-1], self.ids

    def documents(self, separate: bool, limit: int) -> list[Document]:
        """The whole stream as one document, or each text as its own; only `limit` tokens, if not 0."""
        size = min(len(self), limit or len(self))
        spans = [
            Span(text, begin, min(end, size), end <= size)
            for text, (begin, end) in enumerate(zip([0, *self.ends], self.ends, strict=False))
            if begin < min(end, size)
        ]
        if not separate:
            return [Document(self._with_start(0, size), spans)]
        return [
            Document(self._with_start(begin, end), [Span(text, 0, end - begin, whole)])
            for text, begin, end, whole in spans
        ]

    def _with_start(self, begin: int, end: int) -> Tensor:
        return torch.cat([torch.tensor([self.start_id]), self.ids[begin:end]])


def pad(sequences: Iterable[Tensor], pad_id: int) -> Tensor:
    """Stack sequences of unlike length, padded on the right: (B, T)."""
    return torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True, padding_value=pad_id)
