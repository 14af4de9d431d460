"""Training by a reward of whole outputs, after the likelihood stage.

The reward r(y) of an output y is its sentence BLEU or ROUGE-L against the reference, in [0, 1], over the model's
own tokens. The end of an output is one of them, or an output that breaks off would lose nothing.

self_critical   loss = -(r(y) - r(y')) log p(y), y drawn from the model, y' its greedy output: an output
                that is better than the greedy one becomes likelier.  Rennie et al. (2017), equation 7
minimum_risk    loss = sum over candidates of q(y) (1 - r(y)), q(y) = p(y)^a / sum of p^a over them:
                the expected error over a few drawn outputs and the reference.  Shen et al. (2016), eq. 11, 12

The nll of the reference is added with a small weight, which keeps outputs fluent.  Wu et al. (2016), equation 9.
All of these are sums over sentences.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.decoding import SamplingOptions, generate
from nlpseq.metrics.rewards import rouge_l, sentence_bleu
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.types import State

from .decoding import append_eos, log_probability, step_function
from .recipe import ObjectiveConfig

Reward = Callable[[Sequence[int], Sequence[int]], float]
Outputs = list[list[int]]
REWARDS: dict[str, Reward] = {"bleu": sentence_bleu, "rouge_l": rouge_l}


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a model that is being trained into evaluation mode for a while, without gradients."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


@dataclass(frozen=True)
class RewardObjective:
    """The loss of self-critical or minimum-risk training.

    Outputs are drawn from the model in evaluation mode, without dropout; their probabilities, which have the
    gradient, are computed with it.

    Attributes:
        config: objective of the recipe.
        tokenizer: tokenizer of targets.
        forbidden: ids that no output contains.
        max_length: greatest length of an output.
    """

    config: ObjectiveConfig
    tokenizer: Tokenizer
    forbidden: Sequence[int]
    max_length: int

    def loss(
        self,
        decoder: Decoder,
        memory: Memory,
        state: State,
        target: Tokens,
        *,
        at_test: tuple[Memory, State],
    ) -> Tensor:
        """Return the sum of the loss over B sentences.

        Args:
            decoder: decoder to train.
            memory: memory of B sentences, with gradient.
            state: first state.
            target: references (B, T).
            at_test: memory and first state in evaluation mode.
        """
        lengths = target.lengths.tolist()
        gold = [ids[:n] for ids, n in zip(target.ids.tolist(), lengths, strict=True)]
        if self.config.kind == "self_critical":
            sampled = self._draw_outputs(decoder, at_test, greedy=False)
            greedy = self._draw_outputs(decoder, at_test, greedy=True)
            advantages = self._rewards(sampled, gold) - self._rewards(greedy, gold)
            log_probs = self._log_probs(decoder, memory, state, sampled)
            return -(advantages.to(log_probs.device) * log_probs).sum()
        drawn = [
            self._draw_outputs(decoder, at_test, greedy=False) for _ in range(self.config.samples)
        ]
        candidates = [gold, *drawn]
        log_probs = torch.stack(
            [self._log_probs(decoder, memory, state, outputs) for outputs in candidates], dim=1
        )  # (B, C)
        rewards = torch.stack([self._rewards(outputs, gold) for outputs in candidates], dim=1)
        repeated = torch.tensor(_mark_repeated(candidates), device=log_probs.device)  # (B, C)
        scores = (self.config.sharpness * log_probs).masked_fill(repeated, -torch.inf)
        return (scores.softmax(dim=1) * (1 - rewards.to(log_probs.device))).sum()

    def _draw_outputs(
        self, decoder: Decoder, at_test: tuple[Memory, State], greedy: bool
    ) -> Outputs:
        """Generate an output for each sentence, by sampling or by greedy search."""
        memory, state = at_test
        options = SamplingOptions(greedy=greedy, max_new_tokens=self.max_length)
        start = torch.full_like(memory.counts, self.tokenizer.bos_id)
        with evaluation_mode(decoder):
            outputs = generate(
                step_function(decoder),
                start,
                state,
                options,
                eos_id=self.tokenizer.eos_id,
                forbidden=self.forbidden,
                memory=memory.parts,
            )
        return append_eos(outputs, [self.max_length] * len(outputs), self.tokenizer.eos_id)

    def _rewards(self, outputs: Outputs, gold: Outputs) -> Tensor:
        """Return the reward (B,) of each output."""
        reward = REWARDS[self.config.reward]
        return torch.tensor([reward(*pair) for pair in zip(outputs, gold, strict=True)])

    def _log_probs(
        self, decoder: Decoder, memory: Memory, state: State, outputs: Outputs
    ) -> Tensor:
        ids = {"bos_id": self.tokenizer.bos_id, "pad_id": self.tokenizer.pad_id}
        return log_probability(decoder, memory, state, outputs, **ids)


def _mark_repeated(candidates: Sequence[Outputs]) -> list[list[bool]]:
    """Mark, for each sentence, the candidates that are equal to an earlier one."""
    marks: list[list[bool]] = []
    for outputs in zip(*candidates, strict=True):
        seen: set[tuple[int, ...]] = set()
        marks.append([])
        for output in map(tuple, outputs):
            marks[-1].append(output in seen)
            seen.add(output)
    return marks
