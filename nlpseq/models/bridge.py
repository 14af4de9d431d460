"""From the source's encoding to the state in which a decoder starts."""

import torch
from torch import Tensor, nn

from nlpseq.layers.encoder import without_padding
from nlpseq.types import EncoderOutput, State


class Bridge(nn.Module):
    """A decoder's first state, of L layers with H units and as many parts as its cells have.

    Attributes of every kind; subclasses fill in `forward`.
    """

    def __init__(self, num_layers: int, hidden_size: int, num_states: int) -> None:
        super().__init__()
        self.shape = (num_layers, hidden_size)
        self.num_states = num_states

    def forward(self, encoded: EncoderOutput, mask: Tensor) -> State:
        """From the encoding of sentences and the mask (B, S) of their tokens: tuple of (B, L, H)."""
        raise NotImplementedError


class ZeroBridge(Bridge):
    """The decoder knows the source by attention alone."""

    def forward(self, encoded: EncoderOutput, mask: Tensor) -> State:
        """Zeros."""
        shape = (len(mask), *self.shape)
        return tuple(encoded.outputs.new_zeros(shape) for _ in range(self.num_states))


class ProjectingBridge(Bridge):
    """tanh(W s), a W for each part of the state; s sums the source up in one vector.

    Args:
        summary: s is "mean", of the outputs (Sennrich et al. 2017, section 3), or "last", the state of
            the encoder's last layer, both directions where it has two (after Bahdanau et al. 2015, A.2.2,
            who take one).
        output_dim: of the encoder's outputs, and of its last layer's state.
        num_directions: of that state.
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
        """See the class."""
        if self.summary == "last":
            vector = encoded.state[0][:, -self.num_directions :].flatten(1)  # (B, M)
        else:
            total = without_padding(encoded.outputs, mask).sum(1)
            vector = total / mask.sum(1, keepdim=True)
        return tuple(
            torch.tanh(projection(vector)).unflatten(1, self.shape)
            for projection in self.projections
        )
