"""What every decoder is: it starts from an encoded source, reads target vectors, and says what follows.

Recurrent or Transformer, a decoder differs in `start`, `forward` and `read_one` alone. What comes of its
outputs is the same: a softmax over the vocabulary, and beside it, where it copies, the tokens of the source.
`forward` on gold tokens equals repeated `step`. Nothing of a batch is kept on the module: what belongs to
sentences is the `Memory`, what belongs to hypotheses is the state.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.types import EncoderOutput, Rows, State, Step, select


class Memory(NamedTuple):
    """What a decoder attends to: tensors with sentences N as dimension 0.

    Attributes:
        counts: (N,) rows of each sentence: hypotheses in a beam, elsewhere 1.
        outputs: (N, S, M) of the source's encoder.
        keys: (N, S, A) for each attention of the decoder.
        mask: (N, S) True at real tokens.
        copies: (N, S) each source token as an id of the target's vocabulary, from V on where it has none.
        extras: (N, X) as wide as the largest number of such ids in a sentence.
    """

    counts: Tensor
    outputs: Tensor
    keys: State
    mask: Tensor
    copies: Tensor
    extras: Tensor

    @property
    def parts(self) -> State:
        """As searches know it, who do not ask what is in it: a plain tuple of tensors."""
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
        """From its `parts`."""
        return cls(counts, outputs, keys, mask, copies, extras)

    def rows(self, total: int) -> Rows:
        """Whose R = `total` rows are."""
        return Rows.of(self.counts, total)

    def select(self, rows: Tensor) -> "Memory":
        """Of some sentences, or of sentences repeated: `rows` (N',)."""
        return Memory.of(*select(self.parts, rows))


class DecoderOutput(NamedTuple):
    """What a decoder makes of target vectors.

    Attributes:
        outputs: (B, T, C), what the softmax layer reads.
        weights: (B, T, S) of attention.
        gates: (B, T, 1) logits of generating a token over copying one; None without copying.
        state: after the last step.
    """

    outputs: Tensor
    weights: Tensor
    gates: Tensor | None
    state: State


def joined(steps: Sequence[DecoderOutput]) -> DecoderOutput:
    """Steps that followed one another, as one."""
    gates = [step.gates for step in steps if step.gates is not None]
    return DecoderOutput(
        torch.cat([step.outputs for step in steps], dim=1),
        torch.cat([step.weights for step in steps], dim=1),
        torch.cat(gates, dim=1) if gates else None,
        steps[-1].state,
    )


class Decoder(nn.Module):
    """From target vectors and a memory to what follows.

    Attributes:
        embedding: of target tokens.
        softmax: over the target's vocabulary.
        gate: from what `gates` is given to the logit of generating a token over copying one (See et al.
            2017, section 2.2); None where nothing is copied.
    """

    embedding: Embedding
    softmax: SoftmaxLayer
    gate: nn.Linear | None

    def start(self, encoded: EncoderOutput, source: Tokens) -> tuple[Memory, State]:
        """What is attended to, and the state before the first target token, of N sentences."""
        raise NotImplementedError

    def forward(
        self, inputs: Tensor, memory: Memory, state: State, lengths: Tensor | None = None
    ) -> DecoderOutput:
        """Read whole targets.

        Args:
            inputs: (B, T, D) vectors of the tokens before those that are predicted; padding may stand
                behind them, for what comes later changes nothing.
            memory: of B sentences.
            state: from `start`.
            lengths: (B,) of each target, at least 1, where what is given behind it will not be used: then it
                may be zero, and so may a row's state after the last step.
        """
        raise NotImplementedError

    def read_one(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """A step as `step` makes it; what it gives has R for its B, and 1 for its T."""
        raise NotImplementedError

    def remember(self, encoded: EncoderOutput, source: Tokens, keys: State) -> Memory:
        """The memory of an encoded source, with the keys that a decoder's attentions made of it."""
        outputs, mask = encoded.outputs, source.mask
        if mask is None:
            mask = outputs.new_ones(outputs.shape[:2], dtype=torch.bool)
        copies = source.copies or CopySource(source.ids, source.ids[:, :0])
        counts = copies.ids.new_ones(len(copies.ids))
        return Memory(counts, outputs, keys, mask, copies.ids, copies.extras)

    def gates(self, *parts: Tensor) -> Tensor | None:
        """Logits (B, T, 1) of generating, in float32 at least, from vectors (B, T, ...)."""
        if self.gate is None:
            return None
        gates: Tensor = self.gate(torch.cat(parts, dim=2))
        return gates.to(torch.promote_types(gates.dtype, torch.float32))

    def step(self, inputs: Tensor, memory: Memory, state: State) -> Step:
        """Read one token a hypothesis.

        Args:
            inputs: (R, D) vectors, those of a sentence's hypotheses beside each other.
            memory: of N sentences, with the number of each one's hypotheses.
            state: of R hypotheses.

        Returns:
            log_probs (R, V + X), the next state, weights (R, S).
        """
        decoded = self.read_one(inputs, memory, state)
        log_probs = self.log_probs(decoded, memory)
        return Step(log_probs.squeeze(1), decoded.state, decoded.weights.squeeze(1))

    def log_probs(self, decoded: DecoderOutput, memory: Memory) -> Tensor:
        """Log-probabilities (B, T, V + X) of the tokens that follow; those from V on are copies."""
        log_probs = self.softmax.log_probs(decoded.outputs)  # (B, T, V)
        if decoded.gates is None:
            return log_probs
        generated = log_probs + F.logsigmoid(decoded.gates)
        size = list(log_probs.shape[:2]) + [log_probs.size(2) + memory.extras.size(1)]
        copied = log_probs.new_zeros(size)
        copies = memory.copies[memory.rows(len(copied)).sentences]  # (B, S)
        places = copies.unsqueeze(1).expand_as(decoded.weights)
        copied.scatter_add_(2, places, decoded.weights * (-decoded.gates).sigmoid())
        log_copied = copied.log()  # -inf where nothing is copied
        log_copied[:, :, : log_probs.size(2)] = torch.logaddexp(
            log_copied[:, :, : log_probs.size(2)], generated
        )
        return log_copied

    def lookup(self, ids: Tensor) -> Tensor:
        """Vectors of ids of any shape, without dropout; a copied token is read as unknown."""
        return self.embedding.lookup(self.readable(ids))

    def readable(self, ids: Tensor) -> Tensor:
        """Ids with those of copies, which have no vector, made the unknown token's."""
        if self.gate is None:
            return ids
        tokens = self.embedding.tokens
        return ids.masked_fill(ids >= len(tokens.weight), tokens.unk_id)

    def loss(
        self, decoded: DecoderOutput, memory: Memory, target: Tokens, label_smoothing: float = 0.0
    ) -> Tensor:
        """Sum of the nll over the target's real tokens, in nats.

        Args:
            decoded: what `forward` gave for the tokens before them.
            memory: from `start`.
            target: ids (B, T), from V on for copies.
            label_smoothing: share of a target's mass that is spread evenly over the vocabulary; with
                copying, over that of the generated part.
        """
        mask = target.mask
        if self.gate is not None:
            nll = self.nll(decoded, memory, target.ids)
            if label_smoothing:
                even = -self.softmax.log_probs(decoded.outputs).mean(2)  # (B, T)
                nll = torch.lerp(nll, even, label_smoothing)
            return (nll if mask is None else nll[mask]).sum()
        if mask is None:
            outputs, ids = decoded.outputs.flatten(0, 1), target.ids.flatten()
        else:
            outputs, ids = decoded.outputs[mask], target.ids[mask]  # (N, C), (N,)
        return self.softmax.loss(outputs, ids, label_smoothing)

    def nll(self, decoded: DecoderOutput, memory: Memory, ids: Tensor) -> Tensor:
        """The nll (B, T) of each of the ids (B, T), in nats; it can be differentiated."""
        if decoded.gates is None:
            return -self._generated(decoded.outputs, ids)
        known, gates = ids < len(self.softmax.weight), decoded.gates.squeeze(2)
        generated = self._generated(decoded.outputs, ids.where(known, 0))
        generated = generated.masked_fill(~known, -torch.inf) + F.logsigmoid(gates)
        same = memory.copies.unsqueeze(1) == ids.unsqueeze(2)  # (B, T, S)
        # A logarithm of zero would have no gradient; of the smallest number it has none to give.
        copied = (decoded.weights * same).sum(2).clamp(min=torch.finfo(generated.dtype).tiny)
        return -torch.logaddexp(generated, copied.log() + F.logsigmoid(-gates))

    def _generated(self, outputs: Tensor, ids: Tensor) -> Tensor:
        """Log-probabilities (B, T) that the softmax gives to ids (B, T)."""
        if torch.is_grad_enabled():
            return self.softmax.log_probs(outputs).gather(2, ids.unsqueeze(2)).squeeze(2)
        # Without a gradient the probabilities of all tokens are never held at once.
        return -self.softmax.nll(outputs.flatten(0, 1), ids.flatten()).view_as(ids)
