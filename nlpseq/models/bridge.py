"""Bridges: from the encoded source to the first state of a recurrent decoder."""

import torch
from torch import Tensor, nn

from nlpseq.layers.encoder import without_padding
from nlpseq.types import EncoderOutput, State


class Bridge(nn.Module):
    """The base class of bridges.

    Args:
        num_layers: L, layers of the decoder.
        hidden_size: H, units in each layer.
        num_states: tensors in a state of the decoder's cells.
    """

    def __init__(self, num_layers: int, hidden_size: int, num_states: int) -> None:
        super().__init__()
        self.shape = (num_layers, hidden_size)
        self.num_states = num_states

    def forward(self, encoded: EncoderOutput, mask: Tensor) -> State:
        """Return the first state, a tuple of (B, L, H), from encoded sentences and their mask (B, S)."""
        raise NotImplementedError


class ZeroBridge(Bridge):
    """A first state of zeros: the decoder knows the source by attention alone."""

    def forward(self, encoded: EncoderOutput, mask: Tensor) -> State:
        """Return zeros."""
        shape = (mask.size(0), *self.shape)
        return tuple(encoded.outputs.new_zeros(shape) for _ in range(self.num_states))


class ProjectingBridge(Bridge):
    """A first state tanh(W s), with a W for each tensor of the state and a summary s of the source.

    Args:
        num_layers: L, layers of the decoder.
        hidden_size: H, units in each layer.
        num_states: tensors in a state of the decoder's cells.
        summary: "mean" of the outputs (Sennrich et al. 2017, section 3), or "last", the state of the encoder's last
            layer in all its directions (Bahdanau et al. 2015, A.2.2, use one direction).
        output_dim: components of the encoder's outputs, and of its last layer's state.
        num_directions: directions in that state.
    """

    def __init__(
        self,
        num_layers: int,
        hidden_size: int,
        num_states: int,
        *,
        summary: str,
        output_dim: int,
        num_directions: int = 1,
    ) -> None:
        super().__init__(num_layers, hidden_size, num_states)
        self.summary = summary
        self.num_directions = num_directions
        self.projections = nn.ModuleList(
            nn.Linear(output_dim, num_layers * hidden_size) for _ in range(num_states)
        )

    def forward(self, encoded: EncoderOutput, mask: Tensor) -> State:
        """Return tanh(W s), a tuple of (B, L, H)."""
        if self.summary == "last":
            vector = encoded.state[0][:, -self.num_directions :].flatten(1)  # (B, M)
        else:
            total = without_padding(encoded.outputs, mask).sum(1)
            vector = total / mask.sum(1, keepdim=True)
        return tuple(
            torch.tanh(projection(vector)).unflatten(1, self.shape)
            for projection in self.projections
        )
