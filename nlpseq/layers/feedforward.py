"""Feedforward layers, for each token alone or for one vector of a whole text; and activations by name.

A deep averaging network (Iyyer et al. 2015) is an encoder without layers, mean pooling, and `FeedforwardLayers` on
the mean.
"""

from typing import Any

from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.normalization import build_normalization
from nlpseq.types import EncoderOutput, State

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
}


def build_activation(name: str) -> nn.Module:
    """Build the activation that is called "tanh", "relu", "leaky_relu" or "gelu".

    Raises:
        UserError: there is no such activation.
    """
    if name not in ACTIVATIONS:
        raise UserError(f"unknown activation {name!r}: choose {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def initialize_before(activation: str, linear: nn.Linear) -> None:
    """Draw the weights of a layer before an activation, in place; the bias becomes zero.

    Glorot and Bengio (2010) for tanh; He et al. (2015) for the rectifiers, and for GELU, which is close to them.
    """
    if activation == "tanh":
        nn.init.xavier_uniform_(linear.weight)
    else:
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)


class FeedforwardLayer(nn.Module):
    """Normalization, affine map, activation, dropout."""

    def __init__(
        self, input_size: int, hidden_size: int, activation: str, dropout: float, normalization: str
    ) -> None:
        super().__init__()
        self.normalization = build_normalization(normalization, input_size)
        self.linear = nn.Linear(input_size, hidden_size)
        self.activation = build_activation(activation)
        self.dropout = LockedDropout(dropout)
        initialize_before(activation, self.linear)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """Apply the layer: (B, T, D) -> (B, T, H)."""
        hidden = self.activation(self.linear(self.normalization(inputs, mask)))  # (B, T, H)
        dropped: Tensor = self.dropout(hidden)
        return dropped


class FeedforwardLayers(nn.Module):
    """A stack of layers that read one vector at a time.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units in each layer.
        num_layers: layers in the stack; with 0 the output is the input, and `output_dim` is D.
        activation: "tanh", "relu", "leaky_relu" or "gelu", after each layer.
        dropout: dropout between layers.
        output_dropout: dropout of the output, also without layers.
        normalization: "none", "layer" or "batch", of each layer's input.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 2,
        activation: str = "relu",
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        normalization: str = "none",
    ) -> None:
        super().__init__()
        self.output_dim = hidden_size if num_layers else input_size
        self.layers = nn.ModuleList(
            FeedforwardLayer(
                hidden_size if depth else input_size,
                hidden_size,
                activation,
                dropout if depth < num_layers - 1 else output_dropout,
                normalization,
            )
            for depth in range(num_layers)
        )
        self.dropout = LockedDropout(0.0 if num_layers else output_dropout)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply the layers to sequences or single vectors.

        Args:
            inputs: (B, T, D), or (B, D), treated as sequences of one token.
            mask: (B, T) True at real tokens; None: there is no padding.

        Returns:
            (B, T, H), undefined at padding, or (B, H).
        """
        if inputs.dim() == 2:
            vectors: Tensor = self(inputs.unsqueeze(1)).squeeze(1)
            return vectors
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs, mask)
        dropped: Tensor = self.dropout(outputs)
        return dropped


class FeedforwardEncoder(Encoder):
    """An encoder that reads each token alone, without its context."""

    def __init__(self, layers: FeedforwardLayers) -> None:
        super().__init__()
        self.layers = layers
        self.output_dim = layers.output_dim

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode inputs (B, T, D): outputs (B, T, H), zero at padding, and no state."""
        return EncoderOutput(without_padding(self.layers(inputs, mask), mask), ())


def build_feedforward_encoder(input_size: int, **options: Any) -> FeedforwardEncoder:
    """Build an encoder from the options of `FeedforwardLayers`."""
    return FeedforwardEncoder(FeedforwardLayers(input_size, **options))
