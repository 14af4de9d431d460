"""Plain recurrent network (Elman 1990), tanh or ReLU."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.errors import UserError
from nlpseq.layers.cell import RecurrentCell, last_real
from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.layers.cpu.recurrent_kernels import rnn_sweep
from nlpseq.types import State


class RNNCell(RecurrentCell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh) where f is tanh or ReLU.  Elman (1990).

    Args:
        input_size: D, components of an input vector.
        hidden_size: H, units.
        nonlinearity: "tanh" or "relu".
        weight_drop: dropout probability of the recurrent weights.

    Raises:
        UserError: an unknown nonlinearity.
    """

    num_gates = 1
    options = ("nonlinearity", "weight_drop")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, weight_drop=weight_drop)
        if nonlinearity not in ("tanh", "relu"):
            raise UserError(f"unknown nonlinearity {nonlinearity!r}: choose tanh or relu")
        self.nonlinearity = nonlinearity

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute the step of Elman (1990)."""
        (h,) = state
        f = torch.tanh if self.nonlinearity == "tanh" else torch.relu
        return (
            f(inputs @ self.weight_ih.t() + self.bias_ih + h @ self.weight_hh.t() + self.bias_hh),
        )

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step by torch's fused cell."""
        cell = torch.rnn_tanh_cell if self.nonlinearity == "tanh" else torch.rnn_relu_cell
        return (cell(inputs, state[0], *self.weights()),)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window: by our kernel on a CPU, torch's elsewhere, the equations in a traced graph."""
        if torch.compiler.is_compiling():
            return super().sweep(inputs, state, lengths)
        if uses_cpu_kernels(inputs):
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights()
            projected = F.linear(inputs.transpose(0, 1), weight_ih, bias_ih + bias_hh)  # (T, B, H)
            outputs = rnn_sweep(projected, state[0], weight_hh, self.nonlinearity).transpose(0, 1)
        else:
            outputs = self.library_sweep(inputs, state)
        return outputs, (last_real(outputs, lengths, state[0]),)

    def library_sweep(self, inputs: Tensor, state: State) -> Tensor:
        """Return the outputs (B, T, H) of torch's own kernel."""
        library = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        hidden = state[0].unsqueeze(0).contiguous()
        outputs, _ = library(
            inputs, hidden, self.weights(), True, 1, 0.0, self.training, False, True
        )
        return outputs
