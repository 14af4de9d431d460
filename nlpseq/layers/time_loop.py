"""A loop over time that `torch.export` and `torch.compile` keep as a loop.

They unroll a Python loop, and the program then fits a single length. `torch`'s `scan` stays one node of the graph,
for every length, and ONNX has the same operator. Outside of traced graphs it would only be slower.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nlpseq.types import State

Stepped = tuple[State, State]
"""The result of a step: the next state, and outputs. It has a name because the compiler knows no `tuple[...]`."""

TimeStep = Callable[..., Stepped]


def over_time(step: TimeStep, state: State, inputs: Sequence[Tensor]) -> Stepped:
    """Run a step over dimension 0 of some tensors.

    Args:
        step: takes the state and a slice of each input, in order; returns the next state and a tuple of outputs.
        state: before the first step.
        inputs: (T, ...) each, with T >= 1.

    Returns:
        The state after the last step, and the outputs (T, ...).
    """
    if torch.compiler.is_compiling():
        return _scan(step, state, inputs)
    steps = []
    for slices in zip(*(part.unbind(0) for part in inputs), strict=True):
        state, outputs = step(state, *slices)
        steps.append(outputs)
    return state, tuple(torch.stack(parts) for parts in zip(*steps, strict=True))


def _scan(step: TimeStep, state: State, inputs: Sequence[Tensor]) -> Stepped:
    """Run the step by torch's operator, whose results may not share memory with what it reads."""
    from torch._higher_order_ops.scan import scan  # imports the compiler

    def copying(state: State, slices: State) -> Stepped:
        after, outputs = step(state, *slices)
        kept = tuple(new.to(old.dtype).clone() for new, old in zip(after, state, strict=True))
        return kept, tuple(output.clone() for output in outputs)

    after, outputs = scan(copying, tuple(part.clone() for part in state), tuple(inputs))
    return tuple(after), tuple(outputs)
