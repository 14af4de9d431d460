"""Recurrent cells: the equations to read, one fast step, and one fast sweep over a window.

Every cell says the same thing three times, and the tests hold the three together:

    equations(inputs, state)  the paper, line by line; what its gates are, `gates` tells by name
    step(inputs, state)       one token; what generates and what decodes. Calling `nn.LSTM` on one
                              token costs five times as much: it repacks its weights at every call
    sweep(inputs, state)      a whole window (B, T, D) by the fastest kernel that is exact

Names, layouts and gate order are torch's (`weight_ih` (G*H, D), `weight_hh` (G*H, H), two biases),
so weights interchange with `torch.nn`. A cell's state is a tuple of (B, H): `(h,)`, or `(h, c)`.

Weight drop belongs to a cell: in training each call of `step` or `sweep` draws a new mask over
`weight_hh`, so a sweep uses one mask for its whole window.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.cpu.recurrent_kernels import gru_sweep, mingru_sweep, rnn_sweep
from nlpseq.layers.cpu.small_batch_matmul import (
    MOST_CELL_ROWS,
    columns_pay,
    gru_columns,
    lstm_columns,
)
from nlpseq.layers.dropout import drop_weight
from nlpseq.types import State

# What a padded position adds to the LSTM's input and forget gates: their sigmoids become 0 and 1.
HOLD = 1e4


def _without_cpu_autocast() -> AbstractContextManager[object]:
    """On many CPUs oneDNN has no bfloat16 LSTM, and raises: it runs in the weights' own dtype."""
    if torch.is_autocast_enabled("cpu"):
        return torch.autocast("cpu", enabled=False)
    return nullcontext()


def last_real(outputs: Tensor, lengths: Tensor | None, before: Tensor) -> Tensor:
    """The output at each row's last real token; `before` where a row has none.

    Args:
        outputs: (B, T, H).
        lengths: (B,) real tokens of each row; None where every row is full.
        before: (B, H) the state in front of the window.
    """
    if lengths is None:
        return outputs[:, -1]  # (B, H)
    rows = torch.arange(len(lengths), device=outputs.device)
    last = outputs[rows, (lengths - 1).clamp(min=0)]
    return torch.where((lengths > 0).unsqueeze(1), last, before.to(last.dtype))


class Cell(nn.Module):
    """What every cell has: an input projection, a state, and three ways to run."""

    num_gates: ClassVar[int]
    num_states: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(self.num_gates * hidden_size, input_size))
        self.bias_ih = nn.Parameter(torch.empty(self.num_gates * hidden_size))

    def reset_parameters(self) -> None:
        """Draw new weights by torch's default."""
        raise NotImplementedError

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """What opens (1) and closes (0) at one step, each (B, H), and the `candidate` let in; {}: nothing."""
        return {}

    def equations(self, inputs: Tensor, state: State) -> State:
        """One step as in the paper: inputs (B, D), state of (B, H) -> the next state."""
        raise NotImplementedError

    def step(self, inputs: Tensor, state: State) -> State:
        """One step, fast: inputs (B, D), state of (B, H) -> the next state; its first part is h."""
        raise NotImplementedError

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a window.

        Args:
            inputs: (B, T, D); what stands at padding is ignored, but must be finite.
            state: tuple of (B, H), before the window.
            lengths: (B,) real tokens of each row, padding on the right; None: all rows are full.

        Returns:
            outputs (B, T, H), undefined at padding, and the state after each row's last real token.
        """
        raise NotImplementedError

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"{self.input_size}, {self.hidden_size}"


class RecurrentCell(Cell):
    """A cell whose gates read the previous output too, through `weight_hh`."""

    def __init__(self, input_size: int, hidden_size: int, *, weight_drop: float = 0.0) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 <= weight_drop < 1:
            raise UserError(f"weight_drop must lie in [0, 1), got {weight_drop}")
        self.weight_drop = weight_drop
        self.weight_hh = nn.Parameter(torch.empty(self.num_gates * hidden_size, hidden_size))
        self.bias_hh = nn.Parameter(torch.empty(self.num_gates * hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """U(-1/sqrt(H), 1/sqrt(H)) for everything, torch's default."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """In torch's flat order; the recurrent one dropped in training."""
        weight_hh = drop_weight(self.weight_hh, self.weight_drop, self.training)
        return self.weight_ih, weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        """What `print` shows."""
        drop = f", weight_drop={self.weight_drop}" if self.weight_drop else ""
        return super().extra_repr() + drop


class RNNCell(RecurrentCell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or ReLU.  Elman (1990)."""

    num_gates = 1

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
        """Elman (1990)."""
        (h,) = state
        f = torch.tanh if self.nonlinearity == "tanh" else torch.relu
        return (
            f(inputs @ self.weight_ih.t() + self.bias_ih + h @ self.weight_hh.t() + self.bias_hh),
        )

    def step(self, inputs: Tensor, state: State) -> State:
        """One step by torch's fused cell."""
        cell = torch.rnn_tanh_cell if self.nonlinearity == "tanh" else torch.rnn_relu_cell
        return (cell(inputs, state[0], *self.weights()),)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """A window by our kernel on a CPU, by torch's (cuDNN's) elsewhere."""
        if inputs.device.type == "cpu":
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights()
            projected = F.linear(inputs.transpose(0, 1), weight_ih, bias_ih + bias_hh)  # (T, B, H)
            outputs = rnn_sweep(projected, state[0], weight_hh, self.nonlinearity).transpose(0, 1)
        else:
            outputs = self.library_sweep(inputs, state)
        return outputs, (last_real(outputs, lengths, state[0]),)

    def library_sweep(self, inputs: Tensor, state: State) -> Tensor:
        """Outputs (B, T, H) by torch's own kernel."""
        library = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        hidden = state[0].unsqueeze(0).contiguous()
        outputs, _ = library(
            inputs, hidden, self.weights(), True, 1, 0.0, self.training, False, True
        )
        return outputs


