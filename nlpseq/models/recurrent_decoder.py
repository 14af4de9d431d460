"""A decoder with attention: a causal encoder of the target, what it attends to, and a softmax layer.

    h_t = encoder(target vector_t, h_{t-1})            with input feeding it also reads o_{t-1}
    c_t = attention(h_t, memory)
    o_t = tanh(W [h_t; c_t])                           Luong et al. (2015), equation 5
    p_t = softmax(o_t)

Without input feeding the recurrent layers run over the whole target in one call, and attention is one
batched product.
"""

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.cells import GRUCell
from nlpseq.layers.cpu.input_feeding_gru import feeding_sweep
from nlpseq.layers.cross_attention import AdditiveAttention, AttentionOutput, CrossAttention
from nlpseq.layers.dropout import Dropout, keep_mask
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.models.bridge import Bridge
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory, joined
from nlpseq.types import EncoderOutput, State


class AttentionDecoder(Decoder):
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
        sizes = embedding.dim + encoder.output_dim + attention.output_dim
        self.gate = nn.Linear(sizes, 1) if copying else None
        self.input_feeding = input_feeding
        self.output_size = output_size

    def start(self, encoded: EncoderOutput, source: Tokens) -> tuple[Memory, State]:
        """What is attended to, and the state before the first target token, of N sentences."""
        outputs = encoded.outputs
        memory = self.remember(encoded, source, (self.attention.keys(outputs),))
        state = self.bridge(encoded, memory.mask)
        if self.input_feeding:
            state = (*state, outputs.new_zeros(len(outputs), 1, self.output_size))
        if self.attention.sequential:
            dtype = torch.promote_types(outputs.dtype, torch.float32)  # as weights are
            state = (*state, outputs.new_zeros(len(outputs), 1, outputs.size(1), dtype=dtype))
        return memory, state

    def forward(
        self, inputs: Tensor, memory: Memory, state: State, lengths: Tensor | None = None
    ) -> DecoderOutput:
        """See `Decoder`."""
        if self.input_feeding:
            cell = self._swept_cell(memory)
            if cell is None:
                return self._one_by_one(inputs, memory, state)
            return self._sweep(cell, inputs, memory, state, lengths)
        layers, past = self._parts(state)
        hidden, layers = self.encoder(inputs, None, layers)  # (B, T, H)
        attended, past = self._attend(hidden, memory, past)
        outputs, gates = self._outputs(inputs, hidden, attended)
        return DecoderOutput(outputs, attended.weights, gates, (*layers, *past))

    def read_one(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """See `Decoder`."""
        layers, past = self._parts(state)
        read = inputs
        if self.input_feeding:
            read, layers = torch.cat([inputs, layers[-1].squeeze(1)], dim=1), layers[:-1]
        hidden, layers = self.encoder.step(read, layers)  # (R, H)
        rows = memory.rows(len(hidden))
        looking = [rows.spread(part) for part in (hidden, *(part.squeeze(1) for part in past))]
        found = self._look(looking[0], memory, *looking[1:])  # (N, W, ...)
        attended = AttentionOutput(
            *(rows.gather(part).unsqueeze(1) for part in found)
        )  # (R, 1, ...)
        outputs, gates = self._outputs(inputs.unsqueeze(1), hidden.unsqueeze(1), attended)
        if self.input_feeding:
            layers = (*layers, outputs)
        if past:
            layers = (*layers, self.attention.remember(past[0], attended.weights))
        return DecoderOutput(outputs, attended.weights, gates, layers)

    def _one_by_one(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        steps = []
        for one in inputs.unbind(1):
            steps.append(self.read_one(one, memory, state))
            state = steps[-1].state
        return joined(steps)

    def _swept_cell(self, memory: Memory) -> GRUCell | None:
        """The cell, where a kernel feeds its inputs: a plain layer of a GRU, additive attention, on a CPU."""
        plain = isinstance(self.encoder, RecurrentEncoder) and self.encoder.plain_cell()
        if not isinstance(plain, GRUCell) or type(self.attention) is not AdditiveAttention:
            return None
        at_home = memory.outputs.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        return plain if at_home else None

    def _sweep(
        self,
        cell: GRUCell,
        inputs: Tensor,
        memory: Memory,
        state: State,
        lengths: Tensor | None,
    ) -> DecoderOutput:
        assert isinstance(self.attention, AdditiveAttention)
        hidden, output = (part.squeeze(1) for part in state)
        shape = (*inputs.shape[:2], self.output_size)
        drops = self.training and self.dropout.p > 0
        fed = feeding_sweep(
            cell,
            self.attention,
            self.combine,
            inputs,
            hidden,
            output,
            memory.outputs,
            memory.keys[0],
            memory.mask,
            keep_mask(inputs, shape, self.dropout.p) if drops else None,
            lengths,
            with_joined=self.gate is not None,
        )
        gates = None if fed.joined is None else self.gates(fed.joined, inputs)
        state = (fed.hidden.unsqueeze(1), fed.outputs[:, -1:])
        return DecoderOutput(fed.outputs, fed.weights, gates, state)

    def _attend(self, hidden: Tensor, memory: Memory, past: State) -> tuple[AttentionOutput, State]:
        """All tokens at once, or, where each looks at the weights before, one after the other."""
        if not past:
            return self._look(hidden, memory), ()
        before, steps = past[0], []
        for query in hidden.split(1, dim=1):
            steps.append(self._look(query, memory, before))
            before = self.attention.remember(before, steps[-1].weights)
        context, weights = (torch.cat(parts, dim=1) for parts in zip(*steps, strict=True))
        return AttentionOutput(context, weights), (before,)

    def _look(self, queries: Tensor, memory: Memory, past: Tensor | None = None) -> AttentionOutput:
        attended: AttentionOutput = self.attention(
            queries, memory.outputs, memory.keys[0], memory.mask, past
        )
        return attended

    def _outputs(
        self, inputs: Tensor, hidden: Tensor, attended: AttentionOutput
    ) -> tuple[Tensor, Tensor | None]:
        joined = torch.cat([hidden, attended.context], dim=2)
        outputs = self.dropout(self.combine(joined).tanh())
        return outputs, self.gates(joined, inputs)

    def _parts(self, state: State) -> tuple[State, State]:
        """The state without the past of attention, and that."""
        cut = len(state) - self.attention.sequential
        return state[:cut], state[cut:]
