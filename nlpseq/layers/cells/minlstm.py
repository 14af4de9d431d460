"""Minimal LSTM, whose gates read the input alone (Feng et al. 2024)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.layers.cell import Cell, last_real
from nlpseq.layers.interpolation import interpolate
from nlpseq.types import State


class MinLSTMCell(Cell):
    """The minLSTM, with gates in the order f, i, candidate.  Feng et al. (2024), section 3.2.

    Forget and input gates are divided by their sum, which makes the state independent of the length of a text.
    As in `MinGRUCell` the candidate is linear, and a window needs a single matrix product.
    """

    num_gates = 3

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/sqrt(D), 1/sqrt(D)), the default of `nn.Linear`."""
        bound = 1 / math.sqrt(self.input_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Compute f' = f / (f + i), i' = i / (f + i) and the candidate of Feng et al. (2024), section 3.2.3."""
        f, i, candidate = (inputs @ self.weight_ih.t() + self.bias_ih).chunk(3, dim=1)
        f, i = torch.sigmoid(f), torch.sigmoid(i)
        return {"forget": f / (f + i), "input": i / (f + i), "candidate": candidate}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute the step of Feng et al. (2024), section 3.2.3: where f' is 1, the old state stays."""
        f, i, candidate = self.gates(inputs, state).values()
        return (f * state[0] + i * candidate,)

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step: a product and an interpolation."""
        logit, candidate = self._logit_and_candidate(inputs)
        dtype = state[0].dtype
        return (torch.lerp(state[0], candidate.to(dtype), logit.sigmoid().to(dtype)),)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window as the minGRU does, whose update gate is i' = 1 - f'."""
        projected = torch.cat(self._logit_and_candidate(inputs.transpose(0, 1)), dim=2)
        outputs = interpolate(projected, state[0]).transpose(0, 1)
        return outputs, (last_real(outputs, lengths, state[0]),)

    def _logit_and_candidate(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of i', which is log i - log f (appendix B.2.1), and the candidate."""
        f, i, candidate = F.linear(inputs, self.weight_ih, self.bias_ih).chunk(3, dim=-1)
        return F.logsigmoid(i) - F.logsigmoid(f), candidate
