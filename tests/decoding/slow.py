"""Tiny random models, and the searches in plain Python: one sentence, lists, tensors only in the model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.decoding import BeamOptions, Hypothesis
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.layers.transformer_decoder import TransformerDecoderStack
from nlpseq.models.decoder import Memory
from nlpseq.models.transformer_decoder import TransformerDecoder
from nlpseq.types import EncoderOutput, State, Step, StepFunction

EOS = 0
PENALTIES = [("none", 0.6), ("average", 0.6), ("wu", 0.6), ("wu", 2.0)]
SIZE = 5


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def random_network(vocab: int, seed: int, sharpness: float = 3.0) -> StepFunction:
    """Build a tiny random recurrent network in float64, whose output depends on the whole history.

    Given a memory of row counts (N,), vectors (N, S, 5) and their mask (N, S), it attends to those too.
    """
    embedding, recurrent, output = (
        normal(*shape, seed=seed + place)
        for place, shape in enumerate([(vocab, SIZE), (SIZE, SIZE), (SIZE, vocab)])
    )

    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        hidden = torch.tanh(embedding[ids] + state[0][:, 0] @ recurrent)
        context, weights = torch.zeros_like(hidden), None
        if memory:
            counts, *parts = memory
            assert int(counts.sum()) == len(ids)
            vectors, mask = (part.repeat_interleave(counts, dim=0) for part in parts)
            scores = torch.einsum("rh,rsh->rs", 2 * hidden, vectors).masked_fill(~mask, -math.inf)
            weights = scores.softmax(dim=1)
            context = torch.einsum("rs,rsh->rh", weights, vectors)
        log_probs = (sharpness * (hidden + context) @ output).log_softmax(dim=1)
        return Step(log_probs, (hidden.unsqueeze(1),), weights)

    return step


def small_transformer(
    vocab: int, lengths: list[int], seed: int
) -> tuple[StepFunction, Tensor, State, State]:
    """Build a Transformer decoder in float64, and for sources of these lengths: ids, state and memory."""
    torch.manual_seed(seed)
    embedding = Embedding(TokenEmbedding(vocab, 8, pad_id=EOS, unk_id=1))
    layers = TransformerDecoderStack(8, 8, SIZE, num_heads=2, feedforward_size=12)
    decoder = TransformerDecoder(embedding, layers, SoftmaxLayer(8, vocab)).double().eval()
    for parameter in decoder.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    _, vectors, mask = sources(lengths, seed)
    source = Tokens(mask.long(), mask.sum(1))
    memory, state = decoder.start(EncoderOutput(vectors, ()), source)

    @torch.no_grad()
    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        return decoder.step(decoder.lookup(ids), Memory.of(*memory), state)

    return step, torch.arange(len(lengths)) % vocab, state, memory.parts


def starts(rows: int, vocab: int) -> tuple[Tensor, State]:
    return torch.arange(rows) % vocab, (normal(rows, 1, SIZE, seed=rows),)


def sources(lengths: list[int], seed: int) -> State:
    """Draw the memory of a batch: rows (N,), vectors (N, S, 5) with garbage in the padding, mask (N, S)."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.ones(len(mask), dtype=torch.long), normal(*mask.shape, SIZE, seed=seed), mask


@dataclass(frozen=True)
class Sentence:
    """The input of one sentence, and its constraints."""

    ids: Tensor  # (1,)
    state: State
    memory: State
    vocab: int
    max_length: int
    min_length: int = 0
    prefix: tuple[int, ...] = ()
    forbidden: tuple[int, ...] = ()
    no_repeat_ngram: int = 0
    eos: int | None = EOS

    def allowed(self, history: list[int]) -> list[int]:
        """Return the tokens that may follow, by the definitions of the options."""
        if len(history) < len(self.prefix):
            return [self.prefix[len(history)]]
        allowed = [token for token in range(self.vocab) if token not in self.forbidden]
        if len(history) + 1 < self.min_length:
            allowed = [token for token in allowed if token != self.eos]
        allowed = [token for token in allowed if not self.repeats([*history, token])]
        if not allowed and self.eos is not None:
            return [self.eos]
        return allowed or [token for token in range(self.vocab) if token not in self.forbidden]

    def repeats(self, tokens: list[int]) -> bool:
        """Return whether the last n-gram occurs earlier."""
        n = self.no_repeat_ngram
        earlier = [tokens[start : start + n] for start in range(len(tokens) - n)]
        return n > 0 and tokens[-n:] in earlier


