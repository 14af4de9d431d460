"""The miniature world as a source of examples whose probabilities are known."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from nlpseq.data.synthetic.toy_corpus.grammar import Derivation, Grammar
from nlpseq.data.synthetic.toy_corpus.world import ENTITIES, GRAMMAR

_LABELS = {"Sentence[+]": "positive", "Sentence[-]": "negative"}


def _capitalise(words: Iterable[str]) -> tuple[str, ...]:
    first, *rest = words
    return (first[0].upper() + first[1:], *rest)


# Capitals tell nothing new: no two words that can begin a sentence share a capitalised form.
_UNCAPITALISED = {_capitalise([word])[0]: word for word in GRAMMAR.first_words}

VOCABULARY = tuple(sorted(GRAMMAR.words | _UNCAPITALISED.keys()))
"""All words of the text side, as they are written."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence with everything that its derivation says about it.

    Attributes:
        tokens: The words and punctuation marks of the sentence.
        tags: A BIO tag for each token; the types are PER, LOC and ORG.
        sentiment: "positive" or "negative".
        translation: The sentence in the other language.
        headline: The sentence in short.
        log_probability: Of the tokens and the end of the sentence under the source, in nats.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    sentiment: str
    translation: tuple[str, ...]
    headline: tuple[str, ...]
    log_probability: float

    @property
    def text(self) -> str:
        """The tokens, joined by spaces."""
        return " ".join(self.tokens)


def sample(count: int, seed: int) -> list[Example]:
    """Draw independent examples; the same seed gives the same examples on every machine.

    Args:
        count: How many.
        seed: Of the random numbers.

    Returns:
        The examples.
    """
    random = Random(seed)
    return [draw(GRAMMAR, random) for _ in range(count)]


def draw(grammar: Grammar, random: Random) -> Example:
    """Draw one example from the grammar of the world or a restriction of it.

    The log-probability is always the one under the grammar given.
    """
    derivation = grammar.derive(random)
    return realise(derivation)


def realise(derivation: Derivation) -> Example:
    """Read an example off a derivation: a function without choices."""
    words, tags = derivation.text(ENTITIES)
    return Example(
        tokens=_capitalise(words),
        tags=tuple(tags),
        sentiment=_LABELS[derivation.children[0].symbol],
        translation=_capitalise(derivation.translation()),
        headline=_capitalise(derivation.headline()),
        log_probability=derivation.log_probability,
    )


def log_probability(tokens: Sequence[str]) -> float:
    """Compute the log-probability of a sentence by summing over its derivations.

    Args:
        tokens: Words as in `Example.tokens`, without an end-of-sentence token.

    Returns:
        Nats, the end of the sentence included; minus infinity for what the source never says.
    """
    if not tokens or tokens[0] not in _UNCAPITALISED:
        return -math.inf
    probability = GRAMMAR.probability([_UNCAPITALISED[tokens[0]], *tokens[1:]])
    return math.log(probability) if probability > 0.0 else -math.inf


def entropy() -> float:
    """Compute the entropy of the source in nats per sentence, from its rules."""
    return GRAMMAR.entropy()


def expected_length() -> float:
    """Compute the mean number of tokens of a sentence from the rules, the end of sentence counted."""
    return GRAMMAR.expected_length() + 1.0
