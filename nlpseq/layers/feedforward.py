"""Feedforward layers: of each token alone, or of one vector for a whole text.

A deep averaging network (Iyyer et al. 2015) is an encoder of no layers, mean pooling, and
`FeedforwardLayers` on the mean.
"""

from torch import Tensor, nn

from nlpseq.layers.activations import build_activation, initialize_before
from nlpseq.layers.dropout import LockedDropout
from nlpseq.layers.encoder import Encoder, without_padding
from nlpseq.layers.normalization import build_normalization
from nlpseq.types import EncoderOutput, State


class FeedforwardLayer(nn.Module):
    """Normalisation, affine map, activation, dropout."""

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
        """(B, T, D) -> (B, T, H)."""
        hidden = self.activation(self.linear(self.normalization(inputs, mask)))  # (B, T, H)
        dropped: Tensor = self.dropout(hidden)
        return dropped


class FeedforwardLayers(nn.Module):
    """A stack of layers that see one vector at a time.

    Args:
        input_size: D, components of an input vector.
        hidden_size: units H of a layer.
        num_layers: depth; of 0 layers the output is the input, and `output_dim` is D.
        activation: "tanh", "relu", "leaky_relu" or "gelu", after every layer.
        dropout: of what one layer hands to the next.
        output_dropout: of what comes out, be it of no layer.
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
        """Read sequences or single vectors.

        Args:
            inputs: (B, T, D), or (B, D), which are sequences of one.
            mask: (B, T) True at real tokens; None: there is no padding.

        Returns:
            (B, T, H), undefined at padding, or (B, H).
        """
        if inputs.dim() == 2:
            alone: Tensor = self(inputs.unsqueeze(1)).squeeze(1)
            return alone
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs, mask)
        dropped: Tensor = self.dropout(outputs)
        return dropped


class FeedforwardEncoder(Encoder):
    """Each token by itself, without its context."""

    def __init__(self, layers: FeedforwardLayers) -> None:
        super().__init__()
        self.layers = layers
        self.output_dim = layers.output_dim

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Inputs (B, T, D) -> outputs (B, T, H), zero at padding, and no state."""
        return EncoderOutput(without_padding(self.layers(inputs, mask), mask), ())
