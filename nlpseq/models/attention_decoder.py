"""A decoder with attention: a causal encoder of the target, what it attends to, and a softmax layer.

    h_t = encoder(target vector_t, h_{t-1})            with input feeding it also reads o_{t-1}
    c_t = attention(h_t, memory)
    o_t = tanh(W [h_t; c_t])                           Luong et al. (2015), equation 5
    p_t = softmax(o_t)

Without input feeding the recurrent layers run over the whole target in one call, and attention is one
batched product; `forward` on gold tokens equals repeated `step` either way. Nothing of a batch is kept on
the module: what belongs to sentences is the `Memory`, what belongs to hypotheses is the state.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.contracts import Encoded, State, Step
from nlpseq.data.batch import Tokens
from nlpseq.layers.cross_attention import Attended, CrossAttention
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.models.bridge import Bridge


class Memory(NamedTuple):
    """What a decoder attends to: tensors with sentences N as dimension 0.

    Attributes:
        outputs: (N, S, M) of the source's encoder.
        keys: (N, S, A) of the attention.
        mask: (N, S) True at real tokens.
        copies: (N, S) each source token as an id of the target's vocabulary, from V on where it has none.
        extras: (N, X) as wide as the largest number of such ids in a sentence.
    """

    outputs: Tensor
    keys: Tensor
    mask: Tensor
    copies: Tensor
    extras: Tensor


class Decoded(NamedTuple):
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


def joined(steps: Sequence[Decoded]) -> Decoded:
    """Steps that followed one another, as one."""
    gates = [step.gates for step in steps if step.gates is not None]
    return Decoded(
        torch.cat([step.outputs for step in steps], dim=1),
        torch.cat([step.weights for step in steps], dim=1),
        torch.cat(gates, dim=1) if gates else None,
        steps[-1].state,
    )


class AttentionDecoder(nn.Module):
    """Recurrent (or any causal) layers with attention.

    A state is the layers' own (R, L, H), then with input feeding the last output (R, 1, C), then with
    sequential attention its past (R, 1, S).

    Args:
        embedding: of target tokens.
        encoder: causal; reads target vectors, with input feeding the last output beside them.
        attention: from its outputs to the memory.
        bridge: from the source's encoding to the first state.
        softmax: over the target's vocabulary.
        input_feeding: whether a step reads the output of the step before (Luong et al. 2015, 3.3).
        copying: whether tokens can be copied from the source (See et al. 2017, section 2.2).
        output_dropout: of outputs, where the softmax reads them.
    """

    def __init__(
        self,
        embedding: Embedding,
        encoder: Encoder,
        attention: CrossAttention,
        bridge: Bridge,
        softmax: SoftmaxLayer,
        *,
        output_size: int,
        input_feeding: bool = False,
        copying: bool = False,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.attention = attention
        self.bridge = bridge
        self.softmax = softmax
        self.combine = nn.Linear(encoder.output_dim + attention.output_dim, output_size)
        self.dropout = Dropout(output_dropout)
        self.gate: nn.Linear | None = None
        if copying:
            self.gate = nn.Linear(embedding.dim + encoder.output_dim + attention.output_dim, 1)
        self.input_feeding = input_feeding
        self.output_size = output_size

    def start(self, encoded: Encoded, source: Tokens) -> tuple[Memory, State]:
        """What is attended to, and the state before the first target token, of N sentences."""
        outputs, mask = encoded.outputs, source.mask
        if mask is None:
            mask = outputs.new_ones(outputs.shape[:2], dtype=torch.bool)
        copies = source.ids if source.copies is None else source.copies
        extras = copies[:, :0] if source.extras is None else source.extras
        memory = Memory(outputs, self.attention.keys(outputs), mask, copies, extras)
        state = self.bridge(encoded, mask)
        if self.input_feeding:
            state = (*state, outputs.new_zeros(len(outputs), 1, self.output_size))
        if self.attention.sequential:
            dtype = torch.promote_types(outputs.dtype, torch.float32)  # as weights are
            state = (*state, outputs.new_zeros(len(outputs), 1, outputs.size(1), dtype=dtype))
        return memory, state

    def forward(self, inputs: Tensor, memory: Memory, state: State) -> Decoded:
        """Read whole targets.

        Args:
            inputs: (B, T, D) vectors of the tokens before those that are predicted; padding may stand
                behind them, for what comes later changes nothing.
            memory: of B sentences.
            state: from `start`.
        """
        if self.input_feeding:
            return self._one_by_one(inputs, memory, state)
        layers, past = self._parts(state)
        hidden, layers = self.encoder(inputs, None, layers)  # (B, T, H)
        attended, past = self._attend(hidden, memory, past)
        outputs, gates = self._outputs(inputs, hidden, attended)
        return Decoded(outputs, attended.weights, gates, (*layers, *past))

    def step(self, inputs: Tensor, memory: Memory, state: State) -> Step:
        """Read one token a hypothesis.

        Args:
            inputs: (R, D) vectors, R = N * W: the W hypotheses of a sentence stand together.
            memory: of N sentences.
            state: of R hypotheses.

        Returns:
            log_probs (R, V + X), the next state, weights (R, S).
        """
        decoded = self.read_one(inputs, memory, state)
        log_probs = self.log_probs(decoded, memory)
        return Step(log_probs.flatten(0, 1), decoded.state, decoded.weights.flatten(0, 1))

    def log_probs(self, decoded: Decoded, memory: Memory) -> Tensor:
        """Log-probabilities (N, W, V + X) of the tokens that follow; those from V on are copies."""
        log_probs = self.softmax.log_probs(decoded.outputs)  # (N, W, V)
        if decoded.gates is None:
            return log_probs
        generated = log_probs + F.logsigmoid(decoded.gates)
        size = list(log_probs.shape[:2]) + [log_probs.size(2) + memory.extras.size(1)]
        copied = log_probs.new_zeros(size)
        places = memory.copies.unsqueeze(1).expand_as(decoded.weights)  # (N, W, S)
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
        self, decoded: Decoded, memory: Memory, target: Tokens, label_smoothing: float = 0.0
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

    def nll(self, decoded: Decoded, memory: Memory, ids: Tensor) -> Tensor:
        """The nll (B, T) of each of the ids (B, T), in nats, with a gradient."""
        log_probs = self.softmax.log_probs(decoded.outputs)  # (B, T, V)
        if decoded.gates is None:
            return -log_probs.gather(2, ids.unsqueeze(2)).squeeze(2)
        known, gates = ids < log_probs.size(2), decoded.gates.squeeze(2)
        generated = log_probs.gather(2, ids.where(known, 0).unsqueeze(2)).squeeze(2)
        generated = generated.masked_fill(~known, -torch.inf) + F.logsigmoid(gates)
        same = memory.copies.unsqueeze(1) == ids.unsqueeze(2)  # (B, T, S)
        # A logarithm of zero would have no gradient; of the smallest number it has none to give.
        copied = (decoded.weights * same).sum(2).clamp(min=torch.finfo(generated.dtype).tiny)
        return -torch.logaddexp(generated, copied.log() + F.logsigmoid(-gates))

    def read_one(self, inputs: Tensor, memory: Memory, state: State) -> Decoded:
        """A step as `step` makes it: what it gives has the W hypotheses of a sentence for its T."""
        layers, past = self._parts(state)
        read = inputs
        if self.input_feeding:
            read, layers = torch.cat([inputs, layers[-1].squeeze(1)], dim=1), layers[:-1]
        hidden, layers = self.encoder.step(read, layers)  # (R, H)
        sentences = len(memory.mask)
        hidden = hidden.unflatten(0, (sentences, -1))  # (N, W, H)
        before = past[0].view(sentences, -1, memory.mask.size(1)) if past else None  # (N, W, S)
        attended = self.attention(hidden, *memory[:3], before)
        outputs, gates = self._outputs(inputs.unflatten(0, (sentences, -1)), hidden, attended)
        if self.input_feeding:
            layers = (*layers, outputs.flatten(0, 1).unsqueeze(1))
        if before is not None:
            after = self.attention.remember(before, attended.weights)
            layers = (*layers, after.flatten(0, 1).unsqueeze(1))
        return Decoded(outputs, attended.weights, gates, layers)

    def _one_by_one(self, inputs: Tensor, memory: Memory, state: State) -> Decoded:
        steps = []
        for one in inputs.unbind(1):
            steps.append(self.read_one(one, memory, state))
            state = steps[-1].state
        return joined(steps)

    def _attend(self, hidden: Tensor, memory: Memory, past: State) -> tuple[Attended, State]:
        """All tokens at once, or, where each looks at the weights before, one after the other."""
        if not past:
            return self.attention(hidden, *memory[:3]), ()
        before, steps = past[0], []
        for query in hidden.split(1, dim=1):
            steps.append(self.attention(query, *memory[:3], before))
            before = self.attention.remember(before, steps[-1].weights)
        context, weights = (torch.cat(parts, dim=1) for parts in zip(*steps, strict=True))
        return Attended(context, weights), (before,)

    def _outputs(
        self, inputs: Tensor, hidden: Tensor, attended: Attended
    ) -> tuple[Tensor, Tensor | None]:
        joined = torch.cat([hidden, attended.context], dim=2)
        outputs = self.dropout(self.combine(joined).tanh())
        if self.gate is None:
            return outputs, None
        gates = self.gate(torch.cat([joined, inputs], dim=2))
        return outputs, gates.to(torch.promote_types(gates.dtype, torch.float32))

    def _parts(self, state: State) -> tuple[State, State]:
        """The state without the past of attention, and that."""
        cut = len(state) - self.attention.sequential
        return state[:cut], state[cut:]
