"""From words or raw text to `Tokens`: ids, and beside them characters, casing and sentences.

Two steps, so that what depends on one text alone is done once and not in every epoch: a
`FeatureReader` makes `Features` of a text, and its `collate` pads those of a batch. The batch's
distinct words are spelt once each; how a word is spelt is kept from batch to batch.
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
from nlpseq.data.batching import collate, padded
from nlpseq.data.tokenizer import TEXTS_AT_ONCE, Tokenizer
from nlpseq.data.tokenizer_training import normalized
from nlpseq.data.word_tokenizer import sentence_numbers, split_sentences
from nlpseq.errors import UserError

MAX_CHARACTERS = 50  # of a word that are read; what follows is cut off
UNKNOWN = 1  # the id of characters that are not in the table; 0 is padding
CACHED_WORDS = 200_000  # words that a reader remembers, in about 100 MB
NUM_CASINGS = 9


def casing(word: str) -> int:
    """How a word is cased, a class from 1 to NUM_CASINGS - 1; 0 is padding.

    1 lower, 2 upper, 3 title (upper, then lower), 4 mixed, 5 digits only, 6 mostly digits,
    7 some digit, 8 other; after Reimers and Gurevych (2017), who have no class of mixed case.
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
    """The characters that a model knows, by id; 0 is padding, 1 an unknown one.

    Args:
        characters: the known ones, each once, from id 2 on; also what `state` gives.
    """

    def __init__(self, characters: str) -> None:
        self._characters = characters
        self._ids = {character: id for id, character in enumerate(characters, start=2)}

    @classmethod
    def learn(cls, words: Iterable[str]) -> "CharacterTable":
        """The characters of train's words, by falling frequency, then by code point."""
        counts: Counter[str] = Counter()
        for word, times in Counter(words).items():
            for character in word:
                counts[character] += times
        return cls("".join(sorted(counts, key=lambda character: (-counts[character], character))))

    def state(self) -> str:
        """What config.json keeps; `CharacterTable(state)` is the same table."""
        return self._characters

    def __len__(self) -> int:
        return len(self._characters) + 2

    def ids(self, word: str) -> list[int]:
        """The ids of a word's characters, at least one and at most MAX_CHARACTERS."""
        known = self._ids
        return [known.get(character, UNKNOWN) for character in word[:MAX_CHARACTERS]] or [UNKNOWN]


@dataclass(frozen=True, slots=True)
class Features:
    """A text as a model reads it; lists that a reader does not make are empty.

    Attributes:
        ids: of the T tokens.
        words: how each token is spelt, where characters or casing are read.
        segments: the sentence that each token belongs to, from 0.
        word_starts: place of each word's first token, where tokens are pieces of words.
    """

    ids: Sequence[int]
    words: Sequence[str] = ()
    segments: Sequence[int] = ()
    word_starts: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, length: int) -> "Features":
        """The first tokens."""
        starts = [start for start in self.word_starts if start < length]
        return Features(self.ids[:length], self.words[:length], self.segments[:length], starts)


