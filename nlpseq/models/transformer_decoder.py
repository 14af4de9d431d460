"""The Transformer decoder: causal layers that attend to the source, and a softmax layer.

`start` projects keys and values of the source once, for all layers. The attention weights that the decoder returns,
and by which it copies, are those of its last layer, averaged over the heads.
"""

from torch import Tensor, nn

from nlpseq.data.batch import Tokens
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.softmax import SoftmaxLayer
from nlpseq.layers.transformer_decoder import TransformerDecoderStack
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory
from nlpseq.types import EncoderOutput, State


class TransformerDecoder(Decoder):
    """A stack of layers between target vectors and a softmax.  Vaswani et al. (2017), section 3.1.

    A state is the `KeyValueCache` of the target.

    Args:
        embedding: embedding of target tokens.
        layers: the stack of layers.
        softmax: output layer over the target's vocabulary.
        copying: whether tokens can be copied from the source (See et al. 2017, section 2.2): a gate reads the target
            vector, the stack's output and the last layer's context.
    """

    def __init__(
        self,
        embedding: Embedding,
        layers: TransformerDecoderStack,
        softmax: SoftmaxLayer,
        *,
        copying: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.layers = layers
        self.softmax = softmax
        self.gate = nn.Linear(embedding.dim + 2 * layers.hidden_size, 1) if copying else None

    def start(self, encoded: EncoderOutput, source: Tokens) -> tuple[Memory, State]:
        """See `Decoder`; the state holds empty caches."""
        memory = self.remember(encoded, source, self.layers.keys(encoded.outputs))
        return memory, self.layers.initial_state(memory.mask.size(0))

    def forward(
        self, inputs: Tensor, memory: Memory, state: State, lengths: Tensor | None = None
    ) -> DecoderOutput:
        """See `Decoder`."""
        rows = memory.rows(inputs.size(0))
        outputs, attended, state = self.layers(inputs, memory.keys, memory.mask, rows, state)
        gates = self.gates(outputs, attended.context, inputs)
        return DecoderOutput(outputs, attended.weights, gates, state)

    def decode_step(self, inputs: Tensor, memory: Memory, state: State) -> DecoderOutput:
        """See `Decoder`."""
        return self.forward(inputs.unsqueeze(1), memory, state)
