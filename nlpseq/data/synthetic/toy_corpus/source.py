"""The toy corpus as a source of examples with known probabilities."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from nlpseq.data.synthetic.toy_corpus.annotations import rating, topics
from nlpseq.data.synthetic.toy_corpus.grammar import Derivation, Grammar
from nlpseq.data.synthetic.toy_corpus.parts_of_speech import parts_of_speech
from nlpseq.data.synthetic.toy_corpus.world import ENTITIES, GRAMMAR

_LABELS = {"Sentence[+]": "positive", "Sentence[-]": "negative"}


def capitalise(words: Iterable[str]) -> tuple[str, ...]:
    """Return words with a capital at the beginning."""
    first, *rest = words
    return (first[0].upper() + first[1:], *rest)


# Capitals add no information: no two words that can begin a sentence share a capitalised form.
_UNCAPITALISED = {capitalise([word])[0]: word for word in GRAMMAR.first_words}

VOCABULARY = tuple(sorted(GRAMMAR.words | _UNCAPITALISED.keys()))
"""All words of the texts, in their spellings."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence with all annotations that follow from its derivation.

    Attributes:
        tokens: words and punctuation marks of the sentence.
        tags: a BIO tag for each token; the types are PER, LOC and ORG.
        parts_of_speech: a tag of the Penn Treebank for each token.
        sentiment: "positive" or "negative".
        translation: words of the sentence in the invented language.
        headline: words of the headline.
        log_probability: log-probability of the tokens and the end of the sentence, in nats.
        rating: from 1 to 5, see `annotations`.
        topics: sorted.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    parts_of_speech: tuple[str, ...]
    sentiment: str
    translation: tuple[str, ...]
    headline: tuple[str, ...]
    log_probability: float
    rating: float
    topics: tuple[str, ...]

    @property
    def text(self) -> str:
        """The tokens, joined by spaces."""
        return " ".join(self.tokens)


def sample(count: int, seed: int) -> list[Example]:
    """Draw independent examples; the same seed gives the same examples on every machine.

    Args:
        count: number of examples.
        seed: seed of the random numbers.
    """
    random = Random(seed)
    return [draw(GRAMMAR, random) for _ in range(count)]


def draw(grammar: Grammar, random: Random) -> Example:
    """Draw one example from the grammar or a restriction of it.

    The log-probability is the one under `grammar`.
    """
    return realise(grammar.derive(random))


def realise(derivation: Derivation) -> Example:
    """Make the example of a derivation; nothing is random."""
    words, tags = derivation.text(ENTITIES)
    return Example(
        tokens=capitalise(words),
        tags=tuple(tags),
        parts_of_speech=tuple(parts_of_speech(derivation)),
        sentiment=_LABELS[derivation.children[0].symbol],
        translation=capitalise(derivation.translation()),
        headline=capitalise(derivation.headline()),
        log_probability=derivation.log_probability,
        rating=rating(derivation),
        topics=topics(derivation),
    )


def log_probability(tokens: Sequence[str]) -> float:
    """Return the log-probability of a sentence, summed over its derivations.

    Args:
        tokens: words as in `Example.tokens`, without an end-of-sentence token.

    Returns:
        Nats, the end of the sentence included; minus infinity for sentences that are not in the corpus's
        language.
    """
    if not tokens or tokens[0] not in _UNCAPITALISED:
        return -math.inf
    probability = GRAMMAR.probability([_UNCAPITALISED[tokens[0]], *tokens[1:]])
    return math.log(probability) if probability > 0.0 else -math.inf


def entropy() -> float:
    """Return the entropy of the source in nats per sentence, computed from the rules."""
    return GRAMMAR.entropy()


def expected_length() -> float:
    """Return the mean number of tokens in a sentence, end of sentence included, computed from the rules."""
    return GRAMMAR.expected_length() + 1.0
