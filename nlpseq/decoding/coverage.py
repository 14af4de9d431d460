"""How much of the source a hypothesis has attended to, as a part of its score (Wu et al., 2016, equation 14)."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nlpseq.errors import UserError


@dataclass(frozen=True)
class Coverage:
    """Attention summed over the steps of each hypothesis, and what it costs to have left something out.

    With `strength` 0 nothing is summed and no weights are needed.

    Attributes:
        strength: beta of the penalty.
        mask: (R, S) True at the source positions that count; None where all do.
        sums: (R, S) attention weights so far; None before the first step.
    """

    strength: float
    mask: Tensor | None = None
    sums: Tensor | None = None

    def add(self, weights: Tensor | None) -> Self:
        """Attend once more, with weights (R, S).

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
        """Follow `rows` (R',) of the hypotheses."""
        if self.sums is None:
            return self
        mask = None if self.mask is None else self.mask.index_select(0, rows)
        return replace(self, mask=mask, sums=self.sums.index_select(0, rows))

    def penalties(self) -> Tensor | None:
        """Score (R,), at most 0, of how each row covers its source; None where that does not count.

        It is beta * sum over the source of log(min(attention, 1)). A position without any attention counts as
        the smallest number there is, so that scores stay finite.
        """
        if self.sums is None:
            return None
        logs = self.sums.clamp(torch.finfo(self.sums.dtype).tiny, 1.0).log()  # (R, S)
        if self.mask is not None:
            logs = logs.masked_fill(~self.mask, 0.0)
        return self.strength * logs.sum(dim=1)  # (R,)
