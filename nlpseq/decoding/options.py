"""What a user can ask of a search; everything is checked when it is made."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from nlpseq.errors import UserError

LengthPenalty = Literal["none", "average", "wu"]


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

    Raises:
        UserError: a value out of its range.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_new_tokens: int = 100

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
        _require(self.max_new_tokens >= 1, "max_new_tokens", self.max_new_tokens, "at least 1")


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

    Raises:
        UserError: a value out of its range.
    """

    beam_size: int = 5
    max_new_tokens: int = 100
    num_return: int = 1
    length_penalty: LengthPenalty = "none"
    alpha: float = 0.6

    def __post_init__(self) -> None:
        """Check the ranges."""
        _require(self.beam_size >= 1, "beam_size", self.beam_size, "at least 1")
        _require(self.max_new_tokens >= 1, "max_new_tokens", self.max_new_tokens, "at least 1")
        _require(
            1 <= self.num_return <= self.beam_size,
            "num_return",
            self.num_return,
            f"between 1 and beam_size ({self.beam_size})",
        )
        names = get_args(LengthPenalty)
        _require(
            self.length_penalty in names,
            "length_penalty",
            self.length_penalty,
            f"one of {', '.join(names)}",
        )
        _require(
            self.alpha >= 0 and math.isfinite(self.alpha),
            "alpha",
            self.alpha,
            "a number of at least 0 (below 0 long hypotheses would be punished twice)",
        )

    def score(self, log_prob: float, length: int) -> float:
        """Rank of a hypothesis of `length` tokens, end of sentence counted; higher is better."""
        match self.length_penalty:
            case "none":
                return log_prob
            case "average":
                return log_prob / length
            case "wu":
                return log_prob / float(((5 + length) / 6) ** self.alpha)


def _require(condition: bool, name: str, value: object, wanted: str) -> None:
    if not condition:
        raise UserError(f"decoding.{name} must be {wanted}, but it is {value!r}")
