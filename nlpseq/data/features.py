"""Features of one text, as lists: ids, characters, casing and sentence numbers.

`text_pipeline` makes them from texts, `feature_batches` makes tensors of many.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nlpseq.data.word_tokenizer import split_sentences

MAX_CHARACTERS = 50  # longer words are cut off
UNKNOWN = 1  # id of characters that are not in the table; 0 is padding
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
        offsets: begin and end of each token in the text as it was given, where they were asked for.
        second: features of the second text of a pair; `len` counts the tokens of the first.
    """

    ids: Sequence[int]
    words: Sequence[str] = ()
    segments: Sequence[int] = ()
    word_starts: Sequence[int] = ()
    offsets: Sequence[tuple[int, int]] = ()
    second: "Features | None" = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sides(self) -> "tuple[Features, ...]":
        """The features of each text: one, or the two of a pair."""
        return (self,) if self.second is None else (self, self.second)

    def cut(self, length: int) -> "Features":
        """Return the features of the first `length` tokens."""
        starts = [start for start in self.word_starts if start < length]
        return Features(
            self.ids[:length],
            self.words[:length],
            self.segments[:length],
            starts,
            self.offsets[:length],
        )


def segments_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the sentence of each token's last character; sentences without a token are not counted."""
    begins = [begin for begin, _ in split_sentences(text)]
    sentences = [bisect_right(begins, end - 1) for _, end in offsets]
    numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(sentences))}
    return [numbers[sentence] for sentence in sentences]
