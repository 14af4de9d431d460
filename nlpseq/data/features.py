"""From words or raw text to `Tokens`: ids, characters, casing and sentence numbers.

There are two steps, so that work on a single text is done once and not in every epoch: a
`FeatureReader` makes `Features` from a text, and its `collate` pads the features of a batch. Each
distinct word of a batch is spelt once, and spellings are cached across batches.
"""

import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from torch import Tensor

from nlpseq.data.batch import CharacterFeatures, Tokens
from nlpseq.data.batching import collate, pad_rows
from nlpseq.data.tokenizer import TEXTS_AT_ONCE, Tokenizer
from nlpseq.data.tokenizer_training import normalize
from nlpseq.data.word_tokenizer import sentence_numbers, split_sentences
from nlpseq.errors import UserError

MAX_CHARACTERS = 50  # longer words are cut off
UNKNOWN = 1  # id of characters that are not in the table; 0 is padding
CACHED_WORDS = 200_000  # size of a reader's caches, about 100 MB
NUM_CASINGS = 9


def casing(word: str) -> int:
    """Return the casing class of a word, from 1 to NUM_CASINGS - 1; 0 is padding.

    1 lower, 2 upper, 3 title (upper, then lower), 4 mixed, 5 digits only, 6 mostly digits,
    7 some digit, 8 other. After Reimers and Gurevych (2017), who have no class for mixed case.
    """
    digits = sum(map(str.isdigit, word))
    if digits:
        return 5 if digits == len(word) else 6 if 2 * digits > len(word) else 7
    if word.islower():
        return 1
    if word.isupper():
        return 2
    if word[:1].isupper() and word[1:].islower():
        return 3
    return 4 if word.lower() != word.upper() else 8


