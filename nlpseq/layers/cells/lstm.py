"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

import torch
from torch import Tensor

from nlpseq.layers.cell import RecurrentCell, last_real
from nlpseq.layers.cpu import uses_cpu_kernels, without_cpu_autocast
from nlpseq.layers.cpu.small_batch_matmul import MOST_CELL_ROWS, lstm_step, pays_off_for_few_rows
from nlpseq.types import State

HOLD = 1e4  # added to the input and forget gates at padding: their sigmoids become 0 and 1


class LSTMCell(RecurrentCell):
    """The LSTM, with gates in the order i, f, g, o.

    Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000), without peepholes.
    """

    num_gates = 4
    num_states = 2

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Compute the first four lines of equation 4 in Zaremba et al. (2014)."""
        gates = inputs @ self.weight_ih.t() + self.bias_ih
        i, f, g, o = (gates + state[0] @ self.weight_hh.t() + self.bias_hh).chunk(4, dim=1)
        opened = {"input": torch.sigmoid(i), "forget": torch.sigmoid(f)}
        return {**opened, "candidate": torch.tanh(g), "output": torch.sigmoid(o)}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Compute the last two lines of equation 4 in Zaremba et al. (2014)."""
        i, f, g, o = self.gates(inputs, state).values()
        c = f * state[1] + i * g
        return o * torch.tanh(c), c

    def step(self, inputs: Tensor, state: State) -> State:
        """Run one step by torch's fused cell, or for a few rows on a CPU by `small_batch_matmul`."""
        weights = self.weights()
        if pays_off_for_few_rows(inputs, *weights, most=MOST_CELL_ROWS):
            return lstm_step(inputs, state, *weights)
        return torch.lstm_cell(inputs, state, *weights)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a window by torch's kernel: oneDNN's on a CPU (float32, not packed), cuDNN's on a GPU.

        A traced graph has the equations in a loop, because torch unrolls its kernel to a fixed length there.

        The kernel returns c only at the end of the window. For ragged rows an extra input column, 1 at
        padding, closes the input gate and opens the forget gate there, which holds c exactly.
        """
        if torch.compiler.is_compiling():
            return super().sweep(inputs, state, lengths)
        weight_ih, *rest = self.weights()
        if lengths is not None:
            indices = torch.arange(inputs.shape[1], device=inputs.device)
            padding = (indices >= lengths.unsqueeze(1)).unsqueeze(2)  # (B, T, 1)
            inputs = torch.cat([inputs, padding.to(inputs.dtype)], dim=2)  # (B, T, D + 1)
            hold = weight_ih.new_zeros(4, self.hidden_size)
            hold[0], hold[1] = -HOLD, HOLD
            weight_ih = torch.cat([weight_ih, hold.view(-1, 1)], dim=1)  # (4H, D + 1)
        stacked = [part.unsqueeze(0).contiguous() for part in state]
        weights = [weight_ih, *rest]
        with without_cpu_autocast():
            if uses_cpu_kernels(inputs):
                inputs = inputs.to(weight_ih.dtype)
                stacked = [part.to(weight_ih.dtype) for part in stacked]
            outputs, _, c = torch.lstm(
                inputs, stacked, weights, True, 1, 0.0, self.training, False, True
            )
        return outputs, (last_real(outputs, lengths, state[0]), c.squeeze(0))
