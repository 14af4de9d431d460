"""The words of train, kept with a model as hashes of 32 bits, to tell which words of other data are new to it.

A vocabulary does not tell: it may have pieces of words, lack rare words, or hold words of pretrained vectors only.
"""

import base64
import zlib
from collections.abc import Iterable, Sequence

import numpy as np

BYTES = np.dtype("<u4")


class KnownWords:
    """A set of words; about one in 100,000 other words is taken for one of 40,000 words.

    Args:
        hashes: of the words.
    """

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self._hashes = frozenset(hashes)

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]]) -> "KnownWords":
        """Collect the words of sentences, as they are spelled."""
        words = {word for sentence in sentences for word in sentence}
        return cls(map(_hash, words))

    @classmethod
    def load(cls, state: str) -> "KnownWords":
        """Restore what `state` returned."""
        return cls(np.frombuffer(base64.b85decode(state), BYTES).tolist())

    def state(self) -> str:
        """Return the hashes as text, 5 characters for each word."""
        return base64.b85encode(np.array(sorted(self._hashes), BYTES).tobytes()).decode("ascii")

    def __len__(self) -> int:
        return len(self._hashes)

    def unknown(self, words: Iterable[str]) -> list[bool]:
        """Return for each word whether it is not in the set."""
        return [_hash(word) not in self._hashes for word in words]


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))
