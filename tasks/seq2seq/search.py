"""The outputs of sources that are ready as features: greedy, sampled, or by beam search.

A search keeps nothing for a gradient, so twice as many sources as in training fit into a batch. That pays: a
step's products are faster the more rows they have, and the last steps of a batch, in which few hypotheses still
live, are shared by more sources.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from nlpseq.data.batching import bucket_batches, collate
from nlpseq.data.features import Features
from nlpseq.decoding import BeamOptions, Hypothesis, beam_search, generate
from nlpseq.models.decoder import Decoder, Memory
from nlpseq.models.model import Model
from nlpseq.recipe import TrainingConfig
from nlpseq.types import State, select

from ..language_modeling.predictor import sampling_options
from .pairs import Pair
from .recipe import TextDecodingConfig
from .reward_training import closure, ended, log_probability
from .scheduled_sampling import read, shifted

if TYPE_CHECKING:
    from .task import Seq2Seq


STEP_ELEMENTS = 10 * 2**20
"""Log-probabilities of a step up to which two training batches are searched together: 40 MB of float32."""


NOTHING = Hypothesis([], math.nan, math.nan)
ROUNDING = 1e-6  # a ratio of 0.29 is a little less in binary, and 29 of 100 tokens are meant


class Output(NamedTuple):
    """A text that was found for a source, its log-probability in nats, and by what it was ranked."""

    text: str
    ids: list[int]
    log_prob: float
    score: float


class EncodedSources(NamedTuple):
    """Sources that were read: what is attended to, the first state, and how long each is."""

    memory: Memory
    state: State
    lengths: list[int]


class Translator:
    """Searches for the outputs of sources that are ready as features; no gradient.

    Args:
        task: knows both sides' tokens.
        model: on `device`, in evaluation mode.
        device: where to run.
    """

    def __init__(self, task: "Seq2Seq", model: Model[Decoder], device: torch.device) -> None:
        self.task = task
        self.model = model
        self.device = device

    @torch.no_grad()
    def start(self, features: Sequence[Features], pairs: Sequence[Pair]) -> EncodedSources:
        """Read sources, none of them empty."""
        source, _ = self.task.collate(features, pairs)
        source = source.to(self.device)
        memory, state = self.model.head.start(self.model.encode(source), source)
        return EncodedSources(memory, state, source.lengths.tolist())

    @torch.no_grad()
    def nll(self, started: EncodedSources, pairs: Sequence[Pair]) -> list[float]:
        """The nll of each target, its end included, in nats."""
        found = self._log_probs([pair.ids for pair in pairs], started.memory, started.state)
        return [-log_prob for log_prob in found]

    @torch.no_grad()
    def search(
        self,
        started: EncodedSources,
        pairs: Sequence[Pair],
        config: TextDecodingConfig,
        *,
        prefix: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> list[list[Output]]:
        """Outputs of each source, the best first.

        Args:
            started: sources that were read.
            pairs: what belongs to each.
            config: how to search.
            prefix: ids with which every output is to begin.
            generator: makes samples repeatable.
        """
        found = self._hypotheses(started, config, prefix, generator)
        if config.replace_unknown:
            return self._with_words(found, pairs, started, config)
        return [
            [self._output(one, self.task.pairs.spell(one.ids, pair)) for one in hypotheses]
            for hypotheses, pair in zip(found, pairs, strict=True)
        ]

    @torch.no_grad()
    def attention(
        self, started: EncodedSources, outputs: Sequence[list[int]], config: TextDecodingConfig
    ) -> list[Tensor]:
        """What each output attended to: for each a matrix (its tokens and its end if it has one, source tokens)."""
        target = collate(self._whole(outputs, started, config), self.task.target.pad_id)
        target = target.to(self.device)
        ids = shifted(target.ids, self.task.target.bos_id)
        decoded = read(self.model.head, ids, started.memory, started.state, target.lengths)
        weights = decoded.weights.cpu()  # (B, T, S)
        sizes = zip(target.lengths.tolist(), started.lengths, strict=True)
        return [weights[row, :made, :given] for row, (made, given) in enumerate(sizes)]

    def _whole(
        self, outputs: Sequence[list[int]], started: EncodedSources, config: TextDecodingConfig
    ) -> list[list[int]]:
        """Outputs with the ends that they have."""
        limits = [length_limits(config, length)[1] for length in started.lengths]
        return ended(outputs, limits, self.task.target.eos_id)

    def _hypotheses(
        self,
        started: EncodedSources,
        config: TextDecodingConfig,
        prefix: Sequence[int],
        generator: torch.Generator | None,
    ) -> list[list[Hypothesis]]:
        """What a search finds; of a model whose probabilities are no numbers an empty output without one."""
        target, (memory, state, lengths) = self.task.target, started
        least, most = zip(*(length_limits(config, length) for length in lengths), strict=True)
        ids = torch.full((len(lengths),), target.bos_id, device=self.device)
        step = closure(self.model.head)
        limits: dict[str, Any] = {
            "eos_id": target.eos_id,
            "forbidden": self.task.forbidden,
            "memory": memory.parts,
            "min_lengths": least,
            "max_lengths": most,
            "prefix": [prefix] * len(lengths) if prefix else None,
        }
        if config.method == "beam":
            mask = memory.mask if config.coverage_penalty else None
            beams = beam_search(step, ids, state, _beam_options(config), source_mask=mask, **limits)
            return [beam or [NOTHING] for beam in beams]
        found = generate(step, ids, state, sampling_options(config), generator=generator, **limits)
        log_probs = self._log_probs(self._whole(found, started, config), memory, state)
        return [
            [NOTHING if math.isnan(log_prob) else Hypothesis(one, log_prob, log_prob)]
            for one, log_prob in zip(found, log_probs, strict=True)
        ]

    def _log_probs(
        self, outputs: Sequence[Sequence[int]], memory: Memory, state: State
    ) -> list[float]:
        target = self.task.target
        ids = {"bos_id": target.bos_id, "pad_id": target.pad_id}
        return log_probability(self.model.head, memory, state, outputs, **ids).tolist()

    def _with_words(
        self,
        found: Sequence[Sequence[Hypothesis]],
        pairs: Sequence[Pair],
        started: EncodedSources,
        config: TextDecodingConfig,
    ) -> list[list[Output]]:
        """Outputs in which an unknown token is the source's word that it attended to most."""
        results: list[list[Output]] = [[] for _ in found]
        unk_id, size = self.task.target.unk_id, self.task.target_size
        for place in range(max(map(len, found))):
            rows = [row for row, hypotheses in enumerate(found) if place < len(hypotheses)]
            kept = torch.tensor(rows, device=self.device)
            some = EncodedSources(
                started.memory.select(kept),
                select(started.state, kept),
                [started.lengths[row] for row in rows],
            )
            weights = self.attention(some, [found[row][place].ids for row in rows], config)
            for row, weight in zip(rows, weights, strict=True):
                one, best = found[row][place], weight.argmax(1).tolist()
                ids = [size + best[t] if id == unk_id else id for t, id in enumerate(one.ids)]
                pair = replace(pairs[row], words=self.task.pairs.spelt(pairs[row].source))
                results[row].append(self._output(one, self.task.pairs.spell(ids, pair)))
        return results

    @staticmethod
    def _output(hypothesis: Hypothesis, text: str) -> Output:
        return Output(text, hypothesis.ids, hypothesis.log_prob, hypothesis.score)


