"""The base classes of recurrent cells: `Cell`, and `RecurrentCell` for cells that read the previous output.

A cell writes the same step three times, and the tests hold the three together:

    equations(inputs, state)  the paper, line by line: read this first
    step(inputs, state)       one token, fast; used to generate and decode. `nn.LSTM` on one token costs five
                              times as much, because it repacks its weights at each call
    sweep(inputs, state)      a window (B, T, D), by the fastest exact kernel

Only `equations` is required: `step`, `sweep` and `gates` of the base class run it token by token.

Names, layouts and gate order are those of torch (`weight_ih` (G*H, D), `weight_hh` (G*H, H), two biases), so
weights interchange with `torch.nn`. The state of a cell is a tuple of (B, H): `(h,)`, or `(h, c)`.

Weight drop belongs to a cell: in training each call of `step` or `sweep` draws a new mask over `weight_hh`, so a
sweep uses one mask for its whole window.
"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nlpseq.errors import UserError
from nlpseq.layers.dropout import drop_weight
from nlpseq.layers.time_loop import Stepped, over_time
from nlpseq.types import State


class Cell(nn.Module):
    """One step of a recurrent network: an input projection, a state, and three ways to run.

    Attributes:
        num_gates: G, blocks of H rows in `weight_ih`.
        num_states: tensors in a state: 1 for `(h,)`, 2 for `(h, c)`.
        options: keyword arguments of the constructor that a recipe may set (`nonlinearity`, `weight_drop`).

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units.
    """

    num_gates: ClassVar[int] = 1
    num_states: ClassVar[int] = 1
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(self.num_gates * hidden_size, input_size))
        self.bias_ih = nn.Parameter(torch.empty(self.num_gates * hidden_size))

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/sqrt(H), 1/sqrt(H)), torch's default for recurrent layers."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute one step as in the paper: inputs (B, D), state of (B, H) -> the next state, h first."""
        raise NotImplementedError

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Return the gates of one step by name, each (B, H): 1 is open, 0 closed; `candidate` is no gate.

        By default these are the sigmoids that `equations` takes, in order: `gate 1`, `gate 2`.
        """
        with _SigmoidRecorder() as recorder:
            self.equations(inputs, state)
        size = self.hidden_size
        parts = [
            part
            for sigmoid in recorder.sigmoids
            if sigmoid.dim() == 2 and sigmoid.size(1) % size == 0
            for part in sigmoid.split(size, dim=1)
        ]
        return {f"gate {number}": part for number, part in enumerate(parts, 1)}

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step: inputs (B, D), state of (B, H) -> the next state; its first part is h."""
        with self.dropped_weights():
            return self.equations(inputs, state)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window.

        Args:
            inputs: (B, T, D); values at padding are ignored, but must be finite.
            state: tuple of (B, H), before the window.
            lengths: (B,) real tokens in each row, padding on the right; None: all rows are full.

        Returns:
            outputs (B, T, H), undefined at padding, and the state after the last real token of each row.
        """

        def step(state: State, vectors: Tensor, index: Tensor) -> Stepped:
            following = self.equations(vectors, state)
            outputs = following[:1]
            if lengths is not None:
                real = (index < lengths).unsqueeze(1)  # (B, 1)
                pairs = zip(following, state, strict=True)
                following = tuple(torch.where(real, new, old) for new, old in pairs)
            return following, outputs

        indices = torch.arange(inputs.size(1), device=inputs.device)
        with self.dropped_weights():
            state, (outputs,) = over_time(step, state, (inputs.transpose(0, 1), indices))
        return outputs.transpose(0, 1).contiguous(), state

    def dropped_weights(self) -> AbstractContextManager[None]:
        """Let `equations` read weights with dropout, where the cell has any to drop."""
        return nullcontext()

    def extra_repr(self) -> str:
        """Return the sizes that `print` shows."""
        return f"{self.input_size}, {self.hidden_size}"


class RecurrentCell(Cell):
    """A cell whose gates read the previous output too, through `weight_hh`.

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units.
        weight_drop: dropout probability of the recurrent weights (Merity et al. 2018).

    Raises:
        UserError: `weight_drop` is not in [0, 1).
    """

    options: ClassVar[tuple[str, ...]] = ("weight_drop",)

    def __init__(self, input_size: int, hidden_size: int, *, weight_drop: float = 0.0) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 <= weight_drop < 1:
            raise UserError(f"weight_drop must lie in [0, 1), got {weight_drop}")
        self.weight_drop = weight_drop
        self.weight_hh = nn.Parameter(torch.empty(self.num_gates * hidden_size, hidden_size))
        self.bias_hh = nn.Parameter(torch.empty(self.num_gates * hidden_size))
        self.reset_parameters()

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the weights in torch's flat order, with weight drop in training."""
        return self.weight_ih, self._dropped_weight(), self.bias_ih, self.bias_hh

    @contextmanager
    def dropped_weights(self) -> Iterator[None]:
        """Let `equations` read `weight_hh` with weight drop in training: one mask inside the context."""
        if not (self.weight_drop and self.training):
            yield
            return
        self.__dict__["weight_hh"] = self._dropped_weight()  # hides the parameter
        try:
            yield
        finally:
            del self.__dict__["weight_hh"]

    def extra_repr(self) -> str:
        """Return the sizes and the weight drop that `print` shows."""
        drop = f", weight_drop={self.weight_drop}" if self.weight_drop else ""
        return super().extra_repr() + drop

    def _dropped_weight(self) -> Tensor:
        return drop_weight(self.weight_hh, self.weight_drop, self.training)


def last_real(outputs: Tensor, lengths: Tensor | None, before: Tensor) -> Tensor:
    """Return the output at the last real token of each row; `before` where a row has none.

    Args:
        outputs: (B, T, H).
        lengths: (B,) real tokens in each row; None: all rows are full.
        before: (B, H) the state before the window.
    """
    if lengths is None:
        return outputs[:, -1]  # (B, H)
    rows = torch.arange(lengths.size(0), device=outputs.device)
    last = outputs[rows, (lengths - 1).clamp(min=0)]
    return torch.where((lengths > 0).unsqueeze(1), last, before.to(last.dtype))


class _SigmoidRecorder(TorchFunctionMode):
    """Keeps the result of each sigmoid that is taken inside the context."""

    def __init__(self) -> None:
        super().__init__()
        self.sigmoids: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "sigmoid":
            self.sigmoids.append(result)
        return result
