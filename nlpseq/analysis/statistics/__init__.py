"""Significance tests and intervals over stored statistics of examples: is one model better, or was it chance?

Read `scoring` (scores of many sums at once), `paired` (two trained models: paired bootstrap, approximate
randomization), `seeds` (models trained with several seeds), `corrections` (Holm), `effects` (effect size, sample size).
"""

from .corrections import holm
from .effects import examples_needed, hedges_g, standardized_difference
from .paired import Estimate, bootstrap_estimate, randomization_test, sacrebleu_p_value, swaps
from .scoring import Floats, Scorer, ScoreTable, resampled_scores, rowwise
from .seeds import Summary, seeds_then_examples, summarize

__all__ = [
    "Estimate",
    "Floats",
    "ScoreTable",
    "Scorer",
    "Summary",
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
