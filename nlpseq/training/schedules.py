"""Learning-rate schedules as pure functions of the step, so that they need no state in a checkpoint.

`schedule_factor(step, total, config)` multiplies the base learning rate for the update after `step` updates.
Every schedule rises linearly in the warm-up, whose last update has the full rate, and none makes an update
at rate zero. Only `plateau` depends on scores; it is a small class with a state.
"""

import math
from collections.abc import Mapping
from typing import Any

from nlpseq.recipe import TrainingConfig

ONE_CYCLE_WARMUP = 0.3
ONE_CYCLE_START = 1 / 25


def schedule_factor(step: int, total: int, config: TrainingConfig) -> float:
    """Return the factor of the base learning rate.

    Args:
        step: updates made so far, from 0.
        total: updates of the whole run; later steps keep the last value.
        config: `schedule`, `warmup`, `learning_rate` and `final_learning_rate` are read.

    Returns:
        The factor; for `plateau` that of its warm-up, to be multiplied by `Plateau.scale`.
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
    """Return the updates of the warm-up: `config.warmup`, or that share of all updates if below 1."""
    if config.warmup >= 1:
        return round(config.warmup)
    share = config.warmup
    if config.schedule == "one_cycle" and share == 0:
        share = ONE_CYCLE_WARMUP
    return round(share * total)


def _cosine(start: float, end: float, done: float) -> float:
    """Follow half a cosine from `start` to `end`: Loshchilov & Hutter (2017), eq. 5 without restarts."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _one_cycle(step: int, warmup: int, done: float, final: float) -> float:
    """Rise from 1/25 to 1 and fall to `final`, by cosines: Smith (2018), shaped as in fastai."""
    if step < warmup:
        return _cosine(ONE_CYCLE_START, 1.0, step / warmup)
    return _cosine(1.0, final, done)


class Plateau:
    """Reduces the learning rate when validation stops improving.

    Args:
        plateau_factor: factor of each reduction.
        plateau_patience: validations without improvement before a reduction.

    Attributes:
        scale: product of all reductions so far.
    """

    def __init__(self, plateau_factor: float, plateau_patience: int) -> None:
        self.plateau_factor = plateau_factor
        self.plateau_patience = plateau_patience
        self.scale = 1.0
        self.best: float | None = None
        self.stale = 0

    def update(self, score: float, higher_is_better: bool) -> None:
        """Update the scale with the score of a validation."""
        if is_better(score, self.best, higher_is_better):
            self.best, self.stale = score, 0
            return
        self.stale += 1
        if self.stale > self.plateau_patience:
            self.scale *= self.plateau_factor
            self.stale = 0

    def state(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores, as JSON."""
        return {"scale": self.scale, "best": self.best, "stale": self.stale}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.scale, self.best, self.stale = state["scale"], state["best"], state["stale"]


def is_better(score: float, best: float | None, higher_is_better: bool) -> bool:
    """Return whether a score is better than the best so far; a tie or NaN is not."""
    if math.isnan(score):
        return False
    if best is None:
        return True
    return score > best if higher_is_better else score < best