class _Spellings(dict[str, int]):
    """Words by number, and a table of how each is cased (column 0) and spelt (the others).

    Asking for the number of a new word adds the word.
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
    """Makes features of texts, and batches of features.

    Args:
        tokenizer: gives the ids.
        characters: how words are spelt, for tokenizers of words; None: not at all.
        casing: whether to tell how words are cased, for tokenizers of words.
        segments: whether to number sentences.
        lower_unknown: look a word up in lower case where it is unknown as it is spelt, as
            `load_vectors` does; for tokenizers of words.

    Raises:
        UserError: characters or casing, but tokens that are pieces of words.
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

    def read(self, words: Sequence[Sequence[str]]) -> list[Features]:
        """Features of texts that come as words.

        A tokenizer of words gives each word one id, whatever the word is. Any other cuts each word
        into one piece or more, as if it stood in the text with a space before it.
        """
        read_one = self._read_whole if self._whole_words else self._read_pieces
        return [read_one(row, sentence_numbers(row) if self.segments else ()) for row in words]

    def read_text(self, texts: Sequence[str]) -> list[Features]:
        """Features of raw texts, in which the tokenizer finds the tokens; it may find none."""
        if not (self._spells or self.segments or self.lower_unknown):
            return [Features(ids) for ids in self.tokenizer.encode_batch(texts)]
        found: list[Features] = []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            some = list(texts[begin : begin + TEXTS_AT_ONCE])
            encodings = self.tokenizer.backend.encode_batch(some, add_special_tokens=False)
            found += map(self._read_encoding, some, encodings)
        return found

    def collate(self, features: Sequence[Features]) -> Tokens:
        """Pad a batch of features, of which none may be empty."""
        return self.collate_all([features])[0]

    def collate_all(self, batches: Sequence[Sequence[Features]]) -> list[Tokens]:
        """Pad batches that are all spelt by one table: see `Embedding.read_words`."""
        if not all(map(all, batches)):
            raise ValueError("a text without a token: set empty texts aside before they are padded")
        tokens = [self._pad(batch) for batch in batches]
        if not self._spells:
            return tokens
        return self._spell(tokens, [one.words for batch in batches for one in batch])

    def _pad(self, features: Sequence[Features]) -> Tokens:
        tokens = collate([one.ids for one in features], self.tokenizer.pad_id)
        if features[0].segments:
            tokens = replace(tokens, segments=padded([one.segments for one in features], 0))
        if features[0].word_starts:
            tokens = replace(tokens, word_starts=padded([one.word_starts for one in features], -1))
        return tokens

    @property
    def _spells(self) -> bool:
        return self.characters is not None or self.casing

    @property
    def _whole_words(self) -> bool:
        return self.tokenizer.kind == "word"

    def _read_whole(self, words: Sequence[str], segments: Sequence[int]) -> Features:
        ids = list(map(self._word_id, words))
        # One string for all places of a word: less memory, and faster to look up in each epoch.
        spelt = tuple(map(sys.intern, words)) if self._spells else ()
        return Features(ids, spelt, segments)

    def _read_pieces(self, words: Sequence[str], segments: Sequence[int]) -> Features:
        pieces = [self._pieces(word, place == 0) for place, word in enumerate(words)]
        ends = list(accumulate(len(one) for one in pieces))
        spread = [number for number, one in zip(segments, pieces, strict=False) for _ in one]
        return Features([*chain.from_iterable(pieces)], (), spread, [0, *ends][: len(words)])

    def _read_encoding(self, text: str, encoding: tokenizers.Encoding) -> Features:
        segments = _segments(text, encoding.offsets) if self.segments else ()
        if self._whole_words:
            return self._read_whole([text[begin:end] for begin, end in encoding.offsets], segments)
        return Features(encoding.ids, (), segments)

    def _spell(self, batches: Sequence[Tokens], words: Sequence[Sequence[str]]) -> list[Tokens]:
        """Add characters and casing: each distinct word is spelt once, here and for all batches.

        Words stand in the order in which the batches first have them: sums of gradients must not
        depend on what was read before.
        """
        if len(self._spellings) > CACHED_WORDS:
            self._spellings = _Spellings(self.characters, self.casing)
        of_word = self._spellings.__getitem__
        numbers = np.fromiter(map(of_word, chain.from_iterable(words)), np.int64)  # (N,)
        distinct, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        order = first.argsort()
        forms = self._spellings.table[distinct[order]]  # (U, 1 + C)
        rows = order.argsort()[inverse]  # (N,)
        spelt = forms[:, 1 : 1 + forms[:, 1:].any(0).sum()]
        ids = torch.from_numpy(spelt.astype(np.int64))  # (U, C)
        found, begin = [], 0
        for tokens in batches:
            here = rows[begin : begin + int(tokens.lengths.sum())]
            begin += len(here)
            casings = _laid_out(forms[here, 0].astype(np.int64), tokens) if self.casing else None
            characters = None
            if self.characters is not None:
                characters = CharacterFeatures(_laid_out(here, tokens), ids)
            found.append(replace(tokens, casing=casings, characters=characters))
        return found

    def _look_up(self, word: str) -> int:
        backend, known = self.tokenizer.backend, self._vocabulary
        id = known.get(normalized(backend, word).strip())
        if id is None and self.lower_unknown:
            id = known.get(normalized(backend, word.lower()).strip())
        return self.tokenizer.unk_id if id is None else id

    def _cut(self, word: str, first: bool) -> list[int]:
        ids = self.tokenizer.encode(word if first else f" {word}")
        return ids or [self.tokenizer.unk_id]


def _laid_out(values: npt.NDArray[np.int64], tokens: Tokens) -> Tensor:
    """One value a real token (N,) -> (B, T), 0 at padding."""
    given = torch.from_numpy(values)
    if tokens.mask is None:
        return given.view_as(tokens.ids)
    return torch.zeros_like(tokens.ids).masked_scatter_(tokens.mask, given)


def _segments(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The sentence of each token, by its last character; sentences without a token do not count."""
    begins = [begin for begin, _ in split_sentences(text)]
    found = [bisect_right(begins, end - 1) for _, end in offsets]
    numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(found))}
    return [numbers[sentence] for sentence in found]
