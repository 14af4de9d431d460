"""What a decoder reads while it is trained: gold tokens, or now and then its own.

Teacher forcing always gives the gold token; scheduled sampling (Bengio et al. 2015) tosses a coin for each
token, and gives one that the model chose where it falls on the other side. One after the other, each token
chosen is what the model says after all that it has read so far. In parallel (Duckworth et al. 2019), a first
pass over gold tokens says what the model would choose at every place, and a further pass, the one that is
learnt from, reads the mixture: about two forward passes instead of a loop. With one such pass this is the
form of Mihaylova and Martins (2019), whose first pass is not differentiated either.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory, joined
from nlpseq.recipe import Count, Positive, Section
from nlpseq.task import Progress
from nlpseq.types import State

Ratio = Annotated[float, Field(ge=0, le=1)]


class ScheduledSamplingConfig(Section):
    """The teacher forcing ratio e: with which probability a decoder reads the gold token.

    Bengio et al. (2015), section 2.4, at update i: linear falls from `start` to `end` over the run;
    exponential is start * k^i; inverse_sigmoid is start * k / (k + exp(i / k)); neither below `end`.
    """

    schedule: Literal["constant", "linear", "exponential", "inverse_sigmoid"] = "constant"
    start: Ratio = Field(1.0, description="ratio at first; 1 and constant: teacher forcing")
    end: Ratio = Field(0.0, description="lowest ratio; constant stays at `start`")
    k: Positive = Field(0.9999, description="exponential: below 1; inverse_sigmoid: 1 or more")
    choose: Literal["sample", "argmax"] = Field(
        "sample", description="the model's own tokens: drawn from it, or the likeliest"
    )
    mode: Literal["sequential", "parallel"] = "sequential"
    passes: Count = Field(1, description="parallel: passes that mix, the last is learnt from")

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.schedule != "constant" and self.start < self.end:
            raise ValueError(f"start = {self.start} is below end = {self.end}: the ratio falls")
        if self.schedule == "exponential" and self.k >= 1:
            raise ValueError(f"k = {self.k}: exponential decay wants it below 1")
        if self.schedule == "inverse_sigmoid" and self.k < 1:
            raise ValueError(f"k = {self.k}: inverse_sigmoid wants at least 1, such as 1000")
        return self

    def ratio(self, progress: Progress) -> float:
        """The teacher forcing ratio in force."""
        match self.schedule:
            case "linear":
                return self.start + (self.end - self.start) * progress.fraction
            case "exponential":
                return max(self.end, self.start * self.k**progress.step)
            case "inverse_sigmoid":
                falling = self.k / (self.k + math.exp(min(progress.step / self.k, 700)))
                return max(self.end, self.start * falling)
        return self.start


def decode(
    decoder: Decoder,
    memory: Memory,
    state: State,
    target: Tokens,
    bos_id: int,
    config: ScheduledSamplingConfig,
    ratio: float,
    forbidden: Sequence[int] = (),
) -> DecoderOutput:
    """Read a target as training does.

    Args:
        decoder: to be trained.
        memory: of B sentences.
        state: from `decoder.start`.
        target: gold ids (B, T), the end included.
        bos_id: what is read before the first token.
        config: how tokens are chosen.
        ratio: with which probability each input is the gold token.
        forbidden: ids that no text is made of: the model does not choose them.
    """
    gold = shifted(target.ids, bos_id)  # (B, T)
    if ratio == 1:
        return read(decoder, gold, memory, state, target.lengths)

    def own_tokens(decoded: DecoderOutput) -> Tensor:
        log_probs = decoder.log_probs(decoded, memory)  # (B, T, V + X)
        log_probs[:, :, list(forbidden)] = -torch.inf
        if config.choose == "argmax":
            return log_probs.argmax(2)
        drawn = torch.multinomial(log_probs.exp().flatten(0, 1), 1)
        return drawn.view(log_probs.shape[:2])

    if config.mode == "sequential":
        return _one_by_one(decoder, gold, memory, state, own_tokens, ratio)
    mixed = gold
    for _ in range(config.passes):
        with torch.no_grad():
            own = own_tokens(read(decoder, mixed, memory, state, target.lengths))
        # Some versions of torch keep what autocast has cast here, without a gradient (pytorch/pytorch#112583).
        torch.clear_autocast_cache()
        mixed = _mix(gold, shifted(own, bos_id), ratio)
    return read(decoder, mixed, memory, state, target.lengths)


def read(
    decoder: Decoder, ids: Tensor, memory: Memory, state: State, lengths: Tensor
) -> DecoderOutput:
    """Decode after given inputs: ids (B, T), the first the beginning of text; of use up to lengths (B,)."""
    vectors = decoder.embedding(Tokens.unpadded(decoder.readable(ids)))  # (B, T, D)
    decoded: DecoderOutput = decoder(vectors, memory, state, lengths)
    return decoded


def shifted(ids: Tensor, bos_id: int) -> Tensor:
    """What is read to predict ids (B, T): the beginning of text, then all of them but the last."""
    return torch.cat([torch.full_like(ids[:, :1], bos_id), ids[:, :-1]], dim=1)


def _one_by_one(
    decoder: Decoder,
    gold: Tensor,
    memory: Memory,
    state: State,
    own_tokens: Callable[[DecoderOutput], Tensor],
    ratio: float,
) -> DecoderOutput:
    steps: list[DecoderOutput] = []
    ids = gold[:, 0]
    for following in [*gold.unbind(1)[1:], None]:
        vectors = decoder.embedding(Tokens.unpadded(decoder.readable(ids).unsqueeze(1)))
        steps.append(decoder.read_one(vectors.squeeze(1), memory, state))
        state = steps[-1].state
        if following is not None:
            with torch.no_grad():
                own = own_tokens(steps[-1]).squeeze(1)
            ids = torch.where(_coins(own, ratio), following, own)
    return joined(steps)


def _mix(gold: Tensor, own: Tensor, ratio: float) -> Tensor:
    """A coin for every token but the beginning of text."""
    mixed = torch.where(_coins(gold, ratio), gold, own)
    return torch.cat([gold[:, :1], mixed[:, 1:]], dim=1)


def _coins(like: Tensor, ratio: float) -> Tensor:
    """True, for gold, with probability `ratio`: one for each token."""
    return torch.rand(like.shape, device=like.device) < ratio
