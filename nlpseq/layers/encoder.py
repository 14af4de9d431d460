"""The base class of encoders: from vectors (B, T, D) to one vector for each token (B, T, H)."""

from torch import Tensor, nn

from nlpseq.types import EncoderOutput, State


class Encoder(nn.Module):
    """From the vectors of a sequence to vectors that depend on their context.

    An encoder takes vectors, not ids, so that it can also read audio frames or sensor values.

    Attributes:
        output_dim: H, components of an output vector.
        causal: outputs do not depend on later tokens; only then is there a `step`.
    """

    output_dim: int
    causal: bool = False

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Encode whole sequences.

        Args:
            inputs: (B, T, D); values at padding are ignored.
            mask: (B, T) True at real tokens, padding on the right; None: there is no padding.
            state: state after an earlier window, for causal encoders; None: the initial state.

        Returns:
            outputs (B, T, H), zero at padding, and the state after the last real tokens, () if the encoder has none.
        """
        raise NotImplementedError

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Encode one token: inputs (B, D) and the state -> outputs (B, H) and the new state.

        Raises:
            TypeError: the encoder is not causal, so its output depends on later tokens.
        """
        raise TypeError(f"{type(self).__name__} reads whole sequences: it has no single step")

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token of `batch_size` sequences."""
        return ()


def without_padding(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Set vectors (B, T, D) to zero where `mask` (B, T) is False."""
    return outputs if mask is None else outputs.masked_fill(~mask.unsqueeze(2), 0)
