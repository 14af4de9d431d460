"""torch's recurrent functions by their equations, for a device that has no kernels of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

States = tuple[Tensor, ...]


def lstm_cell(inputs: Tensor, state: States, *weights: Tensor) -> States:
    w_ih, w_hh, b_ih, b_hh = weights
    i, f, g, o = (F.linear(inputs, w_ih, b_ih) + F.linear(state[0], w_hh, b_hh)).chunk(4, 1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(inputs: Tensor, state: Tensor, *weights: Tensor) -> Tensor:
    w_ih, w_hh, b_ih, b_hh = weights
    r, z, n = F.linear(inputs, w_ih, b_ih).chunk(3, 1)
    hr, hz, hn = F.linear(state, w_hh, b_hh).chunk(3, 1)
    z = (z + hz).sigmoid()
    return (1 - z) * (n + (r + hr).sigmoid() * hn).tanh() + z * state


def rnn_tanh_cell(inputs: Tensor, state: Tensor, *weights: Tensor) -> Tensor:
    w_ih, w_hh, b_ih, b_hh = weights
    return (F.linear(inputs, w_ih, b_ih) + F.linear(state, w_hh, b_hh)).tanh()


def rnn_relu_cell(inputs: Tensor, state: Tensor, *weights: Tensor) -> Tensor:
    w_ih, w_hh, b_ih, b_hh = weights
    return (F.linear(inputs, w_ih, b_ih) + F.linear(state, w_hh, b_hh)).relu()


def _single(cell: Callable[..., Tensor]) -> Callable[..., States]:
    return lambda inputs, state, *weights: (cell(inputs, state[0], *weights),)


def run_layers(
    cell: Callable[..., States],
    inputs: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    num_layers: int,
    bidirectional: bool,
) -> States:
    """Run layers over inputs (B, T, D) from states (L, B, H): outputs (B, T, H), then the last states (L, B, H)."""
    directions = 2 if bidirectional else 1
    after: list[States] = []
    for layer in range(num_layers):
        sides = []
        for direction in range(directions):
            number = layer * directions + direction
            own = weights[4 * number : 4 * number + 4]
            state = tuple(part[number] for part in states)
            steps = list(inputs.unbind(1))
            outputs = []
            for vectors in reversed(steps) if direction else steps:
                state = cell(vectors, state, *own)
                outputs.append(state[0])
            sides.append(torch.stack(outputs[::-1] if direction else outputs, dim=1))
            after.append(state)
        inputs = torch.cat(sides, dim=2)
    return (inputs, *(torch.stack(parts) for parts in zip(*after, strict=True)))


CELLS = {
    torch.lstm_cell: lstm_cell,
    torch.gru_cell: gru_cell,
    torch.rnn_tanh_cell: rnn_tanh_cell,
    torch.rnn_relu_cell: rnn_relu_cell,
}
STACKS = {
    torch.lstm: lstm_cell,
    torch.gru: _single(gru_cell),
    torch.rnn_tanh: _single(rnn_tanh_cell),
    torch.rnn_relu: _single(rnn_relu_cell),
}


class LibraryFunctions(TorchFunctionMode):
    """Computes torch's recurrent functions by their equations, and counts the calls for whole windows.

    Attributes:
        calls: layers of each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CELLS:
            return CELLS[func](*args)
        if func is Tensor.tolist:
            return func(args[0].cpu())
        if func is torch.tensor and kwargs and "device" in kwargs:
            return func(*args, **kwargs | {"device": "cpu"}).to(kwargs["device"])
        if func not in STACKS:
            return func(*args, **(kwargs or {}))
        inputs, states, weights, biases, num_layers, dropout, _, bidirectional, batch_first = args
        assert biases
        assert batch_first
        assert dropout == 0
        self.calls.append(num_layers)
        states = [states] if isinstance(states, Tensor) else states
        return run_layers(STACKS[func], inputs, states, weights, num_layers, bidirectional)
