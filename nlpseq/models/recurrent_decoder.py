"""The recurrent decoder with attention: a causal encoder of the target, attention, and a softmax layer.

    h_t = encoder(target vector_t, h_{t-1})            with input feeding it also reads o_{t-1}
    c_t = attention(h_t, memory)
    o_t = tanh(W [h_t; c_t])                           Luong et al. (2015), equation 5
    p_t = softmax(o_t)

Without input feeding the recurrent layers run over the whole target in one call, and attention is one batched
product.
"""

import torch
from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cpu import uses_input_feeding_kernel
from nlpseq.layers.cpu.input_feeding_gru import feeding_sweep
from nlpseq.layers.cross_attention import AdditiveAttention, AttentionOutput, CrossAttention
from nlpseq.layers.dropout import Dropout, keep_mask
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.layers.time_loop import Stepped, over_time
from nlpseq.models.bridge import Bridge
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory
from nlpseq.types import EncoderOutput, State


class AttentionDecoder(Decoder):
    """Recurrent (or other causal) layers with attention.

    A state has the layers' state (R, L, H), then with input feeding the previous output (R, 1, C), then with
    sequential attention its past (R, 1, S).

    Args:
        embedding: embedding of target tokens.
        encoder: causal; reads target vectors and, with input feeding, the previous output beside them.
        attention: from the encoder's outputs to the memory.
        bridge: from the encoded source to the first state.
        softmax: output layer over the target's vocabulary.
        output_size: C, components of an output.
        input_feeding: whether each step reads the previous output (Luong et al. 2015, section 3.3).
        copying: whether tokens can be copied from the source (See et al. 2017, section 2.2).
        output_dropout: dropout of the softmax layer's input.
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
        """See `Decoder`."""
        outputs = encoded.outputs
        memory = self.remember(encoded, source, (self.attention.keys(outputs),))
        state = self.bridge(encoded, memory.mask)
        if self.input_feeding:
            state = (*state, outputs.new_zeros(outputs.size(0), 1, self.output_size))
        if self.attention.sequential:
            dtype = torch.promote_types(outputs.dtype, torch.float32)  # as weights are
            state = (*state, outputs.new_zeros(outputs.size(0), 1, outputs.size(1), dtype=dtype))
        return memory, state

    def forward(
        self, inputs: Tensor, memory: Memory, state: State, lengths: Tensor | None = None
    ) -> DecoderOutput:
        """See `Decoder`."""
        if self.input_feeding:
            cell = self._cell_for_sweep(memory)
            if cell is None:
                return self._decode_stepwise(inputs, memory, state)
            return self._sweep(cell, inputs, memory, state, lengths)
        layers, past = self._parts(state)
        hidden, layers = self.encoder(inputs, None, layers)  # (B, T, H)
        attended, past = self._attend(hidden, memory, past)
        outputs, gates = self._outputs(inputs, hidden, attended)
        return DecoderOutput(outputs, attended.weights, gates, (*layers, *past))

    def decode_step(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """See `Decoder`."""
        layers, past = self._parts(state)
        vectors = inputs
        if self.input_feeding:
            vectors, layers = torch.cat([inputs, layers[-1].squeeze(1)], dim=1), layers[:-1]
        hidden, layers = self.encoder.step(vectors, layers)  # (R, H)
        rows = memory.rows(hidden.size(0))
        queries = rows.spread(hidden)  # (N, W, H)
        by_sentence = self._attend_once(queries, memory, *(rows.spread(p.squeeze(1)) for p in past))
        attended = AttentionOutput(
            *(rows.gather(part).unsqueeze(1) for part in by_sentence)
        )  # (R, 1, ...)
        outputs, gates = self._outputs(inputs.unsqueeze(1), hidden.unsqueeze(1), attended)
        if self.input_feeding:
            layers = (*layers, outputs)
        if past:
            layers = (*layers, self.attention.remember(past[0], attended.weights))
        return DecoderOutput(outputs, attended.weights, gates, layers)

    def _decode_stepwise(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """Decode a target token by token."""

        def step(state: State, vectors: Tensor) -> Stepped:
            decoded = self.decode_step(vectors, memory, state)
            gates = () if decoded.gates is None else (decoded.gates,)
            return decoded.state, (decoded.outputs, decoded.weights, *gates)

        state, parts = over_time(step, state, (inputs.transpose(0, 1),))
        outputs, weights, *gates = (part.squeeze(2).transpose(0, 1) for part in parts)
        return DecoderOutput(outputs, weights, gates[0] if gates else None, state)

    def _cell_for_sweep(self, memory: Memory) -> GRUCell | None:
        """Return the cell if `feeding_sweep` can run it: a single GRU layer with additive attention, on a CPU."""
        cell = self.encoder.only_cell() if isinstance(self.encoder, RecurrentEncoder) else None
        if type(cell) is not GRUCell or type(self.attention) is not AdditiveAttention:
            return None
        return cell if uses_input_feeding_kernel(memory.outputs) else None

    def _sweep(
        self,
        cell: GRUCell,
        inputs: Tensor,
        memory: Memory,
        state: State,
        lengths: Tensor | None,
    ) -> DecoderOutput:
        """Decode whole targets by the CPU's kernel for input feeding."""
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
        """Attend with all tokens at once, or one after the other if scores depend on earlier weights."""
        if not past:
            return self._attend_once(hidden, memory), ()

        def step(past: State, query: Tensor) -> Stepped:
            attended = self._attend_once(query.unsqueeze(1), memory, past[0])
            return (self.attention.remember(past[0], attended.weights),), tuple(attended)

        past, parts = over_time(step, past, (hidden.transpose(0, 1),))
        context, weights = (part.squeeze(2).transpose(0, 1) for part in parts)
        return AttentionOutput(context, weights), past

    def _attend_once(
        self, queries: Tensor, memory: Memory, past: Tensor | None = None
    ) -> AttentionOutput:
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
        """Split a state into that of the layers and the past of a sequential attention."""
        cut = len(state) - self.attention.sequential
        return state[:cut], state[cut:]
