"""The toy corpus (the built-in corpus of the recipes): sentences with exactly known probabilities.

Sentences are drawn from a synchronous probabilistic grammar. One derivation gives the sentence, its entities,
its sentiment, its translation into an invented language and its headline.

    views.py      splits for each task
    entailment.py pairs of sentences
    source.py     Example, sample, log_probability, entropy
    parts_of_speech.py   tags of words
    annotations.py   rating and topics
    world.py      the rules
    lexicon.py    words and inflection
    notation.py   the notation of the rules
    grammar.py    rules, derivations, samples, probabilities, entropy
"""

from nlpseq.data.synthetic.toy_corpus.source import (
    VOCABULARY,
    Example,
    entropy,
    expected_length,
    log_probability,
    sample,
)
from nlpseq.data.synthetic.toy_corpus.views import (
    DEFAULT_SIZES,
    DETERMINED,
    VIEWS,
    Splits,
    draw_splits,
)

__all__ = [
    "DEFAULT_SIZES",
    "DETERMINED",
    "VIEWS",
    "VOCABULARY",
    "Example",
    "Splits",
    "entropy",
    "expected_length",
    "log_probability",
    "sample",
    "draw_splits",
]
