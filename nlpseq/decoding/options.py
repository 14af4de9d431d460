"""Options of sampling and beam search, checked when they are created."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from nlpseq.errors import UserError

LengthPenalty = Literal["none", "average", "wu"]
EarlyStopping = Literal["safe", "heuristic"]


@dataclass(frozen=True)
class SamplingOptions:
    """Options of greedy decoding and sampling.

    Sampling applies `temperature`, then `top_k`, then `top_p`, in the order of Hugging Face's generate.

    Attributes:
        greedy: always take the most probable token; temperature, top_k and top_p are then not used.
        temperature: softmax temperature; below 1 safer, above 1 more varied.
        top_k: sample from the k most probable tokens only; 0: no limit.
        top_p: sample from the smallest set of tokens with at least this total probability only (nucleus sampling,
            Holtzman et al., 2020); 1: no limit.
        max_new_tokens: greatest number of tokens.
        min_new_tokens: smallest number of tokens, end of sentence included; 0 and 1: no minimum.
        no_repeat_ngram: n, if no n-gram may occur twice in a text; 0: they may.

    Raises:
        UserError: a value out of its range.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_new_tokens: int = 100
    min_new_tokens: int = 0
    no_repeat_ngram: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _require(
            self.temperature > 0 and math.isfinite(self.temperature),
            "temperature",
            self.temperature,
            "a number above 0 (for the most probable token at each step, use greedy)",
        )
        _require(self.top_k >= 0, "top_k", self.top_k, "at least 0 (0 means no limit)")
        _require(
            0 < self.top_p <= 1, "top_p", self.top_p, "above 0 and at most 1 (1 means no limit)"
        )
        _require_common(self)


@dataclass(frozen=True)
class BeamOptions:
    """Options of beam search and of its ranking of hypotheses.

    Attributes:
        beam_size: K, hypotheses kept for each sentence, finished ones included.
        max_new_tokens: length at which a hypothesis is finished, even without end of sentence.
        num_return: hypotheses to return for each sentence, at most K.
        length_penalty: "none" ranks by log-probability; "average" by log-probability per token;
            "wu" divides by ((5 + length) / 6) ** alpha (Wu et al., 2016, equation 14).
        alpha: strength of "wu"; 0 is the same as "none".
        coverage_penalty: beta of Wu et al. (2016), equation 14: beta * sum over source positions of
            log(min(attention to it over all steps, 1)) is added to the score after the length penalty. It ranks
            finished hypotheses; 0: none, the only choice for a model without attention.
        no_repeat_ngram: n, if no n-gram may occur twice in a hypothesis; 0: they may.
        min_new_tokens: smallest number of tokens, end of sentence included; 0 and 1: no minimum.
        early_stopping: "safe" stops a sentence when no better hypothesis can follow (proof in `beam`).
            "heuristic" stops it when the best hypotheses are finished and the others, scored as if they ended now,
            are worse: faster, but it can miss one that length or coverage would have raised later.

    Raises:
        UserError: a value out of its range.
    """

    beam_size: int = 5
    max_new_tokens: int = 100
    num_return: int = 1
    length_penalty: LengthPenalty = "none"
    alpha: float = 0.6
    coverage_penalty: float = 0.0
    no_repeat_ngram: int = 0
    min_new_tokens: int = 0
    early_stopping: EarlyStopping = "safe"

    def __post_init__(self) -> None:
        """Check the ranges."""
        _require_common(self)
        _require(self.beam_size >= 1, "beam_size", self.beam_size, "at least 1")
        _require(
            1 <= self.num_return <= self.beam_size,
            "num_return",
            self.num_return,
            f"between 1 and beam_size ({self.beam_size})",
        )
        _require_one_of(get_args(LengthPenalty), "length_penalty", self.length_penalty)
        _require_one_of(get_args(EarlyStopping), "early_stopping", self.early_stopping)
        _require(
            self.alpha >= 0 and math.isfinite(self.alpha),
            "alpha",
            self.alpha,
            "a number of at least 0 (below 0 long hypotheses would be punished twice)",
        )
        _require(
            self.coverage_penalty >= 0 and math.isfinite(self.coverage_penalty),
            "coverage_penalty",
            self.coverage_penalty,
            "a number of at least 0 (0 means none)",
        )

    def score(self, log_prob: float, length: int) -> float:
        """Return the score of a hypothesis of `length` tokens, end of sentence included; higher is better."""
        return log_prob / self.divisor(length)

    def divisor(self, length: int) -> float:
        """Return the divisor of the length penalty; it never falls with `length`."""
        match self.length_penalty:
            case "none":
                return 1.0
            case "average":
                return float(length)
            case "wu":
                return float(((5 + length) / 6) ** self.alpha)


def _require_common(options: SamplingOptions | BeamOptions) -> None:
    longest, shortest, n = options.max_new_tokens, options.min_new_tokens, options.no_repeat_ngram
    _require(longest >= 1, "max_new_tokens", longest, "at least 1")
    _require(
        0 <= shortest <= longest,
        "min_new_tokens",
        shortest,
        f"between 0 (no minimum) and max_new_tokens ({longest})",
    )
    _require(n >= 0, "no_repeat_ngram", n, "at least 0 (0 means that n-grams may repeat)")


def _require_one_of(names: tuple[str, ...], name: str, value: str) -> None:
    _require(value in names, name, value, f"one of {', '.join(names)}")


def _require(condition: bool, name: str, value: object, wanted: str) -> None:
    if not condition:
        raise UserError(f"decoding.{name} must be {wanted}, but it is {value!r}")
