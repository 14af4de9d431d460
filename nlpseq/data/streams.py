"""A split as one long stream of token ids, with the boundaries of its texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from nlpseq.data.split import Split
from nlpseq.errors import UserError


class TextSpan(NamedTuple):
    """Tokens `begin:end` of a document, which are text number `text`; `whole` is False if it is cut short."""

    text: int
    begin: int
    end: int
    whole: bool


class StreamDocument(NamedTuple):
    """Tokens that are scored in one pass, from an initial state.

    Attributes:
        ids: (N + 1,) the start token, then N tokens to predict.
        spans: the texts of these tokens.
    """

    ids: Tensor
    spans: list[TextSpan]


@dataclass(frozen=True)
class TextStream:
    """All texts of a split, concatenated.

    Attributes:
        ids: (N,) the tokens of all texts, with an end-of-text token after each if texts have one.
        ends: for each text, the index after its last token.
        start_id: id of the token before the first one.
    """

    ids: Tensor
    ends: list[int]
    start_id: int

    @classmethod
    def encode(
        cls, split: Split, texts: Iterable[Sequence[int]], start_id: int, ending: list[int]
    ) -> "TextStream":
        """Concatenate the texts of a split, with `ending` after each.

        Args:
            split: names the data in messages.
            texts: ids of each text.
            start_id: token before the first one.
            ending: tokens after each text.

        Raises:
            UserError: the split holds no token.
        """
        pieces, ends, length = [], [], 0
        for text in texts:
            pieces.append(torch.tensor([*text, *ending], dtype=torch.long))
            length += len(text) + len(ending)
            ends.append(length)
        if length == 0:
            raise UserError(f"{split.origin}: the {split.name} split holds no token")
        return cls(torch.cat(pieces), ends, start_id)

    def __len__(self) -> int:
        return len(self.ids)

    def training_pair(self) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (N,): the target is a token, the input is the token before it."""
        return self._with_start(0, len(self))[:-1], self.ids

    def documents(self, separate: bool, limit: int) -> list[StreamDocument]:
        """Return the stream as one document, or each text as a document; `limit` tokens of it, 0: all."""
        size = min(len(self), limit or len(self))
        spans = [
            TextSpan(text, begin, min(end, size), end <= size)
            for text, (begin, end) in enumerate(zip([0, *self.ends], self.ends, strict=False))
            if begin < min(end, size)
        ]
        if not separate:
            return [StreamDocument(self._with_start(0, size), spans)]
        return [
            StreamDocument(self._with_start(begin, end), [TextSpan(text, 0, end - begin, whole)])
            for text, begin, end, whole in spans
        ]

    def _with_start(self, begin: int, end: int) -> Tensor:
        return torch.cat([torch.tensor([self.start_id]), self.ids[begin:end]])


def pad_tensors(sequences: Iterable[Tensor], pad_id: int) -> Tensor:
    """Stack sequences of different lengths, padded on the right: (B, T)."""
    return torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True, padding_value=pad_id)
