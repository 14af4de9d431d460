"""Minimal GRU, whose gates read the input alone (Feng et al. 2024)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.cell import Cell, last_real
from nlpseq.layers.interpolation import interpolate
from nlpseq.types import State


class MinGRUCell(Cell):
    """The minGRU, with gates in the order z, candidate.  Feng et al. (2024), section 3.1.

    Neither the gate nor the candidate reads the previous state, so a window needs a single matrix product. The
    candidate is linear, as in section 3.1; the paper's positive g(x) serves only the scan in log space, which is
    slower on a CPU than the loop used here.
    """

    num_gates = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/sqrt(D), 1/sqrt(D)), the default of `nn.Linear`."""
        bound = 1 / math.sqrt(self.input_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Compute the gate and the candidate of Feng et al. (2024), section 3.1.2, from the input alone."""
        gate, candidate = (inputs @ self.weight_ih.t() + self.bias_ih).chunk(2, dim=1)
        return {"update": torch.sigmoid(gate), "candidate": candidate}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute the step of Feng et al. (2024), section 3.1.2: where z is 0, the old state stays."""
        z, candidate = self.gates(inputs, state).values()
        return ((1 - z) * state[0] + z * candidate,)

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step: a product and an interpolation."""
        gate, candidate = F.linear(inputs, self.weight_ih, self.bias_ih).chunk(2, dim=1)
        return (
            torch.lerp(state[0], candidate.to(state[0].dtype), gate.sigmoid().to(state[0].dtype)),
        )

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window: one product for all tokens, then an interpolation for each."""
        projected = F.linear(inputs.transpose(0, 1), self.weight_ih, self.bias_ih)  # (T, B, 2H)
        outputs = interpolate(projected, state[0]).transpose(0, 1)
        return outputs, (last_real(outputs, lengths, state[0]),)
