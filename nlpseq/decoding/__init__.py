"""Greedy decoding, sampling and beam search over one step function.

All of them know one closure, `step(ids (B,), state) -> Step`, and a state whose parts have the batch as
dimension 0. The caller has read the prompt but for its last id, which is the first thing that `step` is given.
Rows leave the batch when they end: the state is the only thing that is then cut down, so whatever a closure
needs per row (say, which source sentence it attends to) travels in the state as one more tensor.
"""

from nlpseq.decoding.beam import Hypothesis, beam_search
from nlpseq.decoding.options import BeamOptions, SamplingOptions
from nlpseq.decoding.sampling import choose, generate, stream

__all__ = [
    "BeamOptions",
    "Hypothesis",
    "SamplingOptions",
    "beam_search",
    "choose",
    "generate",
    "stream",
]
