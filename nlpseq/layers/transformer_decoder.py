"""Transformer layers that also attend to a memory.  Vaswani et al. (2017), section 3.1; pre-norm."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from nlpseq.layers.cross_attention import AttentionOutput, MultiHeadCrossAttention
from nlpseq.layers.key_value_cache import KeyValueCache
from nlpseq.layers.self_attention import AttentionMask
from nlpseq.layers.transformer import TransformerLayer, TransformerStack, check_heads
from nlpseq.types import Rows, State


class TransformerDecoderLayer(TransformerLayer):
    """A `TransformerLayer` with attention to the memory between its sublayers.

    Args:
        hidden_size: H.
        memory_dim: M, components of a vector of the memory.
        num_heads: of either attention.
        feedforward_size: units inside the feedforward part.
        activation: of that part.
        dropout: of what each sublayer adds.
        attention_dropout: of the weights of either attention.
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

    def read(
        self,
        inputs: Tensor,
        sight: AttentionMask,
        cache: Tensor,
        keys: Tensor,
        mask: Tensor,
        rows: Rows,
    ) -> tuple[Tensor, Tensor, AttentionOutput]:
        """Read T tokens in each of R rows.

        Args:
            inputs: (R, T, H).
            sight: what is looked at of the target.
            cache: (R, C, 2H) of the target's tokens before.
            keys: (N, S, 2H) of the memory.
            mask: (N, S) of the memory.
            rows: which of them are whose.

        Returns:
            outputs (R, T, H), the cache behind them, and what the memory gave (R, T, ...).
        """
        hidden, cache = self.look(inputs, sight, cache)
        queries = rows.spread(self.cross_norm(hidden))  # (N, W, T, H)
        found = self.cross(queries.flatten(1, 2), keys, keys, mask)  # values stand beside the keys
        attended = AttentionOutput(
            *(rows.gather(one.unflatten(1, queries.shape[1:3])) for one in found)
        )
        hidden = hidden + self.dropout(attended.context)
        return self.think(hidden), cache, attended


class Read(NamedTuple):
    """What a stack makes of target vectors: outputs (R, T, H), what its last layer attended to, a state."""

    outputs: Tensor
    attended: AttentionOutput
    state: State


class TransformerDecoderStack(TransformerStack):
    """Causal layers that attend to a memory.

    The state is a `KeyValueCache` of all tokens of a target, which has an end.

    Args:
        input_size: D, components of a target vector.
        hidden_size: H, width of the layers; a multiple of `num_heads`.
        memory_dim: M.
        num_layers: depth of the stack.
        num_heads: of each attention.
        feedforward_size: units inside each layer's feedforward part.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: tokens that "learned" positions have vectors for.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of the feedforward parts.
        dropout: of the layers' input and of what each sublayer adds.
        attention_dropout: of attention weights.
        output_dropout: of what the last norm gives.

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
        """Keys and values of a memory (N, S, M), (N, S, 2H) for each layer."""
        return tuple(layer.cross.keys(memory) for layer in self._layers())

    def forward(self, inputs: Tensor, keys: State, mask: Tensor, rows: Rows, state: State) -> Read:
        """Read T tokens in each of R rows.

        Args:
            inputs: (R, T, D).
            keys: of N sentences, from `keys`.
            mask: (N, S) of the memory; each row has a real token.
            rows: which of them are whose.
            state: of R rows.
        """
        past = KeyValueCache(state, context=0)
        length = inputs.size(1)
        sight = past.sight(length, self.rotation(past.size + length, inputs))
        hidden, caches, attended = self.enter(inputs, past.first), [], None
        for layer, before, key in zip(self._layers(), past.caches, keys, strict=True):
            hidden, cache, attended = layer.read(hidden, sight, before, key, mask, rows)
            caches.append(cache)
        assert attended is not None  # there is a layer
        return Read(self.leave(hidden), attended, past.after(caches, None))

    def _layers(self) -> Iterator[TransformerDecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, TransformerDecoderLayer)  # for the type checker
            yield layer
