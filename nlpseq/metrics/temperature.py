"""Temperature scaling: one number by which logits are divided, so that probabilities fit validation (Guo et al. 2017).

Dividing all logits by a temperature T changes no order, so no prediction. T > 1 makes a model less sure, T < 1 surer.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

LOWEST, HIGHEST = 0.05, 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_WIDTH = 1e-5  # of the last interval of log T


class Fit(NamedTuple):
    """A temperature, and the nll without and with it."""

    temperature: float
    before: float
    after: float

    @property
    def bounded(self) -> bool:
        """Tell whether the nll still falls at the end of the range, as where every prediction is right."""
        return not 1.01 * LOWEST < self.temperature < HIGHEST / 1.01


def fit_temperature(nll: Callable[[float], float]) -> Fit:
    """Minimise the nll over log T by golden-section search.

    The nll of a softmax, or of a CRF, is convex in 1 / T, so it has one minimum.

    Args:
        nll: of validation by temperature.
    """
    low, high = math.log(LOWEST), math.log(HIGHEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = nll(math.exp(left)), nll(math.exp(right))
    while high - low > _WIDTH:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = nll(math.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = nll(math.exp(right))
    chosen = math.exp((low + high) / 2)
    return Fit(chosen, nll(1.0), nll(chosen))
