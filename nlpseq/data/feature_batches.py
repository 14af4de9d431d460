"""Batches of features: `Tokens` from the `Features` of many texts.

Each distinct word of a batch is spelt once, and spellings are cached across batches.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nlpseq.data.batch import CharacterFeatures, Tokens
from nlpseq.data.batching import collate, pad_rows
from nlpseq.data.features import MAX_CHARACTERS, CharacterTable, Features, casing

CACHED_WORDS = 200_000  # size of the cache of spellings, about 100 MB


class _Spellings(dict[str, int]):
    """Row number of each word in a table of its casing (column 0) and its character ids (the rest).

    Looking up a new word adds it.
    """

    def __init__(self, characters: CharacterTable | None, cased: bool) -> None:
        super().__init__()
        self._characters = characters
        self._cased = cased
        width = MAX_CHARACTERS if characters else 0
        self.table = np.zeros((1024, 1 + width), dtype=np.int32)

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        if number == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        ids = self._characters.ids(word) if self._characters else []
        self.table[number, : 1 + len(ids)] = [casing(word) if self._cased else 0, *ids]
        return number


class FeatureCollator:
    """Pads features to batches.

    Args:
        pad_id: id at padding.
        characters: table of characters; None: no character ids.
        casing: give casing classes.
    """

    def __init__(
        self, pad_id: int, characters: CharacterTable | None = None, *, casing: bool = False
    ) -> None:
        self.pad_id = pad_id
        self.characters = characters
        self.casing = casing
        self._spellings = _Spellings(characters, casing)

    def collate(self, features: Sequence[Features]) -> Tokens:
        """Pad a batch of features, none of them empty."""
        return self.collate_all([features])[0]

    def collate_all(self, batches: Sequence[Sequence[Features]]) -> list[Tokens]:
        """Pad batches that share one table of words, see `CharacterFeatures`; of pairs each side by itself."""
        seconds = [[row.second for row in batch if row.second is not None] for batch in batches]
        if not any(seconds):
            return self._collate(batches)
        tokens = self._collate([*batches, *seconds])
        return [
            replace(first, second=second)
            for first, second in zip(tokens[: len(batches)], tokens[len(batches) :], strict=True)
        ]

    def _collate(self, batches: Sequence[Sequence[Features]]) -> list[Tokens]:
        if not all(map(all, batches)):
            raise ValueError("a text has no token: remove empty texts before padding")
        tokens = [self._pad(batch) for batch in batches]
        if not self._spells:
            return tokens
        return self._spell(tokens, [features.words for batch in batches for features in batch])

    def _pad(self, features: Sequence[Features]) -> Tokens:
        tokens = collate([row.ids for row in features], self.pad_id)
        if features[0].segments:
            tokens = replace(tokens, segments=pad_rows([row.segments for row in features], 0))
        if features[0].word_starts:
            tokens = replace(
                tokens, word_starts=pad_rows([row.word_starts for row in features], -1)
            )
        return tokens

    @property
    def _spells(self) -> bool:
        return self.characters is not None or self.casing

    def _spell(self, batches: Sequence[Tokens], words: Sequence[Sequence[str]]) -> list[Tokens]:
        """Add characters and casing; each distinct word is spelt once for all batches.

        Words are in the order of their first occurrence in the batches: sums of gradients must not
        depend on earlier batches.
        """
        if len(self._spellings) > CACHED_WORDS:
            self._spellings = _Spellings(self.characters, self.casing)
        number_of = self._spellings.__getitem__
        numbers = np.fromiter(map(number_of, chain.from_iterable(words)), np.int64)  # (N,)
        distinct, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        order = first.argsort()
        forms = self._spellings.table[distinct[order]]  # (U, 1 + C)
        rows = order.argsort()[inverse]  # (N,)
        spelt = forms[:, 1 : 1 + forms[:, 1:].any(0).sum()]
        ids = torch.from_numpy(spelt.astype(np.int64))  # (U, C)
        spelt_batches, begin = [], 0
        for tokens in batches:
            own = rows[begin : begin + int(tokens.lengths.sum())]
            begin += len(own)
            casings = _spread(forms[own, 0].astype(np.int64), tokens) if self.casing else None
            characters = None
            if self.characters is not None:
                characters = CharacterFeatures(_spread(own, tokens), ids)
            spelt_batches.append(replace(tokens, casing=casings, characters=characters))
        return spelt_batches


def _spread(values: npt.NDArray[np.int64], tokens: Tokens) -> Tensor:
    """Return the values of the real tokens (N,) as (B, T), 0 at padding."""
    flat = torch.from_numpy(values)
    if tokens.mask is None:
        return flat.view_as(tokens.ids)
    return torch.zeros_like(tokens.ids).masked_scatter_(tokens.mask, flat)
