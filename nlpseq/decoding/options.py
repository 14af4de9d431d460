"""What a user can ask of a search; everything is checked when it is made."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from nlpseq.errors import UserError

LengthPenalty = Literal["none", "average", "wu"]
EarlyStopping = Literal["safe", "heuristic"]


@dataclass(frozen=True)
class SamplingOptions:
    """How each next token is chosen: the most probable one, or a draw.

    A draw goes through `temperature`, then `top_k`, then `top_p`, in the order of Hugging Face's generate.

    Attributes:
        greedy: always take the most probable token; the other three are then not used.
        temperature: divides the log-probabilities; below 1 is bolder, above 1 more varied.
        top_k: only the k most probable tokens; 0 for no limit.
        top_p: only the smallest set of tokens whose mass reaches p (nucleus sampling, Holtzman et al., 2020);
            1 for no limit.
        max_new_tokens: where to stop at the latest.
        min_new_tokens: a text has at least so many tokens, its end counted as in `max_new_tokens`; 0 and 1 ask
            for nothing.
        no_repeat_ngram: n, if no n-gram may occur twice in what is generated; 0 if they may.

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
    """How beam search works and how it ranks what it finds.

    Attributes:
        beam_size: K, hypotheses kept per sentence, finished ones included.
        max_new_tokens: a hypothesis of this many tokens is finished, end of sentence or not.
        num_return: how many hypotheses to give back, at most K.
        length_penalty: "none" ranks by log-probability; "average" by log-probability per token;
            "wu" divides by ((5 + length) / 6) ** alpha (Wu et al., 2016, equation 14).
        alpha: strength of "wu"; 0 is the same as "none".
        coverage_penalty: beta of Wu et al. (2016), equation 14: beta * sum over source positions of
            log(min(attention to it over all steps, 1)) is added to the score after the length penalty. It ranks
            what is finished; 0 for none, and the only choice for a model without attention.
        no_repeat_ngram: n, if no n-gram may occur twice in a hypothesis; 0 if they may.
        min_new_tokens: a hypothesis has at least so many tokens, its end counted as in `max_new_tokens`; 0 and 1
            ask for nothing.
        early_stopping: "safe" stops a sentence once no better hypothesis can come, which is proved in
            `beam_search`. "heuristic" stops it once the best so far are finished, the others scored as if they
            ended where they are: faster, but it can miss a better one that length or coverage would have
            raised later.

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
        """Rank of a hypothesis of `length` tokens, end of sentence counted; higher is better."""
        return log_prob / self.divisor(length)

    def divisor(self, length: int) -> float:
        """What the length penalty divides a log-probability by; it never falls with `length`."""
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
