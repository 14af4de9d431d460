"""Baseline and details that stand beside the scores of a language model."""

import math
from typing import Any

from nlpseq.data.split import Split
from nlpseq.data.streams import TextStream
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.base import Scores
from nlpseq.recipe import CausalEncoderConfig, CausalTransformerConfig, TokenizationConfig


def context_details(encoder: CausalEncoderConfig) -> dict[str, Any]:
    """Return how far a Transformer looks back, on which its scores depend; a recurrent state has no limit."""
    if not isinstance(encoder, CausalTransformerConfig):
        return {}
    note = f"each token sees itself and the {encoder.context - 1} before it, in each layer"
    return {"context": encoder.context, "signatures": {"context": note}}


def floor_perplexity(
    split: Split, stream: TextStream, tokenizer: Tokenizer, config: TokenizationConfig
) -> Scores:
    """Return the perplexity of the source of the data, if the data know their own probability.

    It is a floor only for a model that predicts the same strings: with ends of texts, and without unknown
    words.
    """
    same_strings = config.add_eos and not config.lowercase
    if "log_probability" not in split.rows.column_names or not same_strings:
        return {}
    if bool((stream.ids == tokenizer.unk_id).any()):
        return {}
    nll = -math.fsum(split.rows["log_probability"])
    return {"floor_perplexity": math.exp(nll / len(stream))}