class GRUCell(RecurrentCell):
    """Gated recurrent unit, gates in the order r, z, n.  Cho et al. (2014), section 2.3.

    As in torch and cuDNN, the reset gate multiplies W_hn h + b_hn instead of h.
    """

    num_gates = 3

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Cho et al. (2014), equations 5, 6 and 8, with torch's reset gate."""
        (h,) = state
        input_r, input_z, input_n = (inputs @ self.weight_ih.t() + self.bias_ih).chunk(3, dim=1)
        hidden_r, hidden_z, hidden_n = (h @ self.weight_hh.t() + self.bias_hh).chunk(3, dim=1)
        r = torch.sigmoid(input_r + hidden_r)
        z = torch.sigmoid(input_z + hidden_z)
        return {"reset": r, "update": z, "candidate": torch.tanh(input_n + r * hidden_n)}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Cho et al. (2014), equation 7: where z is 1, the old state stays."""
        _, z, n = self.gates(inputs, state).values()
        return ((1 - z) * n + z * state[0],)

    def step(self, inputs: Tensor, state: State) -> State:
        """One step by torch's fused cell, or of a few rows by columns."""
        weights = self.weights()
        if columns_pay(inputs, *weights, most=MOST_CELL_ROWS):
            return (gru_columns(inputs, state[0], *weights),)
        return (torch.gru_cell(inputs, state[0], *weights),)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """A window by our kernel on a CPU, by torch's (cuDNN's) elsewhere."""
        if inputs.device.type == "cpu":
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights()
            bias_rz, bias_n = bias_hh[: -self.hidden_size], bias_hh[-self.hidden_size :]
            bias = bias_ih + F.pad(bias_rz, (0, self.hidden_size))  # all but b_hn, which r scales
            # The kernel wants n, r, z: rolled weights are cheaper than rolled activations.
            weight_ih, bias = weight_ih.roll(self.hidden_size, 0), bias.roll(self.hidden_size)
            projected = F.linear(inputs.transpose(0, 1), weight_ih, bias)  # (T, B, 3H)
            outputs = gru_sweep(projected, state[0], weight_hh, bias_n).transpose(0, 1)
        else:
            outputs = self.library_sweep(inputs, state)
        return outputs, (last_real(outputs, lengths, state[0]),)

    def library_sweep(self, inputs: Tensor, state: State) -> Tensor:
        """Outputs (B, T, H) by torch's own kernel."""
        hidden = state[0].unsqueeze(0).contiguous()
        outputs, _ = torch.gru(
            inputs, hidden, self.weights(), True, 1, 0.0, self.training, False, True
        )
        return outputs


