"""Greedy decoding, sampling and beam search, for language models and seq2seq alike.

Reading order: `nlpseq.types.StepFunction` (the step function, all that a search knows of a model), `sampling`, `beam`,
`constraints` (the only place that forbids or forces tokens), `coverage`, `options`. Seq2seq makes its step function
in `tasks/seq2seq/decoding.py`, language models theirs in `tasks/language_modeling/predictor.py`.

The caller has read the prompt except for its last id, which is the first input of the step function; a decoder starts
with the beginning of sentence. Rows leave the batch when they end: `state` and `memory` are then reduced alike, and
between steps beam search reorders the state.
"""

from nlpseq.decoding.beam import Hypothesis, beam_search
from nlpseq.decoding.constraints import SearchConstraints
from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.decoding.sampling import choose, generate, stream

__all__ = [
    "BeamOptions",
    "Hypothesis",
    "SamplingOptions",
    "SearchConstraints",
    "beam_search",
    "choose",
    "generate",
    "stream",
]