@dataclass(frozen=True)
class _Path:
    """A hypothesis and the model's state after it."""

    tokens: list[int]
    log_prob: float
    state: State
    last: Tensor
    attended: list[float]

    def score(self, options: BeamOptions) -> float:
        """Return the score of the hypothesis if it ended here."""
        penalty = sum(math.log(min(one, 1.0)) for one in self.attended)
        return options.score(self.log_prob, len(self.tokens)) + options.coverage_penalty * penalty

    def hypothesis(self, options: BeamOptions, eos: int | None) -> Hypothesis:
        ids = [token for token in self.tokens if token != eos]
        return Hypothesis(ids, self.log_prob, self.score(options))


def _next(step: StepFunction, sentence: Sentence, path: _Path) -> Iterator[_Path]:
    log_probs, state, weights = step(path.last, path.state, *sentence.memory)
    attended = [0.0] * len(path.attended) if weights is None else weights[0].tolist()
    attended = [old + new for old, new in zip(path.attended, attended, strict=True)]
    for token in sentence.allowed(path.tokens):
        log_prob = path.log_prob + float(log_probs[0, token])
        yield _Path([*path.tokens, token], log_prob, state, torch.tensor([token]), attended)


def _first(sentence: Sentence) -> _Path:
    length = sentence.memory[1].shape[1] if sentence.memory else 0
    return _Path([], 0.0, sentence.state, sentence.ids, [0.0] * length)


def _ended(path: _Path, sentence: Sentence) -> bool:
    return path.tokens[-1] == sentence.eos or len(path.tokens) == sentence.max_length


def every_hypothesis(
    step: StepFunction, sentence: Sentence, options: BeamOptions
) -> list[Hypothesis]:
    """Return all continuations that end with EOS or at the maximum length, the best first."""
    found, open_paths = [], [_first(sentence)]
    while open_paths:
        grown = [each for path in open_paths for each in _next(step, sentence, path)]
        found += [path for path in grown if _ended(path, sentence)]
        open_paths = [path for path in grown if not _ended(path, sentence)]
    hypotheses = [path.hypothesis(options, sentence.eos) for path in found]
    return sorted(hypotheses, key=lambda h: -h.score)


def slow_search(step: StepFunction, sentence: Sentence, options: BeamOptions) -> list[Hypothesis]:
    """Run beam search until the beam is empty, or until the heuristic stops it if that is set."""
    live, finished = [_first(sentence)], list[Hypothesis]()
    while live:
        grown = [each for path in live for each in _next(step, sentence, path)]
        grown.sort(key=lambda path: -path.log_prob)
        grown = grown[: options.beam_size - len(finished)]
        live = [path for path in grown if not _ended(path, sentence)]
        finished += [
            path.hypothesis(options, sentence.eos) for path in grown if _ended(path, sentence)
        ]
        finished.sort(key=lambda h: -h.score)
        if options.early_stopping == "heuristic" and live and len(finished) >= options.num_return:
            best_alive = max(path.score(options) for path in live)
            if finished[options.num_return - 1].score >= best_alive:
                break
    return finished[: options.num_return]


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [h.ids for h in found] == [h.ids for h in expected]
    for mine, other in zip(found, expected, strict=True):
        assert mine.log_prob == pytest.approx(other.log_prob, abs=1e-10)
        assert mine.score == pytest.approx(other.score, abs=1e-10)
