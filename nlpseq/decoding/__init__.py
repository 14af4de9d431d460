"""Greedy decoding, sampling and beam search over one step function, for language models and seq2seq alike.

All of them know one closure, `step(ids (R,), state, *memory) -> Step` (`contracts.StepFunction`). The caller has
read the prompt but for its last id, which is the first thing that `step` is given; a decoder is given its
beginning of sentence. Rows leave the batch when they end: `state` and `memory` are then cut down alike, and
between steps beam search reorders the state alone. What may be chosen is said in one place, `constraints`.
"""

from nlpseq.decoding.beam import Hypothesis, beam_search
from nlpseq.decoding.constraints import SearchConstraints
from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.decoding.sampling import choose, generate, stream

__all__ = [
    "BeamOptions",
    "SearchConstraints",
    "Hypothesis",
    "SamplingOptions",
    "beam_search",
    "choose",
    "generate",
    "stream",
]
