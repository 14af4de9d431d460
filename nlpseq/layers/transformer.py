"""Transformer layers: pre-norm, with a norm at the end.  Vaswani et al. (2017); Xiong et al. (2020).

Inputs are projected if they have not the model's width, and then multiplied by the root of that width
(Vaswani et al. 2017, section 3.4): token vectors are drawn with a variance of 1 / D, and would
otherwise be faint beside the positions that are added to them. Projections start as Glorot and Bengio
(2010) draw them, with biases of zero.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.activations import build_activation
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.key_value_cache import KeyValueCache
from nlpseq.layers.positions import First, LearnedPositions, Rotation, SinusoidalPositions
from nlpseq.layers.self_attention import AttentionMask, MultiHeadAttention
from nlpseq.types import EncoderOutput, State


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + feedforward(norm(x)).  Xiong et al. (2020), figure 1b.

    Args:
        hidden_size: H.
        num_heads: of the attention.
        feedforward_size: units inside the feedforward part.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of that part.
        dropout: of what each sublayer adds (Vaswani et al. 2017, section 5.4).
        attention_dropout: of attention weights.
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
        self, inputs: Tensor, sight: AttentionMask, cache: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, H) -> (B, T, H); the cache is that of `MultiHeadAttention`."""
        hidden, cache = self.look(inputs, sight, cache)
        return self.think(hidden), cache

    def look(
        self, inputs: Tensor, sight: AttentionMask, cache: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The first sublayer."""
        context, cache = self.attention(self.attention_norm(inputs), sight, cache)
        return inputs + self.dropout(context), cache

    def think(self, hidden: Tensor) -> Tensor:
        """The last sublayer."""
        added: Tensor = self.dropout(self.feedforward(self.feedforward_norm(hidden)))
        return hidden + added


class TransformerStack(nn.Module):
    """Layers between a way in and a norm: what encoders and decoders share.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, width of the model.
        layers: of that width.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: tokens that "learned" positions have vectors for.
        dropout: of what goes into the first layer.
        output_dropout: of what the last norm gives.
        section: of the recipe, to name in messages.

    Raises:
        UserError: unknown positions, or an odd size of heads for rotary ones.
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
                f"{section}.positions = rotary turns pairs of components, but the heads of "
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

    def enter(self, inputs: Tensor, first: First = 0) -> Tensor:
        """What the first layer reads: (B, T, D) -> (B, T, H); `first` is the place of the first token."""
        hidden = self.projection(inputs) * self.scale  # (B, T, H)
        if self.positions is not None:
            hidden = self.positions(hidden, first)
        entered: Tensor = self.dropout(hidden)
        return entered

    def leave(self, hidden: Tensor) -> Tensor:
        """What the stack gives of the last layer's outputs."""
        outputs: Tensor = self.output_dropout(self.norm(hidden))
        return outputs

    def rotation(self, length: int, like: Tensor) -> Rotation | None:
        """Of `length` places, where positions are rotary."""
        return Rotation.of(length, self.head_size, like) if self.positions is None else None

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token of `batch_size` sequences, of causal layers."""
        like = self.norm.weight
        return KeyValueCache.empty(batch_size, len(self.layers), self.hidden_size, like)


class TransformerEncoder(TransformerStack, Encoder):
    """A stack of layers, each token seeing the whole text, or, if it is causal, what came before.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, width of the model; a multiple of `num_heads`.
        num_layers: depth of the stack.
        num_heads: of each layer's attention.
        feedforward_size: units inside each layer's feedforward part.
        positions: "sinusoidal", "learned" or "rotary"; rotary needs heads of an even size.
        max_length: tokens that "learned" positions have vectors for.
        activation: "tanh", "relu", "leaky_relu" or "gelu", of the feedforward parts.
        dropout: of the layers' input and of what each sublayer adds (Vaswani et al. 2017, section 5.4).
        attention_dropout: of attention weights.
        output_dropout: of what the last norm gives.
        context: 0, or N to make the encoder causal: in each layer a token sees itself and the N - 1 before
            it. The state is a `KeyValueCache`; positions are rotary then.

    Raises:
        UserError: sizes that do not fit the heads, unknown positions, or a context for added ones.
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
                f"encoder.positions = {positions}: a context that moves on with the text needs rotary ones"
            )
        self.output_dim = hidden_size
        self.causal = context > 0
        self.context = context

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Inputs (B, T, D) -> outputs (B, T, H), zero at padding, and a state if the encoder is causal."""
        inputs = without_padding(inputs, mask)
        if self.causal:
            outputs, state = self._read_on(inputs, mask, state)
        else:
            rotation = self.rotation(inputs.size(1), inputs)
            seen = None if mask is None else mask[:, None, None]  # (B, 1, 1, T)
            outputs, state = self.enter(inputs), ()
            for layer in self.layers:
                outputs, _ = layer(outputs, AttentionMask(seen, rotation=rotation))
        return EncoderOutput(without_padding(self.leave(outputs), mask), state)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token: inputs (B, D) and the state before -> outputs (B, H) and the state after.

        Raises:
            TypeError: the encoder is not causal, so its output depends on tokens to come.
        """
        if not self.causal:
            return super().step(inputs, state)
        outputs, state = self.forward(inputs.unsqueeze(1), None, state)
        return outputs.squeeze(1), state

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token of `batch_size` sequences; empty if there are no steps."""
        return super().initial_state(batch_size) if self.causal else ()

    def _read_on(
        self, inputs: Tensor, mask: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        batch, length, _ = inputs.shape
        past = KeyValueCache(state or self.initial_state(batch), self.context)
        sight = past.sight(length, self.rotation(past.size + length, inputs))
        outputs, caches = self.enter(inputs, past.first), []
        for layer, before in zip(self.layers, past.caches, strict=True):
            outputs, cache = layer(outputs, sight, before)
            caches.append(cache)
        return outputs, past.after(caches, mask)


def _build_positions(
    kind: str, hidden_size: int, max_length: int, section: str
) -> SinusoidalPositions | LearnedPositions | None:
    """What is added to the inputs of the first layer: nothing if positions are rotary."""
    match kind:
        case "sinusoidal":
            return SinusoidalPositions()
        case "learned":
            return LearnedPositions(hidden_size, max_length, section=section)
        case "rotary":
            return None
    raise UserError(f"unknown positions {kind!r}: choose sinusoidal, learned or rotary")


def check_heads(hidden_size: int, num_heads: int, section: str) -> None:
    """Refuse heads that cannot share the width evenly.

    Raises:
        UserError: `hidden_size` is not a multiple of `num_heads`.
    """
    if hidden_size % num_heads:
        raise UserError(
            f"{section}.hidden_size = {hidden_size} is not a multiple of {section}.num_heads = {num_heads}"
        )
