"""The outputs of sources that are ready as features: by greedy search, sampling or beam search.

A search keeps nothing for a gradient, so twice as many sources as in training fit into a batch. That pays: the
products of a step are faster the more rows they have, and the last steps of a batch, in which few hypotheses are
still live, are shared by more sources.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nlpseq.data.batching import bucket_batches, collate
from nlpseq.data.features import Features
from nlpseq.decoding import Hypothesis, beam_search, generate
from nlpseq.models.decoder import Memory
from nlpseq.recipe import TrainingConfig
from nlpseq.types import State, select

from ..base.decoding_config import beam_options, sampling_options
from .decoding import append_eos, log_probability, run_decoder, shift_right, step_function
from .model import Seq2SeqModel
from .pairs import Pair, PairReader
from .recipe import TextDecodingConfig

STEP_ELEMENTS = 10 * 2**20
"""Most log-probabilities of a step for which two training batches are searched together: 40 MB of float32."""

NO_HYPOTHESIS = Hypothesis([], math.nan, math.nan)
ROUNDING = 1e-6  # a ratio of 0.29 is a little less in binary, and 29 of 100 tokens are meant


class Output(NamedTuple):
    """A text generated for a source, its ids, its log-probability in nats, and the score that ranks it."""

    text: str
    ids: list[int]
    log_prob: float
    score: float


class EncodedSources(NamedTuple):
    """Encoded sources: what the decoder attends to, its first state, and the length of each source."""

    memory: Memory
    state: State
    lengths: list[int]


class OutputSearch:
    """Searches for the outputs of sources, without gradients.

    Args:
        pairs: knows the tokens of both sides.
        forbidden: ids that no output contains.
        model: trained model in evaluation mode, on `device`.
        device: where to run.
    """

    def __init__(
        self,
        pairs: PairReader,
        forbidden: Sequence[int],
        model: Seq2SeqModel,
        device: torch.device,
    ) -> None:
        self.pairs = pairs
        self.target = pairs.target
        self.forbidden = tuple(forbidden)
        self.model = model
        self.device = device

    @torch.no_grad()
    def encode(self, features: Sequence[Features], pairs: Sequence[Pair]) -> EncodedSources:
        """Encode sources, of which none is empty."""
        source, _ = self.pairs.collate(features, pairs)
        source = source.to(self.device)
        memory, state = self.model.head.start(self.model.encode(source), source)
        return EncodedSources(memory, state, source.lengths.tolist())

    @torch.no_grad()
    def nll(self, sources: EncodedSources, pairs: Sequence[Pair]) -> list[float]:
        """Return the nll of each target, its end included, in nats."""
        log_probs = self._log_probs([pair.ids for pair in pairs], sources)
        return [-log_prob for log_prob in log_probs]

    @torch.no_grad()
    def search(
        self,
        sources: EncodedSources,
        pairs: Sequence[Pair],
        config: TextDecodingConfig,
        *,
        prefix: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> list[list[Output]]:
        """Return outputs of each source, the best first.

        Args:
            sources: encoded sources.
            pairs: the pair of each source.
            config: how to search.
            prefix: ids with which every output begins.
            generator: makes samples repeatable.
        """
        hypotheses = self._hypotheses(sources, config, prefix, generator)
        if config.replace_unknown:
            return self._replace_unknown(hypotheses, pairs, sources, config)
        return [
            [_output(hypothesis, self.pairs.decode(hypothesis.ids, pair)) for hypothesis in row]
            for row, pair in zip(hypotheses, pairs, strict=True)
        ]

    @torch.no_grad()
    def attention(
        self, sources: EncodedSources, outputs: Sequence[list[int]], config: TextDecodingConfig
    ) -> list[Tensor]:
        """Return the attention weights (T, S) of each output; its end is the last row if it has one."""
        target = collate(self._with_ends(outputs, sources, config), self.target.pad_id)
        target = target.to(self.device)
        ids = shift_right(target.ids, self.target.bos_id)
        memory, state, source_lengths = sources
        decoded = run_decoder(self.model.head, ids, memory, state, target.lengths)
        weights = decoded.weights.cpu()  # (B, T, S)
        sizes = zip(target.lengths.tolist(), source_lengths, strict=True)
        return [weights[row, :length, :width] for row, (length, width) in enumerate(sizes)]

    def _with_ends(
        self, outputs: Sequence[list[int]], sources: EncodedSources, config: TextDecodingConfig
    ) -> list[list[int]]:
        """Append the end to outputs that did not stop at their greatest length."""
        limits = [length_limits(config, length)[1] for length in sources.lengths]
        return append_eos(outputs, limits, self.target.eos_id)

    def _hypotheses(
        self,
        sources: EncodedSources,
        config: TextDecodingConfig,
        prefix: Sequence[int],
        generator: torch.Generator | None,
    ) -> list[list[Hypothesis]]:
        """Search; if the model's probabilities are nan, the only hypothesis is `NO_HYPOTHESIS`."""
        memory, state, lengths = sources
        limits = [length_limits(config, length) for length in lengths]
        ids = torch.full((len(lengths),), self.target.bos_id, device=self.device)
        step = step_function(self.model.head)
        constraints: dict[str, Any] = {
            "eos_id": self.target.eos_id,
            "forbidden": self.forbidden,
            "memory": memory.parts,
            "min_lengths": [shortest for shortest, _ in limits],
            "max_lengths": [longest for _, longest in limits],
            "prefix": [prefix] * len(lengths) if prefix else None,
        }
        if config.method == "beam":
            mask = memory.mask if config.coverage_penalty else None
            options = beam_options(config, config.num_return)
            beams = beam_search(step, ids, state, options, source_mask=mask, **constraints)
            return [beam or [NO_HYPOTHESIS] for beam in beams]
        outputs = generate(
            step, ids, state, sampling_options(config), generator=generator, **constraints
        )
        log_probs = self._log_probs(self._with_ends(outputs, sources, config), sources)
        return [
            [NO_HYPOTHESIS if math.isnan(log_prob) else Hypothesis(output, log_prob, log_prob)]
            for output, log_prob in zip(outputs, log_probs, strict=True)
        ]

    def _log_probs(self, outputs: Sequence[Sequence[int]], sources: EncodedSources) -> list[float]:
        ids = {"bos_id": self.target.bos_id, "pad_id": self.target.pad_id}
        memory, state, _ = sources
        return log_probability(self.model.head, memory, state, outputs, **ids).tolist()

    def _replace_unknown(
        self,
        hypotheses: Sequence[Sequence[Hypothesis]],
        pairs: Sequence[Pair],
        sources: EncodedSources,
        config: TextDecodingConfig,
    ) -> list[list[Output]]:
        """Decode hypotheses; an unknown token becomes the source word that it attends to most."""
        results: list[list[Output]] = [[] for _ in hypotheses]
        unk_id, size = self.target.unk_id, self.pairs.vocab_size
        for rank in range(max(map(len, hypotheses))):
            rows = [row for row, ranked in enumerate(hypotheses) if rank < len(ranked)]
            outputs = [hypotheses[row][rank].ids for row in rows]
            weights = self.attention(self._select(sources, rows), outputs, config)
            for row, weight in zip(rows, weights, strict=True):
                hypothesis, most_attended = hypotheses[row][rank], weight.argmax(1).tolist()
                ids = [
                    size + most_attended[position] if token_id == unk_id else token_id
                    for position, token_id in enumerate(hypothesis.ids)
                ]
                pair = replace(pairs[row], words=self.pairs.source_tokens(pairs[row]))
                results[row].append(_output(hypothesis, self.pairs.decode(ids, pair)))
        return results

    def _select(self, sources: EncodedSources, rows: Sequence[int]) -> EncodedSources:
        kept = torch.tensor(rows, device=self.device)
        lengths = [sources.lengths[row] for row in rows]
        return EncodedSources(sources.memory.select(kept), select(sources.state, kept), lengths)