class LSTMCell(RecurrentCell):
    """Long short-term memory, gates in the order i, f, g, o.

    Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000), no peepholes.
    """

    num_gates = 4
    num_states = 2

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Zaremba et al. (2014), equation 4, the first four lines."""
        gates = inputs @ self.weight_ih.t() + self.bias_ih
        i, f, g, o = (gates + state[0] @ self.weight_hh.t() + self.bias_hh).chunk(4, dim=1)
        opened = {"input": torch.sigmoid(i), "forget": torch.sigmoid(f)}
        return {**opened, "candidate": torch.tanh(g), "output": torch.sigmoid(o)}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Zaremba et al. (2014), equation 4, the last two lines."""
        i, f, g, o = self.gates(inputs, state).values()
        c = f * state[1] + i * g
        return o * torch.tanh(c), c

    def step(self, inputs: Tensor, state: State) -> State:
        """One step by torch's fused cell, or of a few rows by columns."""
        weights = self.weights()
        if columns_pay(inputs, *weights, most=MOST_CELL_ROWS):
            return lstm_columns(inputs, state, *weights)
        return torch.lstm_cell(inputs, state, *weights)

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """A window by torch's kernel: oneDNN's on a CPU in float32 (for it is unpacked), cuDNN's.

        The kernel tells c only at the end of the window. For ragged rows an extra input column, 1
        at padding, closes the input gate and opens the forget gate there: c is held, exactly.
        """
        weight_ih, *rest = self.weights()
        if lengths is not None:
            places = torch.arange(inputs.shape[1], device=inputs.device)
            padding = (places >= lengths.unsqueeze(1)).unsqueeze(2)  # (B, T, 1)
            inputs = torch.cat([inputs, padding.to(inputs.dtype)], dim=2)  # (B, T, D + 1)
            hold = weight_ih.new_tensor([-HOLD, HOLD, 0.0, 0.0]).repeat_interleave(self.hidden_size)
            weight_ih = torch.cat([weight_ih, hold.unsqueeze(1)], dim=1)  # (4H, D + 1)
        stacked = [part.unsqueeze(0).contiguous() for part in state]
        weights = [weight_ih, *rest]
        with _without_cpu_autocast():
            if inputs.device.type == "cpu":
                inputs = inputs.to(weight_ih.dtype)
                stacked = [part.to(weight_ih.dtype) for part in stacked]
            outputs, _, c = torch.lstm(
                inputs, stacked, weights, True, 1, 0.0, self.training, False, True
            )
        return outputs, (last_real(outputs, lengths, state[0]), c.squeeze(0))


class MinGRUCell(Cell):
    """The minimal GRU, gates in the order z, candidate.  Feng et al. (2024), section 3.1.

    Neither the gate nor the candidate reads the previous state, so a window needs a single matrix
    product. The candidate is the paper's plain linear one; its positive g(x) serves only the
    scan in log space, which on a CPU is slower than the loop used here.
    """

    num_gates = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """U(-1/sqrt(D), 1/sqrt(D)), the default of `nn.Linear`."""
        bound = 1 / math.sqrt(self.input_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def gates(self, inputs: Tensor, state: State) -> dict[str, Tensor]:
        """Feng et al. (2024), section 3.1.2: both read the input alone."""
        gate, candidate = (inputs @ self.weight_ih.t() + self.bias_ih).chunk(2, dim=1)
        return {"update": torch.sigmoid(gate), "candidate": candidate}

    def equations(self, inputs: Tensor, state: State) -> State:
        """Feng et al. (2024), section 3.1.2: where z is 0, the old state stays."""
        z, candidate = self.gates(inputs, state).values()
        return ((1 - z) * state[0] + z * candidate,)

    def step(self, inputs: Tensor, state: State) -> State:
        """One step: a product and an interpolation."""
        gate, candidate = F.linear(inputs, self.weight_ih, self.bias_ih).chunk(2, dim=1)
        return (
            torch.lerp(state[0], candidate.to(state[0].dtype), gate.sigmoid().to(state[0].dtype)),
        )

    def sweep(
        self, inputs: Tensor, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One product for the whole window, then an interpolation a step."""
        projected = F.linear(inputs.transpose(0, 1), self.weight_ih, self.bias_ih)  # (T, B, 2H)
        outputs = mingru_sweep(projected, state[0]).transpose(0, 1)
        return outputs, (last_real(outputs, lengths, state[0]),)
