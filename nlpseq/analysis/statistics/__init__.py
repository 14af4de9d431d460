"""Is one model better than another, or was it luck? Tests and intervals over stored statistics of examples.

file            | holds
----------------|---------------------------------------------------------------------
scoring.py      | scores of many sums of statistics; of resampled test sets
paired.py       | two trained models on one test set: paired bootstrap, approximate randomization
seeds.py        | two kinds of model, each trained several times: seeds, then examples
corrections.py  | several comparisons at once: Holm's correction
effects.py      | how large a difference is, and how many examples would show one

Everything is drawn from a `numpy.random.Generator`: the same one gives the same figures.
"""

from .corrections import holm
from .effects import examples_needed, hedges_g, standardized_difference
from .paired import Estimate, bootstrap_estimate, randomization_test, sacrebleu_p_value, swaps
from .scoring import Floats, Scorer, Table, resampled_scores, rowwise
from .seeds import Summary, seeds_then_examples, summarize

__all__ = [
    "Estimate",
    "Floats",
    "Scorer",
    "Summary",
    "Table",
    "bootstrap_estimate",
    "examples_needed",
    "hedges_g",
    "holm",
    "randomization_test",
    "resampled_scores",
    "rowwise",
    "sacrebleu_p_value",
    "seeds_then_examples",
    "standardized_difference",
    "summarize",
    "swaps",
]
