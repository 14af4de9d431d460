"""Transformer layers that also attend to a memory, pre-norm.  Vaswani et al. (2017), section 3.1."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from nlpseq.layers.cross_attention import AttentionOutput, MultiHeadCrossAttention
from nlpseq.layers.key_value_cache import KeyValueCache
from nlpseq.layers.self_attention import AttentionMask
from nlpseq.layers.transformer import TransformerLayer, TransformerStack, check_heads
from nlpseq.types import SentenceRows, State


class TransformerDecoderLayer(TransformerLayer):
    """A `TransformerLayer` with attention to the memory between its two blocks.

    Args:
        hidden_size: H.
        memory_dim: M, components of a vector of the memory.
        num_heads: heads of both attentions.
        feedforward_size: units inside the feedforward block.
        activation: activation of that block.
        dropout: dropout of each block's output.
        attention_dropout: dropout of the weights of both attentions.
    """

    def __init__(
        self,
        hidden_size: int,
        memory_dim: int,
        *,
        num_heads: int,
        feedforward_size: int,
        activation: str,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__(
            hidden_size,
            num_heads=num_heads,
            feedforward_size=feedforward_size,
            activation=activation,
            dropout=dropout,
            attention_dropout=attention_dropout,
        )
        self.cross_norm = nn.LayerNorm(hidden_size)
        self.cross = MultiHeadCrossAttention(
            hidden_size,
            memory_dim,
            hidden_size,
            num_heads,
            output_dim=hidden_size,
            dropout=attention_dropout,
        )

    def decode(
        self,
        inputs: Tensor,
        attention_mask: AttentionMask,
        cache: Tensor,
        keys: Tensor,
        mask: Tensor,
        rows: SentenceRows,
    ) -> tuple[Tensor, Tensor, AttentionOutput]:
        """Apply the three blocks to T tokens in each of R rows.

        Args:
            inputs: (R, T, H).
            attention_mask: the target tokens to attend to.
            cache: (R, C, 2H) keys and values of earlier target tokens.
            keys: (N, S, 2H) keys and values of the memory.
            mask: (N, S) of the memory.
            rows: the sentence of each row.

        Returns:
            outputs (R, T, H), the new cache, and the attention to the memory (R, T, ...).
        """
        hidden, cache = self.self_attention_block(inputs, attention_mask, cache)
        queries = rows.spread(self.cross_norm(hidden))  # (N, W, T, H)
        parts = self.cross(queries.flatten(1, 2), keys, keys, mask)  # keys hold the values too
        attended = AttentionOutput(
            *(rows.gather(part.unflatten(1, queries.shape[1:3])) for part in parts)
        )
        hidden = hidden + self.dropout(attended.context)
        return self.feedforward_block(hidden), cache, attended


class StackOutput(NamedTuple):
    """The `outputs` (R, T, H) of a stack, the attention of its last layer (`attended`), and the new `state`."""

    outputs: Tensor
    attended: AttentionOutput
    state: State


class TransformerDecoderStack(TransformerStack):
    """A stack of causal layers that attend to a memory.

    The state is a `KeyValueCache` of all earlier tokens of the target.

    Args:
        input_size: D, components of a target vector.
        hidden_size: H, width of the layers; a multiple of `num_heads`.
        memory_dim: M.
        num_layers: layers in the stack.
        num_heads: heads of each attention.
        feedforward_size: units inside each feedforward block.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: number of "learned" positions.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of the feedforward blocks.
        dropout: dropout of the input and of each block's output.
        attention_dropout: dropout of attention weights.
        output_dropout: dropout of the final norm's output.

    Raises:
        UserError: sizes that do not fit the heads, or unknown positions.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        memory_dim: int,
        *,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_size: int = 256,
        positions: str = "sinusoidal",
        max_length: int = 1024,
        activation: str = "gelu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        check_heads(hidden_size, num_heads, "decoder")
        layers = [
            TransformerDecoderLayer(
                hidden_size,
                memory_dim,
                num_heads=num_heads,
                attention_dropout=attention_dropout,
                feedforward_size=feedforward_size,
                activation=activation,
                dropout=dropout,
            )
            for _ in range(num_layers)
        ]
        super().__init__(
            input_size,
            hidden_size,
            layers,
            positions=positions,
            max_length=max_length,
            dropout=dropout,
            output_dropout=output_dropout,
            section="decoder",
        )

    def keys(self, memory: Tensor) -> State:
        """Project a memory (N, S, M) to keys and values (N, S, 2H) for each layer."""
        return tuple(layer.cross.keys(memory) for layer in self._layers())

    def forward(
        self, inputs: Tensor, keys: State, mask: Tensor, rows: SentenceRows, state: State
    ) -> StackOutput:
        """Run the layers over T tokens in each of R rows.

        Args:
            inputs: (R, T, D).
            keys: keys and values of N sentences, from `keys`.
            mask: (N, S) of the memory; each row has a real token.
            rows: the sentence of each row.
            state: state of R rows.
        """
        past = KeyValueCache(state, context=0)
        length = inputs.size(1)
        attention_mask = past.attention_mask(length, self.rotation(past.size + length, inputs))
        hidden, caches, attended = self.embed(inputs, past.first), [], None
        for layer, before, key in zip(self._layers(), past.caches, keys, strict=True):
            hidden, cache, attended = layer.decode(hidden, attention_mask, before, key, mask, rows)
            caches.append(cache)
        assert attended is not None  # there is a layer
        return StackOutput(self.final_norm(hidden), attended, past.after(caches, None))

    def _layers(self) -> Iterator[TransformerDecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, TransformerDecoderLayer)  # for the type checker
            yield layer