class CharacterTable:
    """Ids of the characters that a model knows; 0 is padding, 1 the unknown character.

    Args:
        characters: the known characters, each once, from id 2 on; `state` returns the same string.
    """

    def __init__(self, characters: str) -> None:
        self._characters = characters
        self._ids = {character: id for id, character in enumerate(characters, start=2)}

    @classmethod
    def learn(cls, words: Iterable[str]) -> "CharacterTable":
        """Collect the characters of the training words, sorted by falling frequency, then code point."""
        counts: Counter[str] = Counter()
        for word, times in Counter(words).items():
            for character in word:
                counts[character] += times
        return cls("".join(sorted(counts, key=lambda character: (-counts[character], character))))

    def state(self) -> str:
        """Return the string to save in config.json; `CharacterTable(state)` is the same table."""
        return self._characters

    def __len__(self) -> int:
        return len(self._characters) + 2

    def ids(self, word: str) -> list[int]:
        """Return the ids of a word's characters: at least one, at most MAX_CHARACTERS."""
        known = self._ids
        return [known.get(character, UNKNOWN) for character in word[:MAX_CHARACTERS]] or [UNKNOWN]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one text, not padded; features that the reader does not make are empty.

    Attributes:
        ids: ids of the T tokens.
        words: spelling of each token, for characters and casing.
        segments: number of the sentence that each token belongs to, from 0.
        word_starts: index of each word's first token, if tokens are pieces of words.
    """

    ids: Sequence[int]
    words: Sequence[str] = ()
    segments: Sequence[int] = ()
    word_starts: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, length: int) -> "Features":
        """Return the features of the first `length` tokens."""
        starts = [start for start in self.word_starts if start < length]
        return Features(self.ids[:length], self.words[:length], self.segments[:length], starts)


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


class FeatureReader:
    """Makes features from texts, and batches from features.

    Args:
        tokenizer: gives the ids.
        characters: table of characters, for word tokenizers; None: no character ids.
        casing: give casing classes, for word tokenizers.
        segments: number the sentences.
        lower_unknown: look unknown words up in lower case, as `load_vectors` does; for word tokenizers.

    Raises:
        UserError: characters or casing are wanted, but tokens are pieces of words.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        characters: CharacterTable | None = None,
        *,
        casing: bool = False,
        segments: bool = False,
        lower_unknown: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.characters = characters
        self.casing = casing
        self.segments = segments
        self.lower_unknown = lower_unknown
        if self._spells and not self._whole_words:
            raise UserError(
                "embedding.characters and embedding.casing_dim are for whole words: set "
                f"tokenization.kind = 'word', it is {tokenizer.kind!r}"
            )
        outside = {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id}
        self._vocabulary = {
            token: id for id, token in enumerate(tokenizer.vocabulary) if id not in outside
        }
        self._word_id = lru_cache(CACHED_WORDS)(self._look_up)
        self._pieces = lru_cache(CACHED_WORDS)(self._cut)
        self._spellings = _Spellings(characters, casing)

    def read_words(self, words: Sequence[Sequence[str]]) -> list[Features]:
        """Return features of texts that are cut into words already.

        A word tokenizer gives each word one id. Any other cuts each word into one or more pieces, as
        if the text had a space before it.
        """
        make = self._from_words if self._whole_words else self._from_pieces
        return [make(row, sentence_numbers(row) if self.segments else ()) for row in words]

    def read_texts(self, texts: Sequence[str]) -> list[Features]:
        """Return features of raw texts, which the tokenizer cuts; there may be no token in a text."""
        if not (self._spells or self.segments or self.lower_unknown):
            return [Features(ids) for ids in self.tokenizer.encode_batch(texts)]
        features: list[Features] = []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            chunk = list(texts[begin : begin + TEXTS_AT_ONCE])
            encodings = self.tokenizer.backend.encode_batch(chunk, add_special_tokens=False)
            features += map(self._from_encoding, chunk, encodings)
        return features

    def collate(self, features: Sequence[Features]) -> Tokens:
        """Pad a batch of features, none of them empty."""
        return self.collate_all([features])[0]

    def collate_all(self, batches: Sequence[Sequence[Features]]) -> list[Tokens]:
        """Pad batches that share one table of words, see `CharacterFeatures`."""
        if not all(map(all, batches)):
            raise ValueError("a text has no token: remove empty texts before padding")
        tokens = [self._pad(batch) for batch in batches]
        if not self._spells:
            return tokens
        return self._spell(tokens, [features.words for batch in batches for features in batch])

    def _pad(self, features: Sequence[Features]) -> Tokens:
        tokens = collate([row.ids for row in features], self.tokenizer.pad_id)
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

    @property
    def _whole_words(self) -> bool:
        return self.tokenizer.kind == "word"

    def _from_words(self, words: Sequence[str], segments: Sequence[int]) -> Features:
        ids = list(map(self._word_id, words))
        # One string object for all occurrences of a word: less memory, faster lookup in each epoch.
        spelt = tuple(map(sys.intern, words)) if self._spells else ()
        return Features(ids, spelt, segments)

    def _from_pieces(self, words: Sequence[str], segments: Sequence[int]) -> Features:
        pieces = [self._pieces(word, index == 0) for index, word in enumerate(words)]
        ends = list(accumulate(len(ids) for ids in pieces))
        repeated = [number for number, ids in zip(segments, pieces, strict=False) for _ in ids]
        return Features([*chain.from_iterable(pieces)], (), repeated, [0, *ends][: len(words)])

    def _from_encoding(self, text: str, encoding: tokenizers.Encoding) -> Features:
        segments = _segments(text, encoding.offsets) if self.segments else ()
        if self._whole_words:
            return self._from_words([text[begin:end] for begin, end in encoding.offsets], segments)
        return Features(encoding.ids, (), segments)

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

    def _look_up(self, word: str) -> int:
        """Return the id of a word."""
        backend, known = self.tokenizer.backend, self._vocabulary
        id = known.get(normalize(backend, word).strip())
        if id is None and self.lower_unknown:
            id = known.get(normalize(backend, word.lower()).strip())
        return self.tokenizer.unk_id if id is None else id

    def _cut(self, word: str, first: bool) -> list[int]:
        """Return the ids of a word's pieces."""
        ids = self.tokenizer.encode(word if first else f" {word}")
        return ids or [self.tokenizer.unk_id]


def _spread(values: npt.NDArray[np.int64], tokens: Tokens) -> Tensor:
    """Return the values of the real tokens (N,) as (B, T), 0 at padding."""
    flat = torch.from_numpy(values)
    if tokens.mask is None:
        return flat.view_as(tokens.ids)
    return torch.zeros_like(tokens.ids).masked_scatter_(tokens.mask, flat)


def _segments(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the sentence of each token's last character; sentences without a token are not counted."""
    begins = [begin for begin, _ in split_sentences(text)]
    sentences = [bisect_right(begins, end - 1) for _, end in offsets]
    numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(sentences))}
    return [numbers[sentence] for sentence in sentences]
