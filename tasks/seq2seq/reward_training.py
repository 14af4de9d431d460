"""Training by a reward of whole outputs, after the likelihood stage.

The reward of an output y against the reference is its sentence BLEU or ROUGE-L, in [0, 1], over the model's
own tokens; the end of an output is one of them, or a text that breaks off would lose nothing.

self_critical   loss = -(r(y) - r(y')) log p(y), y drawn from the model, y' its greedy output: what beats
                the model at its own test becomes likelier.  Rennie et al. (2017), equation 7
minimum_risk    loss = sum over candidates of q(y) (1 - r(y)), q(y) = p(y)^a / sum of p^a over them:
                the expected error over a few drawn outputs and the reference.  Shen et al. (2016), eq. 11, 12

To either the nll of the reference is added with a small weight, which keeps outputs fluent.  Wu et al. (2016),
equation 9. All of these are sums over sentences.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.data.batching import collate
from nlpseq.decoding import SamplingOptions, generate
from nlpseq.metrics.rewards import rouge_l, sentence_bleu
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.recipe import Count, Positive, Section
from nlpseq.types import State, Step, StepFunction

from .scheduled_sampling import read, shifted

Reward = Callable[[Sequence[int], Sequence[int]], float]
REWARDS: dict[str, Reward] = {"bleu": sentence_bleu, "rouge_l": rouge_l}


class ObjectiveConfig(Section):
    """What training minimises."""

    kind: Literal["likelihood", "self_critical", "minimum_risk"] = "likelihood"
    reward: Literal["bleu", "rouge_l"] = Field("bleu", description="of whole outputs")
    samples: Count = Field(5, description="minimum_risk: outputs drawn for each source")
    sharpness: Positive = Field(0.05, description="minimum_risk: the exponent a of p(y)")
    likelihood_weight: Annotated[float, Field(ge=0)] = Field(
        0.017, description="of a target's nll beside a reward (Wu et al. 2016, section 5)"
    )
    coverage_weight: Annotated[float, Field(ge=0)] = Field(
        0.0, description="of attending again to what was attended to (See et al. 2017, eq. 13)"
    )
    init_from: str | None = Field(None, description="run of this task whose weights to start from")


def closure(decoder: Decoder) -> StepFunction:
    """A decoder as a search in `nlpseq.decoding` knows it; the memory is a plain tuple there."""

    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        return decoder.step(decoder.lookup(ids), Memory.of(*memory), state)

    return step


def log_probability(
    decoder: Decoder,
    memory: Memory,
    state: State,
    outputs: Sequence[Sequence[int]],
    *,
    bos_id: int,
    pad_id: int,
) -> Tensor:
    """Of given outputs, (B,): the sum of their tokens' log-probabilities; it can be differentiated."""
    target = collate(outputs, pad_id).to(memory.mask.device)
    decoded = read(decoder, shifted(target.ids, bos_id), memory, state, target.lengths)
    nll = decoder.nll(decoded, memory, target.ids)  # (B, T)
    return -(nll if target.mask is None else nll.masked_fill(~target.mask, 0)).sum(1)


def ended(outputs: Sequence[list[int]], limits: Sequence[int], eos_id: int) -> list[list[int]]:
    """Outputs of a search with the end that each of them has, unless it stopped at its greatest length."""
    return [ids + [eos_id] * (len(ids) < limit) for ids, limit in zip(outputs, limits, strict=True)]


@contextmanager
def as_at_test(model: nn.Module) -> Iterator[None]:
    """A model that is being trained, as it is at test: no dropout, no gradient."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def reward_loss(
    decoder: Decoder,
    memory: Memory,
    state: State,
    target: Tokens,
    config: ObjectiveConfig,
    *,
    at_test: tuple[Memory, State],
    bos_id: int,
    eos_id: int,
    pad_id: int,
    forbidden: Sequence[int],
    max_length: int,
) -> Tensor:
    """The objective's sum over B sentences.

    Outputs are drawn from the model as it is at test, without dropout; their probabilities, which have the
    gradient, are taken with it.

    Args:
        decoder: to be trained.
        memory: of B sentences, with their gradient.
        state: the first.
        target: references (B, T).
        config: the objective.
        at_test: memory and first state without dropout.
        bos_id: what is read before the first token.
        eos_id: ends an output.
        pad_id: stands behind it.
        forbidden: ids that no output is made of.
        max_length: of an output.
    """
    gold = [row[:length] for row, length in _rows(target)]
    reward = REWARDS[config.reward]
    seen, first = at_test

    def outputs(greedy: bool) -> list[list[int]]:
        options = SamplingOptions(greedy=greedy, max_new_tokens=max_length)
        start = torch.full_like(target.lengths, bos_id)
        with as_at_test(decoder):
            found = generate(
                closure(decoder),
                start,
                first,
                options,
                eos_id=eos_id,
                forbidden=forbidden,
                memory=seen.parts,
            )
        return ended(found, [max_length] * len(found), eos_id)

    def rewards(found: Sequence[Sequence[int]]) -> Tensor:
        pairs = zip(found, gold, strict=True)
        return torch.tensor([reward(one, other) for one, other in pairs], device=target.ids.device)

    def score(found: Sequence[Sequence[int]]) -> Tensor:
        return log_probability(decoder, memory, state, found, bos_id=bos_id, pad_id=pad_id)

    if config.kind == "self_critical":
        sampled = outputs(greedy=False)
        advantage = rewards(sampled) - rewards(outputs(greedy=True))
        return -(advantage * score(sampled)).sum()
    candidates = [gold, *(outputs(greedy=False) for _ in range(config.samples))]
    log_probs = torch.stack([score(one) for one in candidates], dim=1)  # (B, C)
    risks = 1 - torch.stack([rewards(one) for one in candidates], dim=1)
    repeated = torch.tensor(_repeated(candidates), device=log_probs.device)  # (B, C)
    scores = (config.sharpness * log_probs).masked_fill(repeated, -torch.inf)
    return (scores.softmax(dim=1) * risks).sum()


def attended_again(weights: Tensor, mask: Tensor | None) -> Tensor:
    """The coverage loss, summed: sum of min(a_t, sum of a before t).  See et al. (2017), equation 12."""
    before = weights.cumsum(dim=1) - weights  # (B, T, S)
    again = torch.minimum(weights, before).sum(dim=2)
    return (again if mask is None else again[mask]).sum()


def _rows(target: Tokens) -> list[tuple[list[int], int]]:
    return list(zip(target.ids.tolist(), target.lengths.tolist(), strict=True))


def _repeated(candidates: Sequence[Sequence[Sequence[int]]]) -> list[list[bool]]:
    """For each sentence, which of its candidates stand before already."""
    found = []
    for row in zip(*candidates, strict=True):
        seen: set[tuple[int, ...]] = set()
        marks = []
        for one in map(tuple, row):
            marks.append(one in seen)
            seen.add(one)
        found.append(marks)
    return found
