"""Pooling: from the vectors of a text (B, T, H) to one vector (B, output_dim).

Each pooling takes an encoder's outputs and a mask, None if there is no padding; padding never changes the result.
Each row has a real token.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.encoder import without_padding


class PoolingOutput(NamedTuple):
    """The `vector` (B, H) of each text, and the attention `weights` (B, T) of its tokens, if any."""

    vector: Tensor
    weights: Tensor | None = None


class Pooling(nn.Module):
    """The base class of poolings.

    Attributes:
        output_dim: components of the pooled vector.
    """

    def __init__(self, output_dim: int) -> None:
        super().__init__()
        self.output_dim = output_dim

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """Pool outputs (B, T, H) with a mask (B, T), True at real tokens."""
        raise NotImplementedError


class LastPooling(Pooling):
    """The output at the last token, when a forward encoder has read the whole text.

    Args:
        dim: H, components of an output.
        bidirectional: the second half of an output was read backwards; it is taken at the first token.
    """

    def __init__(self, dim: int, *, bidirectional: bool) -> None:
        super().__init__(dim)
        self.bidirectional = bidirectional

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """See `Pooling`."""
        if mask is None:
            last = outputs[:, -1]  # (B, H)
        else:
            rows = torch.arange(outputs.size(0), device=outputs.device)
            last = outputs[rows, mask.sum(1) - 1]
        if self.bidirectional:
            forward, _ = last.chunk(2, dim=1)
            _, backward = outputs[:, 0].chunk(2, dim=1)
            last = torch.cat([forward, backward], dim=1)
        return PoolingOutput(last)


class MeanPooling(Pooling):
    """The mean of the outputs.  Iyyer et al. (2015), equation 1."""

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """See `Pooling`."""
        if mask is None:
            return PoolingOutput(outputs.mean(1))
        lengths = mask.sum(1, keepdim=True)  # (B, 1)
        return PoolingOutput(without_padding(outputs, mask).sum(1) / lengths)


class MaxPooling(Pooling):
    """The maximum of each component over time.  Kim (2014), section 2."""

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """See `Pooling`."""
        if mask is not None:
            outputs = outputs.masked_fill(~mask.unsqueeze(2), -torch.inf)
        return PoolingOutput(outputs.amax(1))


class AttentionPooling(Pooling):
    """A mean weighted by attention.  Yang et al. (2016), equations 5 to 7; Lin et al. (2017).

    u_t = tanh(W h_t + b), weight_t = softmax(v . u_t), vector = sum of weight_t h_t.

    Args:
        dim: H, components of an output.
        attention_size: components of u.
    """

    def __init__(self, dim: int, attention_size: int) -> None:
        super().__init__(dim)
        self.hidden = nn.Linear(dim, attention_size)
        self.score = nn.Linear(attention_size, 1, bias=False)

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """See `Pooling`; weights (B, T) are 0 at padding and sum to 1."""
        scores = self.score(torch.tanh(self.hidden(outputs))).squeeze(2)  # (B, T)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(1)
        return PoolingOutput((weights.unsqueeze(1) @ outputs).squeeze(1), weights)


class ConcatPooling(Pooling):
    """Last, mean and max, side by side.  Howard and Ruder (2018), section 3.3.

    Args:
        dim: H, components of an output.
        bidirectional: see `LastPooling`.
    """

    def __init__(self, dim: int, *, bidirectional: bool) -> None:
        super().__init__(3 * dim)
        self.parts = nn.ModuleList(
            [LastPooling(dim, bidirectional=bidirectional), MeanPooling(dim), MaxPooling(dim)]
        )

    def forward(self, outputs: Tensor, mask: Tensor | None) -> PoolingOutput:
        """See `Pooling`."""
        return PoolingOutput(torch.cat([part(outputs, mask).vector for part in self.parts], dim=1))


def build_pooling(kind: str, dim: int, *, bidirectional: bool, attention_size: int) -> Pooling:
    """Build a pooling of outputs (B, T, dim).

    Args:
        kind: "last", "mean", "max", "attention" or "concat".
        dim: components of an output.
        bidirectional: the second half of an output was read backwards (for "last" and "concat").
        attention_size: units of the hidden layer of "attention".

    Raises:
        UserError: unknown kind.
    """
    match kind:
        case "last":
            return LastPooling(dim, bidirectional=bidirectional)
        case "mean":
            return MeanPooling(dim)
        case "max":
            return MaxPooling(dim)
        case "attention":
            return AttentionPooling(dim, attention_size)
        case "concat":
            return ConcatPooling(dim, bidirectional=bidirectional)
    raise UserError(f"unknown pooling {kind!r}: choose last, mean, max, attention or concat")