def _output(hypothesis: Hypothesis, text: str) -> Output:
    return Output(text, hypothesis.ids, hypothesis.log_prob, hypothesis.score)


def search_batches(
    lengths: Sequence[int],
    targets: Sequence[int] | None,
    config: TextDecodingConfig,
    training: TrainingConfig,
    vocab_size: int,
) -> list[list[int]]:
    """Group sources of similar length that are searched together; each is in one batch.

    Args:
        lengths: number of tokens of each source.
        targets: number of tokens of each target, if known.
        config: how to search.
        training: its batches are known to fit into memory.
        vocab_size: V.

    Returns:
        the indices of the sources of each batch.
    """
    size, tokens = config.batch_size, 0
    if not size:
        rows = config.beam_size if config.method == "beam" else 1  # of each source
        fitting = STEP_ELEMENTS // (vocab_size * rows)
        size = max(training.batch_size, min(2 * training.batch_size, fitting))
        tokens = training.batch_tokens
    return bucket_batches(
        lengths, targets=targets, batch_size=size, batch_tokens=tokens, shuffle=False
    )


def length_limits(config: TextDecodingConfig, length: int) -> tuple[int, int]:
    """Return the fewest and most tokens of an output, its end included, for a source of `length` tokens."""
    shortest = math.floor(config.min_length_ratio * length + ROUNDING)
    longest = config.max_new_tokens
    if config.max_length_ratio:
        longest = min(longest, math.ceil(config.max_length_ratio * length - ROUNDING))
    return max(config.min_new_tokens, shortest), max(1, longest)