def search_batches(
    lengths: Sequence[int],
    targets: Sequence[int] | None,
    config: TextDecodingConfig,
    training: TrainingConfig,
    vocab_size: int,
) -> list[list[int]]:
    """Sources of like length that are searched together; each is in one batch.

    Args:
        lengths: tokens of each source.
        targets: tokens of its target, if that is known.
        config: how to search.
        training: whose batches are known to fit into memory.
        vocab_size: V.

    Returns:
        Places of sources, a list for each batch.
    """
    size, tokens = config.batch_size, 0
    if not size:
        rows = config.beam_size if config.method == "beam" else 1  # of a source
        room = STEP_ELEMENTS // (vocab_size * rows)
        size = max(training.batch_size, min(2 * training.batch_size, room))
        tokens = training.batch_tokens
    return bucket_batches(
        lengths, targets=targets, batch_size=size, batch_tokens=tokens, shuffle=False
    )


def _beam_options(config: TextDecodingConfig) -> BeamOptions:
    return BeamOptions(
        beam_size=config.beam_size,
        max_new_tokens=config.max_new_tokens,
        num_return=config.num_return,
        length_penalty=config.length_penalty,
        alpha=config.length_alpha,
        coverage_penalty=config.coverage_penalty,
        no_repeat_ngram=config.no_repeat_ngram,
        min_new_tokens=config.min_new_tokens,
        early_stopping=config.early_stopping,
    )


def length_limits(config: TextDecodingConfig, length: int) -> tuple[int, int]:
    """The fewest and the most tokens of an output, its end among them, for a source of so many tokens."""
    least = math.floor(config.min_length_ratio * length + ROUNDING)
    most = config.max_new_tokens
    if config.max_length_ratio:
        most = min(most, math.ceil(config.max_length_ratio * length - ROUNDING))
    return max(config.min_new_tokens, least), max(1, most)
