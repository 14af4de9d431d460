"""The built-in corpus: sentences about a small invented world, with exactly known probabilities.

Nothing is downloaded: sentences are drawn from a synchronous probabilistic grammar. One derivation gives the
sentence, its entities, its sentiment, its translation into a second language and its headline.

    grammar.py    rules, derivations, samples, probabilities, entropy
    notation.py   how rules are written
    lexicon.py    words and inflection
    world.py      the rules
    source.py     Example, sample, log_probability, entropy
    views.py      splits for each task
"""

from nlpseq.data.synthetic.toy_corpus.source import (
    VOCABULARY,
    Example,
    entropy,
    expected_length,
    log_probability,
    sample,
)
from nlpseq.data.synthetic.toy_corpus.views import DEFAULT_SIZES, DETERMINED, VIEWS, Splits, splits

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
    "splits",
]
