"""Baselines of tagging: the most frequent tag of each word, and a CRF on spelling and neighbours of words."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Self

from nlpseq.temporary_files import scratch_folder

Sentences = Sequence[Sequence[str]]
MAX_OPERATIONS = 600_000_000


class MostFrequentTag:
    """Gives each word its most frequent tag in train, and unknown words the most frequent tag of all."""

    def fit(self, sentences: Sentences, tags: Sentences) -> Self:
        """Count the tags of each word."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        total: Counter[str] = Counter()
        for words, row in zip(sentences, tags, strict=True):
            total.update(row)
            for word, tag in zip(words, row, strict=True):
                counts[word][tag] += 1
        self._default = _most_frequent(total)
        self._tags = {word: _most_frequent(counter) for word, counter in counts.items()}
        return self

    def predict(self, sentences: Sentences) -> list[list[str]]:
        """Return the tags of each sentence."""
        return [[self._tags.get(word, self._default) for word in words] for words in sentences]


class FeatureCRF:
    """A linear-chain CRF (Lafferty et al. 2001) on spelling and neighbours of each word, by CRFsuite.

    Args:
        max_iterations: of L-BFGS; None: 60, fewer for large data, so that training takes seconds.
    """

    def __init__(self, max_iterations: int | None = None) -> None:
        self.max_iterations = max_iterations

    def fit(self, sentences: Sentences, tags: Sentences) -> Self:
        """Train with L1 and L2 penalties."""
        import pycrfsuite

        trainer = pycrfsuite.Trainer(verbose=False)
        for words, row in zip(sentences, tags, strict=True):
            if words:
                trainer.append(word_features(words), list(row))
        trainer.set_params(
            {
                "c1": 0.1,
                "c2": 0.01,
                "max_iterations": self.max_iterations or _affordable_iterations(tags),
                "feature.possible_transitions": True,
            }
        )
        with scratch_folder() as folder:
            path = folder / "crf"
            trainer.train(str(path))
            self._content = path.read_bytes()  # CRFsuite reads it in place: it must live on
        self._model: Any = pycrfsuite.Tagger()
        self._model.open_inmemory(self._content)
        return self

    def predict(self, sentences: Sentences) -> list[list[str]]:
        """Return the tags of each sentence."""
        return [list(self._model.tag(word_features(words))) if words else [] for words in sentences]


def _affordable_iterations(tags: Sentences) -> int:
    """Return 20 to 60 iterations, of less than ten seconds in total; each costs words times squared tags."""
    cost = sum(map(len, tags)) * len({tag for row in tags for tag in row}) ** 2
    return min(max(MAX_OPERATIONS // max(cost, 1), 20), 60)


def word_features(words: Sequence[str]) -> list[list[str]]:
    """Return features of each word: itself, affixes and shape, and word and shape of both neighbours."""
    rows = [["bias", *_own_features(word)] for word in words]
    for index, word in enumerate(words):
        lowered, shape = word.lower(), _shape(word)
        if index:
            rows[index - 1] += [f"+1:w={lowered}", f"+1:shape={shape}"]
        if index + 1 < len(words):
            rows[index + 1] += [f"-1:w={lowered}", f"-1:shape={shape}"]
    rows[0].append("first")
    rows[-1].append("last")
    return rows


@lru_cache(100_000)
def _own_features(word: str) -> tuple[str, ...]:
    lowered = word.lower()
    affixes = [
        feature
        for length in (1, 2, 3)
        if len(lowered) > length
        for feature in (f"p{length}={lowered[:length]}", f"s{length}={lowered[-length:]}")
    ]
    return (f"w={lowered}", f"shape={_shape(word)}", *affixes)


@lru_cache(100_000)
def _shape(word: str) -> str:
    """Return the kinds of a word's characters, runs of one kind written once: `Xx`, `d-d`, `x`."""
    shape = ""
    for character in word:
        if character.isdigit():
            kind = "d"
        elif character.isalpha():
            kind = "X" if character.isupper() else "x"
        else:
            kind = character
        if not shape.endswith(kind):
            shape += kind
    return shape


def _most_frequent(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
