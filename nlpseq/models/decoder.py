"""The base class of decoders: from an encoded source and target vectors to the next token.

Recurrent and Transformer decoders differ in `start`, `forward` and `decode_step`. The rest is the same: a softmax
over the vocabulary and, with copying, the tokens of the source. `forward` on gold tokens equals repeated `step`. The
module keeps nothing of a batch: values of sentences are in the `Memory`, values of hypotheses in the state.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.types import EncoderOutput, SentenceRows, State, Step, select


class Memory(NamedTuple):
    """The memory that a decoder attends to: tensors with N sentences in dimension 0.

    Attributes:
        counts: (N,) rows of each sentence: hypotheses in a beam, otherwise 1.
        outputs: (N, S, M) outputs of the encoder.
        keys: (N, S, A) for each attention of the decoder.
        mask: (N, S) True at real tokens.
        copies: (N, S) each source token as an id of the target's vocabulary, V or more if it is not there.
        extras: (N, X), where X is the largest number of such ids in a sentence.
    """

    counts: Tensor
    outputs: Tensor
    keys: State
    mask: Tensor
    copies: Tensor
    extras: Tensor

    @property
    def parts(self) -> State:
        """Return the tensors as a plain tuple, the form in which a search passes them on."""
        return (self.counts, self.outputs, self.mask, self.copies, self.extras, *self.keys)

    @classmethod
    def of(
        cls,
        counts: Tensor,
        outputs: Tensor,
        mask: Tensor,
        copies: Tensor,
        extras: Tensor,
        *keys: Tensor,
    ) -> Self:
        """Build from the `parts`."""
        return cls(counts, outputs, keys, mask, copies, extras)

    def rows(self, total: int) -> SentenceRows:
        """Return the sentences of R = `total` rows."""
        return SentenceRows.of(self.counts, total)

    def select(self, rows: Tensor) -> "Memory":
        """Select or repeat sentences: `rows` (N',) are their indices."""
        return Memory.of(*select(self.parts, rows))


class DecoderOutput(NamedTuple):
    """The result of a decoder for target vectors.

    Attributes:
        outputs: (B, T, C), the input of the softmax layer.
        weights: (B, T, S) attention weights.
        gates: (B, T, 1) logits of generating a token instead of copying one; None without copying.
        state: the state after the last step.
    """

    outputs: Tensor
    weights: Tensor
    gates: Tensor | None
    state: State


def concatenate_steps(steps: Sequence[DecoderOutput]) -> DecoderOutput:
    """Join consecutive steps in time."""
    gates = [step.gates for step in steps if step.gates is not None]
    return DecoderOutput(
        torch.cat([step.outputs for step in steps], dim=1),
        torch.cat([step.weights for step in steps], dim=1),
        torch.cat(gates, dim=1) if gates else None,
        steps[-1].state,
    )


class Decoder(nn.Module):
    """From target vectors and a memory to distributions of the next token.

    Attributes:
        embedding: embedding of target tokens.
        softmax: output layer over the target's vocabulary.
        gate: layer for the logit of generating a token instead of copying one (See et al. 2017, section 2.2); None
            without copying.
    """

    embedding: Embedding
    softmax: SoftmaxLayer
    gate: nn.Linear | None

    def start(self, encoded: EncoderOutput, source: Tokens) -> tuple[Memory, State]:
        """Return the memory of N sentences, and the state before the first target token."""
        raise NotImplementedError

    def forward(
        self, inputs: Tensor, memory: Memory, state: State, lengths: Tensor | None = None
    ) -> DecoderOutput:
        """Decode whole targets.

        Args:
            inputs: (B, T, D) vectors of the tokens before the predicted ones; padding may follow, because later
                tokens change nothing.
            memory: memory of B sentences.
            state: state from `start`.
            lengths: (B,) length of each target, at least 1, if outputs after it are not used: they may then be
                zero, and so may the state of a row after the last step.
        """
        raise NotImplementedError

    def decode_step(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """Decode one token in each of R rows, see `step`; in the result B is R and T is 1."""
        raise NotImplementedError

    def remember(self, encoded: EncoderOutput, source: Tokens, keys: State) -> Memory:
        """Build the memory of an encoded source, with the keys of the decoder's attentions."""
        outputs, mask = encoded.outputs, source.mask
        if mask is None:
            mask = outputs.new_ones(outputs.shape[:2], dtype=torch.bool)
        copies = source.copies or CopySource(source.ids, source.ids[:, :0])
        counts = copies.ids.new_ones(copies.ids.size(0))
        return Memory(counts, outputs, keys, mask, copies.ids, copies.extras)

    def gates(self, *parts: Tensor) -> Tensor | None:
        """Return the logits (B, T, 1) of generating, in float32 at least, from vectors (B, T, ...)."""
        if self.gate is None:
            return None
        gates: Tensor = self.gate(torch.cat(parts, dim=2))
        return gates.to(torch.promote_types(gates.dtype, torch.float32))

    def step(self, inputs: Tensor, memory: Memory, state: State) -> Step:
        """Take one token of each hypothesis and return the distribution of the next.

        Args:
            inputs: (R, D) vectors; the hypotheses of a sentence are adjacent.
            memory: memory of N sentences, with the number of hypotheses of each.
            state: state of R hypotheses.

        Returns:
            log_probs (R, V + X), the next state, weights (R, S).
        """
        decoded = self.decode_step(inputs, memory, state)
        log_probs = self.log_probs(decoded, memory)
        return Step(log_probs.squeeze(1), decoded.state, decoded.weights.squeeze(1))

    def log_probs(self, decoded: DecoderOutput, memory: Memory) -> Tensor:
        """Return log-probabilities (B, T, V + X) of the next tokens; ids from V on are copies."""
        log_probs = self.softmax.log_probs(decoded.outputs)  # (B, T, V)
        if decoded.gates is None:
            return log_probs
        generated = log_probs + F.logsigmoid(decoded.gates)
        size = list(log_probs.shape[:2]) + [log_probs.size(2) + memory.extras.size(1)]
        copied = log_probs.new_zeros(size)
        copies = memory.copies[memory.rows(copied.size(0)).sentences]  # (B, S)
        ids = copies.unsqueeze(1).expand_as(decoded.weights)
        copied.scatter_add_(2, ids, decoded.weights * (-decoded.gates).sigmoid())
        log_copied = copied.log()  # -inf where nothing is copied
        log_copied[:, :, : log_probs.size(2)] = torch.logaddexp(
            log_copied[:, :, : log_probs.size(2)], generated
        )
        return log_copied

    def lookup(self, ids: Tensor) -> Tensor:
        """Return vectors of ids of any shape, without dropout; a copied token counts as unknown."""
        return self.embedding.lookup(self.readable(ids))

    def readable(self, ids: Tensor) -> Tensor:
        """Replace the ids of copied tokens, which have no vector, by the unknown token."""
        if self.gate is None:
            return ids
        tokens = self.embedding.tokens
        return ids.masked_fill(ids >= len(tokens.weight), tokens.unk_id)

    def loss(
        self, decoded: DecoderOutput, memory: Memory, target: Tokens, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return the nll in nats, summed over the real tokens of the target.

        Args:
            decoded: the result of `forward` for the tokens before them.
            memory: memory from `start`.
            target: ids (B, T), V or more for copies.
            label_smoothing: probability mass of a target that is spread evenly over the vocabulary; with copying
                only that of the generated part.
        """
        if self.gate is not None:
            nll = self.nll(decoded, memory, target.ids)
            if label_smoothing:
                even = -self.softmax.log_probs(decoded.outputs).mean(2)  # (B, T)
                nll = torch.lerp(nll, even, label_smoothing)
            return target.select_real(nll).sum()
        outputs, ids = target.select_real(decoded.outputs), target.select_real(target.ids)  # (N, C)
        return self.softmax.loss(outputs, ids, label_smoothing)

    def nll(self, decoded: DecoderOutput, memory: Memory, ids: Tensor) -> Tensor:
        """Return the nll (B, T) of ids (B, T), in nats; it can be differentiated."""
        if decoded.gates is None:
            return -self._generated(decoded.outputs, ids)
        known, gates = ids < len(self.softmax.weight), decoded.gates.squeeze(2)
        generated = self._generated(decoded.outputs, ids.where(known, 0))
        generated = generated.masked_fill(~known, -torch.inf) + F.logsigmoid(gates)
        same = memory.copies.unsqueeze(1) == ids.unsqueeze(2)  # (B, T, S)
        # log 0 would have a nan gradient; that of the smallest number is clamped to 0.
        copied = (decoded.weights * same).sum(2).clamp(min=torch.finfo(generated.dtype).tiny)
        return -torch.logaddexp(generated, copied.log() + F.logsigmoid(-gates))

    def _generated(self, outputs: Tensor, ids: Tensor) -> Tensor:
        """Return the log-probabilities (B, T) of ids (B, T) under the softmax."""
        if torch.is_grad_enabled():
            return self.softmax.log_probs(outputs).gather(2, ids.unsqueeze(2)).squeeze(2)
        # Without gradient, `nll` never holds the probabilities of all tokens at once.
        return -self.softmax.nll(outputs.flatten(0, 1), ids.flatten()).view_as(ids)
