"""A decoder run over given outputs, and as the step function of a search."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.data.batching import collate
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory
from nlpseq.types import State, Step, StepFunction


def step_function(decoder: Decoder) -> StepFunction:
    """Return a decoder as the step function of every search; its memory is a plain tuple there."""

    def step(ids: Tensor, state: State, *memory: Tensor) -> Step:
        return decoder.step(decoder.lookup(ids), Memory.of(*memory), state)

    return step


def shift_right(ids: Tensor, bos_id: int) -> Tensor:
    """Return the inputs that predict ids (B, T): the beginning of text, then all ids but the last."""
    return torch.cat([torch.full_like(ids[:, :1], bos_id), ids[:, :-1]], dim=1)


def run_decoder(
    decoder: Decoder, ids: Tensor, memory: Memory, state: State, lengths: Tensor
) -> DecoderOutput:
    """Decode after given inputs, of which the first is the beginning of text.

    Args:
        decoder: decoder to run.
        ids: (B, T) inputs.
        memory: memory of B sentences.
        state: first state.
        lengths: (B,) steps of each row whose outputs are used.
    """
    vectors = decoder.embedding(Tokens.unpadded(decoder.readable(ids)))  # (B, T, D)
    decoded: DecoderOutput = decoder(vectors, memory, state, lengths)
    return decoded


def append_eos(outputs: Sequence[list[int]], limits: Sequence[int], eos_id: int) -> list[list[int]]:
    """Append the end to each output of a search that did not stop at its greatest length."""
    return [ids + [eos_id] * (len(ids) < limit) for ids, limit in zip(outputs, limits, strict=True)]


def log_probability(
    decoder: Decoder,
    memory: Memory,
    state: State,
    outputs: Sequence[Sequence[int]],
    *,
    bos_id: int,
    pad_id: int,
) -> Tensor:
    """Return the log-probability (B,) of each output: the sum over its tokens; differentiable."""
    target = collate(outputs, pad_id).to(memory.mask.device)
    decoded = run_decoder(decoder, shift_right(target.ids, bos_id), memory, state, target.lengths)
    nll = decoder.nll(decoded, memory, target.ids)  # (B, T)
    return -(nll if target.mask is None else nll.masked_fill(~target.mask, 0)).sum(1)


def forbidden_ids(target: Tokenizer, copying: bool) -> tuple[int, ...]:
    """Return the ids that no output contains; unknown words are allowed only if tokens are words."""
    forbidden = {target.pad_id, target.bos_id}
    if copying or target.kind != "word":
        forbidden.add(target.unk_id)
    return tuple(sorted(forbidden - {target.eos_id}))
