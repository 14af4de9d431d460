"""The coverage penalty: how much of the source a hypothesis has attended to (Wu et al., 2016, equation 14)."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nlpseq.errors import UserError


@dataclass(frozen=True)
class Coverage:
    """The attention of each hypothesis, summed over its steps, and the penalty for what it left out.

    With `strength` 0 nothing is summed and no weights are needed.

    Attributes:
        strength: beta of the penalty.
        mask: (R, S) True at the source positions that count; None: all.
        sums: (R, S) attention weights so far; None before the first step.
    """

    strength: float
    mask: Tensor | None = None
    sums: Tensor | None = None

    def add(self, weights: Tensor | None) -> Self:
        """Add the weights (R, S) of a step.

        Raises:
            UserError: there are no weights.
        """
        if self.strength == 0:
            return self
        if weights is None:
            raise UserError(
                f"decoding.coverage_penalty = {self.strength}: this model's steps give no attention "
                "weights; set it to 0, or use a decoder that attends"
            )
        # Half precision would lose what a long hypothesis adds.
        weights = weights.to(torch.promote_types(weights.dtype, torch.float32))
        return replace(self, sums=weights if self.sums is None else self.sums + weights)

    def select(self, rows: Tensor) -> Self:
        """Select hypotheses by their rows (R',)."""
        if self.sums is None:
            return self
        mask = None if self.mask is None else self.mask.index_select(0, rows)
        return replace(self, mask=mask, sums=self.sums.index_select(0, rows))

    def penalties(self) -> Tensor | None:
        """Return the penalty (R,) of each row, at most 0; None if there is none.

        It is beta * sum over the source of log(min(attention, 1)). Attention of 0 is replaced by the smallest
        positive number, so that scores stay finite.
        """
        if self.sums is None:
            return None
        logs = self.sums.clamp(torch.finfo(self.sums.dtype).tiny, 1.0).log()  # (R, S)
        if self.mask is not None:
            logs = logs.masked_fill(~self.mask, 0.0)
        return self.strength * logs.sum(dim=1)  # (R,)
