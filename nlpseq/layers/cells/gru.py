"""Gated recurrent unit (Cho et al. 2014)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nlpseq.layers.cell import RecurrentCell, last_real
from nlpseq.layers.cpu import uses_cpu_kernels
from nlpseq.layers.cpu.recurrent_kernels import gru_sweep
from nlpseq.layers.cpu.small_batch_matmul import MOST_CELL_ROWS, gru_step, pays_off_for_few_rows
from nlpseq.types import State


class GRUCell(RecurrentCell):
    """The GRU, with gates in the order r, z, n.  Cho et al. (2014), section 2.3.

    As in torch and cuDNN, the reset gate multiplies W_hn h + b_hn instead of h.
    """

    num_gates = 3

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Compute equations 5, 6 and 8 of Cho et al. (2014), with torch's reset gate."""
        (h,) = state
        input_r, input_z, input_n = (inputs @ self.weight_ih.t() + self.bias_ih).chunk(3, dim=1)
        hidden_r, hidden_z, hidden_n = (h @ self.weight_hh.t() + self.bias_hh).chunk(3, dim=1)
        r = torch.sigmoid(input_r + hidden_r)
        z = torch.sigmoid(input_z + hidden_z)
        return {"reset": r, "update": z, "candidate": torch.tanh(input_n + r * hidden_n)}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute equation 7 of Cho et al. (2014): where z is 1, the old state stays."""
        _, z, n = self.gates(inputs, state).values()
        return ((1 - z) * n + z * state[0],)

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step by torch's fused cell, or for a few rows on a CPU by `small_batch_matmul`."""
        weights = self.weights()
        if pays_off_for_few_rows(inputs, *weights, most=MOST_CELL_ROWS):
            return (gru_step(inputs, state[0], *weights),)
        return (torch.gru_cell(inputs, state[0], *weights),)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window: by our kernel on a CPU, torch's elsewhere, the equations in a traced graph."""
        if torch.compiler.is_compiling():
            return super().sweep(inputs, state, lengths)
        if uses_cpu_kernels(inputs):
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights()
            bias_rz, bias_n = bias_hh[: -self.hidden_size], bias_hh[-self.hidden_size :]
            # All biases except b_hn, which r multiplies.
            bias = bias_ih + F.pad(bias_rz, (0, self.hidden_size))
            # The kernel wants n, r, z: to roll weights is cheaper than to roll activations.
            weight_ih, bias = weight_ih.roll(self.hidden_size, 0), bias.roll(self.hidden_size)
            projected = F.linear(inputs.transpose(0, 1), weight_ih, bias)  # (T, B, 3H)
            outputs = gru_sweep(projected, state[0], weight_hh, bias_n).transpose(0, 1)
        else:
            outputs = self.library_sweep(inputs, state)
        return outputs, (last_real(outputs, lengths, state[0]),)

    def library_sweep(self, inputs: Tensor, state: State) -> Tensor:
        """Return the outputs (B, T, H) of torch's own kernel."""
        hidden = state[0].unsqueeze(0).contiguous()
        outputs, _ = torch.gru(
            inputs, hidden, self.weights(), True, 1, 0.0, self.training, False, True
        )
        return outputs
