"""The number of threads of a command: by the processors and the size of the model, and never by the load.

The number decides the bits of a run. So it is recorded, and an interrupted run is continued with its own. Variables
that the user has set are left alone. So are processes that import nlpseq: only `choose` starts anything.
"""

import os
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .processors import Processors, allowed_processors, usable_processors
from .waiting import Waiting

if TYPE_CHECKING:
    from torch import nn

NUMBER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_DYNAMIC")
"""Variables with which a user sets the number of threads."""
POLICY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables with which a user sets how threads wait."""
PLACES = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
"""Variables that bind threads to processors, which then wait as the library decides."""

MOST = 1024
"""Largest number of threads that a run is resumed with."""
LEAST, WEIGHTS_PER_THREAD = 2, 2**15
"""A model gets a thread for each 32,768 weights that it multiplies by, and two at least.

On two cores a tagger of 68,000 such weights trains 10% faster with two threads, a language model of 140,000 by 40%.
Further threads bring less, and all of them meet after each operation. More than two cores were not measured."""
REASONS = {
    "processors": "by the number of processors",
    "affinity": "by the processors that this process may use",
    "quota": "by the quota of the container",
    "processes": "the processes of the run share the processors",
    "model": "enough for a small model",
    "resumed": "as before the interruption",
}


@dataclass
class _Choice:
    """The threads of this command.

    Attributes:
        reason: a key of `REASONS`, or the variable that the user has set.
        most: largest number; None: PyTorch's own.
        waiting: lets threads wait as the load allows; None: the user decides.
        policy: the variable that decides how threads wait, if there is one.
        fixed: the user has set the number.
        by: the reason of the present number.
    """

    reason: str
    most: int | None = None
    waiting: Waiting | None = None
    policy: str = ""
    fixed: bool = False
    by: str = ""

    def set(self, number: int, by: str) -> None:
        """Set the number of threads, and let them wait as the load allows."""
        import torch

        if number != torch.get_num_threads():
            torch.set_num_threads(number)
        self.by = by
        if self.waiting:
            self.waiting.start(number)


_choice: _Choice | None = None


def choose(environment: MutableMapping[str, str] = os.environ) -> None:
    """Choose the threads of this process, before it imports torch; afterwards do nothing.

    Args:
        environment: variables that libraries read when they are loaded.
    """
    global _choice
    if "torch" in sys.modules:
        return
    policy = next((name for name in (*POLICY, *PLACES) if environment.get(name)), "")
    waiting = None if policy else Waiting()
    given = next((name for name in NUMBER if environment.get(name)), "")
    if given:
        _choice = _Choice(given, waiting=waiting, policy=policy, fixed=True)
        return
    processors: Processors = usable_processors(environment=environment)
    if processors.number < len(allowed_processors()):
        environment["OMP_NUM_THREADS"] = str(processors.number)
    _choice = _Choice(processors.reason, waiting=waiting, policy=policy)


def fit_to_model(model: "nn.Module") -> None:
    """Set the number of threads for a model, and let threads wait as the load allows."""
    import torch

    if _choice is None:
        return
    if _choice.most is None:
        _choice.most = torch.get_num_threads()
    enough = max(LEAST, _weights(model) // WEIGHTS_PER_THREAD)
    if _choice.fixed or enough >= _choice.most:
        _choice.set(_choice.most, _choice.reason)
    else:
        _choice.set(enough, "model")


def _weights(model: "nn.Module") -> int:
    """Count the weights that a model multiplies by: all that are not in an embedding alone."""
    named = model.named_parameters(
        remove_duplicate=False
    )  # an output layer may share the embedding
    return sum(weight.numel() for name, weight in named if "embedding" not in name.split(".")[0])


def continue_with(number: object) -> None:
    """Take the number of threads of an interrupted run, unless the user has set one.

    Args:
        number: as it was recorded; anything but a sane number changes nothing.
    """
    import torch

    if _choice is None or _choice.fixed or type(number) is not int or not 1 <= number <= MOST:
        return
    if number != torch.get_num_threads():
        _choice.set(number, "resumed")


def record() -> dict[str, Any]:
    """Return what was chosen, for metrics.json.

    `crowded` is the share of the time in which other programs wanted the processors too.
    """
    import torch

    result: dict[str, Any] = {"number": torch.get_num_threads(), "by": "torch"}
    if _choice is None:
        return result
    result["by"] = _choice.by or _choice.reason
    if _choice.waiting is None:
        return {**result, "waiting": _choice.policy}
    return {**result, "waiting": _choice.waiting.kind, "crowded": _choice.waiting.crowded}


def description() -> str:
    """Return a line about the threads; '' where nothing was chosen."""
    if _choice is None:
        return ""
    chosen = record()
    number, reason = chosen["number"], REASONS.get(chosen["by"], f"by {chosen['by']}")
    line = f"{number} thread{'s' * (number != 1)}: {reason}"
    if number == 1:
        return line
    if chosen["waiting"] == "load":
        return f"{line}; they wait as other programs allow"
    return (
        f"{line}; they wait {'as PyTorch does' if not _choice.policy else f'by {_choice.policy}'}"
    )
