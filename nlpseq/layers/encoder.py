"""What every encoder is: vectors (B, T, D) in, one vector (B, T, H) a token out."""

from torch import Tensor, nn

from nlpseq.types import EncoderOutput, State


class Encoder(nn.Module):
    """From the vectors of a sequence to vectors that know their context.

    An encoder takes vectors, not ids, so that sound frames or sensor readings can enter by another door.

    Attributes:
        output_dim: H, components of an output vector.
        causal: an output depends on nothing that comes later; only then is there a `step`.
    """

    output_dim: int
    causal: bool = False

    def forward(
        self, inputs: Tensor, mask: Tensor | None, state: State | None = None
    ) -> EncoderOutput:
        """Read whole sequences.

        Args:
            inputs: (B, T, D); what stands at padding is ignored.
            mask: (B, T) True at real tokens, padding on the right; None: there is no padding.
            state: from an earlier window, of causal encoders; None: a fresh one.

        Returns:
            outputs (B, T, H), zero at padding, and the state after the last real tokens; it is empty
            where an encoder has none.
        """
        raise NotImplementedError

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token: inputs (B, D) and the state before -> outputs (B, H) and the state after.

        Raises:
            TypeError: the encoder is not causal, so its output depends on tokens to come.
        """
        raise TypeError(f"{type(self).__name__} reads whole sequences: it has no single step")

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token of `batch_size` sequences."""
        return ()


def without_padding(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Vectors (B, T, D) with zeros where `mask` (B, T) is False."""
    return outputs if mask is None else outputs.masked_fill(~mask.unsqueeze(2), 0)
