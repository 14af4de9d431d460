"""Transformer layers: pre-norm, with a norm at the end.  Vaswani et al. (2017); Xiong et al. (2020).

Inputs are projected if they have not the model's width, and then multiplied by the root of that width
(Vaswani et al. 2017, section 3.4): token vectors are drawn with a variance of 1 / D, and would
otherwise be faint beside the positions that are added to them. Projections start as Glorot and Bengio
(2010) draw them, with biases of zero.
"""

import math

from torch import Tensor, nn

from nlpseq.contracts import Encoded, State
from nlpseq.errors import UserError
from nlpseq.layers.activations import build_activation
from nlpseq.layers.attention import MultiHeadAttention
from nlpseq.layers.dropout import Dropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + feedforward(norm(x)).  Xiong et al. (2020), figure 1b."""

    def __init__(
        self,
        hidden_size: int,
        attention: MultiHeadAttention,
        *,
        feedforward_size: int,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.attention = attention
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.feedforward = nn.Sequential(
            nn.Linear(hidden_size, feedforward_size),
            build_activation(activation),
            nn.Linear(feedforward_size, hidden_size),
        )
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        hidden: Tensor = inputs + self.dropout(self.attention(self.attention_norm(inputs), mask))
        hidden = hidden + self.dropout(self.feedforward(self.feedforward_norm(hidden)))
        return hidden


class TransformerEncoder(Encoder):
    """A stack of layers, each token seeing the whole text.

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

    Raises:
        UserError: sizes that do not fit the heads, or unknown positions.
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
    ) -> None:
        super().__init__()
        _check_heads(hidden_size, num_heads, positions)
        self.output_dim = hidden_size
        self.scale = math.sqrt(hidden_size)
        same = input_size == hidden_size
        self.projection = nn.Identity() if same else nn.Linear(input_size, hidden_size)
        self.positions = _build_positions(positions, hidden_size, max_length)
        self.dropout = Dropout(dropout)
        rotary = RotaryPositions() if positions == "rotary" else None
        self.layers = nn.ModuleList(
            TransformerLayer(
                hidden_size,
                MultiHeadAttention(
                    hidden_size, num_heads, dropout=attention_dropout, rotary=rotary
                ),
                feedforward_size=feedforward_size,
                activation=activation,
                dropout=dropout,
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.output_dropout = Dropout(output_dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, inputs: Tensor, mask: Tensor | None, state: State | None = None) -> Encoded:
        """Inputs (B, T, D) -> outputs (B, T, H), zero at padding, and no state."""
        projected = self.projection(without_padding(inputs, mask)) * self.scale  # (B, T, H)
        outputs = self.dropout(self.positions(projected))
        for layer in self.layers:
            outputs = layer(outputs, mask)
        outputs = self.output_dropout(self.norm(outputs))
        return Encoded(without_padding(outputs, mask), ())


def _build_positions(kind: str, hidden_size: int, max_length: int) -> nn.Module:
    """What is done to the inputs of the first layer: nothing if positions are rotary."""
    match kind:
        case "sinusoidal":
            return SinusoidalPositions()
        case "learned":
            return LearnedPositions(hidden_size, max_length)
        case "rotary":
            return nn.Identity()
    raise UserError(f"unknown positions {kind!r}: choose sinusoidal, learned or rotary")


def _check_heads(hidden_size: int, num_heads: int, positions: str) -> None:
    if hidden_size % num_heads:
        raise UserError(
            f"encoder.hidden_size = {hidden_size} is not a multiple of encoder.num_heads = {num_heads}"
        )
    if positions == "rotary" and hidden_size // num_heads % 2:
        raise UserError(
            f"encoder.positions = rotary turns pairs of components, but {num_heads} heads of "
            f"encoder.hidden_size = {hidden_size} have {hidden_size // num_heads} each: make it even"
        )
