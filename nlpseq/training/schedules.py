"""Learning-rate schedules: pure functions of the step, so a resumed run needs to remember nothing.

`factor(step, total, config)` multiplies the base learning rate for the update that follows `step`
finished ones. Every schedule climbs linearly through the warm-up, whose last update has the full
rate, and none wastes an update at rate zero. Only `plateau` depends on what happened; it is a small
class with a state.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from nlpseq.recipe import TrainingConfig

ONE_CYCLE_WARMUP = 0.3
ONE_CYCLE_START = 1 / 25

Curve = Callable[[float], float]


def factor(step: int, total: int, config: TrainingConfig) -> float:
    """What the base learning rate is multiplied by.

    Args:
        step: updates done so far, from 0.
        total: updates of the whole run; past it, the last value stays.
        config: `schedule`, `warmup`, `learning_rate` and `final_learning_rate` are read.

    Returns:
        The factor; for `plateau` its warm-up only, which `Plateau.scale` multiplies.
    """
    warmup = warmup_steps(total, config)
    final = config.final_learning_rate / config.learning_rate
    done = min(max(step - warmup, 0) / max(total - warmup, 1), 1.0)
    if config.schedule == "one_cycle":
        return _one_cycle(step, warmup, done, final)
    if step < warmup:
        return (step + 1) / warmup
    match config.schedule:
        case "linear":
            return 1 + (final - 1) * done
        case "cosine":
            return _cosine(1.0, final, done)
        case "inverse_sqrt":
            # Vaswani et al. (2017), eq. 3, scaled so that the warm-up ends at 1.
            return math.sqrt(max(warmup, 1) / (step + 1))
    return 1.0


def warmup_steps(total: int, config: TrainingConfig) -> int:
    """Updates of the warm-up: `config.warmup` itself, or that share of all where it is below 1."""
    if config.warmup >= 1:
        return round(config.warmup)
    share = config.warmup
    if config.schedule == "one_cycle" and share == 0:
        share = ONE_CYCLE_WARMUP
    return round(share * total)


def _cosine(start: float, end: float, done: float) -> float:
    """Half a cosine from `start` to `end`: Loshchilov & Hutter (2017), eq. 5 without restarts."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _one_cycle(step: int, warmup: int, done: float, final: float) -> float:
    """Up from 1/25 to 1 and down to `final`, by cosines: Smith (2018), shaped as in fastai."""
    if step < warmup:
        return _cosine(ONE_CYCLE_START, 1.0, step / warmup)
    return _cosine(1.0, final, done)


class Plateau:
    """Multiplies the rate whenever validation has not improved for some time.

    Args:
        plateau_factor: what the rate is multiplied by.
        plateau_patience: validations without gain that are forgiven; the next one reduces.
        higher_is_better: whether scores should rise.

    Attributes:
        scale: the product of all reductions so far.
    """

    def __init__(
        self, plateau_factor: float, plateau_patience: int, higher_is_better: bool
    ) -> None:
        self.plateau_factor = plateau_factor
        self.plateau_patience = plateau_patience
        self.higher_is_better = higher_is_better
        self.scale = 1.0
        self.best: float | None = None
        self.stale = 0

    def update(self, score: float) -> None:
        """Take in the score of one validation."""
        if better(score, self.best, self.higher_is_better):
            self.best, self.stale = score, 0
            return
        self.stale += 1
        if self.stale > self.plateau_patience:
            self.scale *= self.plateau_factor
            self.stale = 0

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know, as JSON."""
        return {"scale": self.scale, "best": self.best, "stale": self.stale}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back a `state`."""
        self.scale, self.best, self.stale = state["scale"], state["best"], state["stale"]


def better(score: float, best: float | None, higher_is_better: bool) -> bool:
    """Whether a score is a gain: a tie is none, and what is not a number never is."""
    if math.isnan(score):
        return False
    if best is None:
        return True
    return score > best if higher_is_better else score < best
