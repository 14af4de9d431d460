"""Transformer layers: pre-norm, with a norm at the end.  Vaswani et al. (2017); Xiong et al. (2020).

Inputs are projected if their size differs from the model's width, then multiplied by the square root of the width
(Vaswani et al. 2017, section 3.4): token vectors have a variance of 1 / D, which is small compared with the positions
that are added. Projections are initialized as in Glorot and Bengio (2010), with biases of zero.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.feedforward import build_activation
from nlpseq.layers.key_value_cache import KeyValueCache
from nlpseq.layers.positions import First, LearnedPositions, Rotation, SinusoidalPositions
from nlpseq.layers.self_attention import AttentionMask, MultiHeadAttention
from nlpseq.types import EncoderOutput, State


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + feedforward(norm(x)).  Xiong et al. (2020), figure 1b.

    Args:
        hidden_size: H.
        num_heads: attention heads.
        feedforward_size: units inside the feedforward block.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of that block.
        dropout: dropout of each block's output (Vaswani et al. 2017, section 5.4).
        attention_dropout: dropout of attention weights.
    """

    def __init__(
        self,
        hidden_size: int,
        *,
        num_heads: int,
        feedforward_size: int,
        activation: str,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.attention = MultiHeadAttention(hidden_size, num_heads, dropout=attention_dropout)
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.feedforward = nn.Sequential(
            nn.Linear(hidden_size, feedforward_size),
            build_activation(activation),
            nn.Linear(feedforward_size, hidden_size),
        )
        self.dropout = Dropout(dropout)

    def forward(
        self, inputs: Tensor, attention_mask: AttentionMask, cache: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Apply both blocks: (B, T, H) -> (B, T, H) and the new cache, see `MultiHeadAttention`."""
        hidden, cache = self.self_attention_block(inputs, attention_mask, cache)
        return self.feedforward_block(hidden), cache

    def self_attention_block(
        self, inputs: Tensor, attention_mask: AttentionMask, cache: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Add self-attention: x + attention(norm(x))."""
        context, cache = self.attention(self.attention_norm(inputs), attention_mask, cache)
        return inputs + self.dropout(context), cache

    def feedforward_block(self, hidden: Tensor) -> Tensor:
        """Add the feedforward network: x + feedforward(norm(x))."""
        added: Tensor = self.dropout(self.feedforward(self.feedforward_norm(hidden)))
        return hidden + added


class TransformerStack(nn.Module):
    """The base class of encoders and decoders: projection and positions, layers, a final norm.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, width of the model.
        layers: layers of that width.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: number of "learned" positions.
        dropout: dropout of the first layer's input.
        output_dropout: dropout of the final norm's output.
        section: section of the recipe, named in messages.

    Raises:
        UserError: unknown positions, or rotary positions with heads of an odd size.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: Sequence[TransformerLayer],
        *,
        positions: str,
        max_length: int,
        dropout: float,
        output_dropout: float,
        section: str,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.scale = math.sqrt(hidden_size)
        same = input_size == hidden_size
        self.projection = nn.Identity() if same else nn.Linear(input_size, hidden_size)
        self.positions = _build_positions(positions, hidden_size, max_length, section)
        self.head_size = hidden_size // layers[0].attention.num_heads
        if positions == "rotary" and self.head_size % 2:
            raise UserError(
                f"{section}.positions = rotary rotates pairs of components, but the heads of "
                f"{section}.hidden_size = {hidden_size} have {self.head_size} each: make it even"
            )
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(hidden_size)
        self.output_dropout = Dropout(output_dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def embed(self, inputs: Tensor, first: First = 0) -> Tensor:
        """Project inputs and add positions: (B, T, D) -> (B, T, H); `first` is the first token's position."""
        hidden = self.projection(inputs) * self.scale  # (B, T, H)
        if self.positions is not None:
            hidden = self.positions(hidden, first)
        embedded: Tensor = self.dropout(hidden)
        return embedded

    def final_norm(self, hidden: Tensor) -> Tensor:
        """Normalize the last layer's outputs."""
        outputs: Tensor = self.output_dropout(self.norm(hidden))
        return outputs

    def rotation(self, length: int, like: Tensor) -> Rotation | None:
        """Return the rotation of `length` positions if they are rotary, else None."""
        return Rotation.of(length, self.head_size, like) if self.positions is None else None

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token of `batch_size` sequences, for causal layers."""
        like = self.norm.weight
        return KeyValueCache.empty(batch_size, len(self.layers), self.hidden_size, like)


class TransformerEncoder(TransformerStack, Encoder):
    """A stack of layers in which a token attends to the whole text or, if causal, to earlier tokens.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, width of the model; a multiple of `num_heads`.
        num_layers: layers in the stack.
        num_heads: attention heads in each layer.
        feedforward_size: units inside each feedforward block.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: number of "learned" positions.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of the feedforward blocks.
        dropout: dropout of the input and of each block's output (Vaswani et al. 2017, section 5.4).
        attention_dropout: dropout of attention weights.
        output_dropout: dropout of the final norm's output.
        context: 0, or N for a causal encoder: in each layer a token attends to itself and the N - 1 before it. Then
            the state is a `KeyValueCache` and positions must be rotary.

    Raises:
        UserError: sizes that do not fit the heads, unknown positions, or a context without rotary positions.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
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
        context: int = 0,
    ) -> None:
        check_heads(hidden_size, num_heads, "encoder")
        layers = [
            TransformerLayer(
                hidden_size,
                num_heads=num_heads,
                feedforward_size=feedforward_size,
                activation=activation,
                dropout=dropout,
                attention_dropout=attention_dropout,
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
            section="encoder",
        )
        if context and positions != "rotary":
            raise UserError(
                f"encoder.positions = {positions}: a causal encoder (context > 0) needs rotary positions"
            )
        self.output_dim = hidden_size
        self.causal = context > 0
        self.context = context

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode inputs (B, T, D): outputs (B, T, H), zero at padding, and a state if the encoder is causal."""
        inputs = without_padding(inputs, mask)
        if self.causal:
            outputs, state = self._encode_window(inputs, mask, state)
        else:
            rotation = self.rotation(inputs.size(1), inputs)
            real = None if mask is None else mask[:, None, None]  # (B, 1, 1, T)
            outputs, state = self.embed(inputs), ()
            for layer in self.layers:
                outputs, _ = layer(outputs, AttentionMask(real, rotation=rotation))
        return EncoderOutput(without_padding(self.final_norm(outputs), mask), state)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Encode one token: inputs (B, D) and the state -> outputs (B, H) and the new state.

        Raises:
            TypeError: the encoder is not causal, so its output depends on later tokens.
        """
        if not self.causal:
            return super().step(inputs, state)
        outputs, state = self.forward(inputs.unsqueeze(1), None, state)
        return outputs.squeeze(1), state

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token of `batch_size` sequences; () if there are no steps."""
        return super().initial_state(batch_size) if self.causal else ()

    def _encode_window(
        self, inputs: Tensor, mask: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        """Run the causal layers over a window that follows `state`."""
        batch, length, _ = inputs.shape
        past = KeyValueCache(state or self.initial_state(batch), self.context)
        attention_mask = past.attention_mask(length, self.rotation(past.size + length, inputs))
        outputs, caches = self.embed(inputs, past.first), []
        for layer, before in zip(self.layers, past.caches, strict=True):
            outputs, cache = layer(outputs, attention_mask, before)
            caches.append(cache)
        return outputs, past.after(caches, mask)


def _build_positions(
    kind: str, hidden_size: int, max_length: int, section: str
) -> SinusoidalPositions | LearnedPositions | None:
    """Build the positions that are added to inputs; None if they are rotary."""
    match kind:
        case "sinusoidal":
            return SinusoidalPositions()
        case "learned":
            return LearnedPositions(hidden_size, max_length, section=section)
        case "rotary":
            return None
    raise UserError(f"unknown positions {kind!r}: choose sinusoidal, learned or rotary")


def check_heads(hidden_size: int, num_heads: int, section: str) -> None:
    """Refuse a number of heads that does not divide the width.

    Raises:
        UserError: `hidden_size` is not a multiple of `num_heads`.
    """
    if hidden_size % num_heads:
        raise UserError(
            f"{section}.hidden_size = {hidden_size} is not a multiple of {section}.num_heads = {num_heads}"
        )
