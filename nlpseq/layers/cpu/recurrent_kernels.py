"""Sweeps over time on a CPU, with one matrix product for each step forwards and one backwards.

`torch.gru` and `torch.rnn_tanh` sum the gradient of the recurrent weights step by step. Here the backward loop only
collects the gradients of the pre-activations, in buffers that are allocated once, and each weight gradient is a
single product at the end. (The LSTM does not need this on a CPU: oneDNN's kernel already runs at the speed of its
matrix products.)

Time is dimension 0 here, so that a step is a contiguous block. `projected` (T, B, G*H) is the part of the
pre-activations that comes from the input, computed for the whole window by one product. Outputs are stored in
`states` (T + 1, B, H), after the state before the window: step t reads states[t] and writes states[t + 1]. All sweeps
return (T, B, H) and can be differentiated once, in each tensor.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

tanh_backward = torch.ops.aten.tanh_backward  # (gradient, tanh(x)) -> gradient of x
sigmoid_backward = torch.ops.aten.sigmoid_backward
softmax_backward = torch.ops.aten._softmax_backward_data  # (gradient, softmax, dim, dtype)


def rnn_sweep(projected: Tensor, hidden: Tensor, weight_hh: Tensor, nonlinearity: str) -> Tensor:
    """Compute h_t = f(projected_t + W_hh h_{t-1}), f tanh or relu; both biases are in `projected`."""
    dtype = weight_hh.dtype  # autocast may have made `projected` narrower
    outputs: Tensor = _RNNSweep.apply(  # type: ignore[no-untyped-call]
        projected.to(dtype), hidden.to(dtype), weight_hh, nonlinearity
    )
    return outputs


def gru_sweep(projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias_n: Tensor) -> Tensor:
    """Compute the equations of `GRUCell`.

    Args:
        projected: (T, B, 3H), gates in the order n, r, z, so that the gradient needs no reordering.
        hidden: (B, H).
        weight_hh: (3H, H), gates in torch's order r, z, n.
        bias_n: (H,) the bias that the reset gate multiplies; the others are in `projected`.
    """
    dtype = weight_hh.dtype
    outputs: Tensor = _GRUSweep.apply(  # type: ignore[no-untyped-call]
        projected.to(dtype), hidden.to(dtype), weight_hh, bias_n
    )
    return outputs


def mingru_sweep(projected: Tensor, hidden: Tensor) -> Tensor:
    """Compute h_t = (1 - z_t) h_{t-1} + z_t n_t; `projected` (T, B, 2H) holds z before its sigmoid, then n."""
    outputs: Tensor = _MinGRUSweep.apply(  # type: ignore[no-untyped-call]
        projected.to(hidden.dtype), hidden
    )
    return outputs


def _states(hidden: Tensor, length: int) -> Tensor:
    """Allocate (T + 1, B, H) and fill in the state before the window."""
    states = hidden.new_empty(length + 1, *hidden.shape)
    states[0] = hidden
    return states


class _RNNSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, hidden: Tensor, weight_hh: Tensor, nonlinearity: str
    ) -> Tensor:
        states = _states(hidden, len(projected))
        activate = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        recurrent, (h, *outputs) = weight_hh.t(), states.unbind(0)
        for p, out in zip(projected.unbind(0), outputs, strict=True):
            h = activate(torch.addmm(p, h, recurrent, out=out))
        ctx.save_for_backward(states, weight_hh)
        ctx.nonlinearity = nonlinearity
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        states, weight_hh = ctx.saved_tensors
        outputs = states[1:]
        if ctx.nonlinearity == "tanh":
            slope = 1 - outputs.square()
        else:
            slope = (outputs > 0).to(outputs.dtype)
        d_pre = torch.empty_like(outputs)  # gradient of the pre-activations
        grads, slopes, steps = grad.unbind(0), slope.unbind(0), d_pre.unbind(0)
        torch.mul(grads[-1], slopes[-1], out=steps[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addmm(grads[t], steps[t + 1], weight_hh, out=steps[t]).mul_(slopes[t])
        d_weight = d_pre.flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        return d_pre, steps[0] @ weight_hh, d_weight, None


class _GRUSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias_n: Tensor
    ) -> Tensor:
        length, batch, size = len(projected), *hidden.shape
        states = _states(hidden, length)
        gates = hidden.new_empty(length, batch, 2 * size)  # r and z
        new = hidden.new_empty(length, batch, size)  # n
        inner = hidden.new_empty(length, batch, size)  # W_hn h + b_hn, which r multiplies
        recurrent_rz, recurrent_n = weight_hh[: 2 * size].t(), weight_hh[2 * size :].t()
        projected_n = projected[..., :size].unbind(0)
        projected_rz = projected[..., size:].unbind(0)
        h, *outputs = states.unbind(0)
        buffers = zip(outputs, gates.unbind(0), new.unbind(0), inner.unbind(0), strict=True)
        for t, (out, rz, n, q) in enumerate(buffers):
            torch.addmm(projected_rz[t], h, recurrent_rz, out=rz).sigmoid_()
            torch.addmm(bias_n, h, recurrent_n, out=q)
            torch.addcmul(projected_n[t], rz[:, :size], q, out=n).tanh_()
            h = torch.lerp(n, h, rz[:, size:], out=out)
        ctx.save_for_backward(states, gates, new, inner, weight_hh)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        states, gates, new, inner, weight_hh = ctx.saved_tensors
        length, batch, size = new.shape
        before = states[:-1]
        reset, update = gates.chunk(2, dim=2)
        # Factors that do not depend on the gradient of h are computed for all steps at once: its share that flows
        # into n, r, z and `inner`. A step multiplies them by that gradient, in place, before its matrix product.
        d_pre = new.new_empty(length, batch, 4 * size)
        d_n, d_r, d_z, d_q = d_pre.chunk(4, dim=2)
        tanh_backward(1 - update, new, grad_input=d_n)
        torch.mul(d_n, sigmoid_backward(inner, reset), out=d_r)
        sigmoid_backward(before - new, update, grad_input=d_z)
        torch.mul(d_n, reset, out=d_q)
        d_recurrent = d_pre[..., size:]
        parts, steps = d_pre.view(length, batch, 4, size).unbind(0), d_recurrent.unbind(0)
        updates, grads = update.unbind(0), grad.unbind(0)
        d_h = torch.zeros_like(before[0])
        for t in range(length - 1, -1, -1):
            d_h.add_(grads[t])
            parts[t].mul_(d_h.unsqueeze(1))
            d_h.mul_(updates[t]).addmm_(steps[t], weight_hh)
        rows = d_recurrent.flatten(0, 1)  # (T*B, 3H) in the order r, z, n of `weight_hh`
        d_weight = rows.t() @ before.flatten(0, 1)
        return d_pre[..., : 3 * size], d_h, d_weight, rows[:, 2 * size :].sum(0)


class _MinGRUSweep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, hidden: Tensor) -> Tensor:
        states = _states(hidden, len(projected))
        gate, candidate = projected.chunk(2, dim=2)
        gate = gate.sigmoid()
        h, *outputs = states.unbind(0)
        for z, n, out in zip(gate.unbind(0), candidate.unbind(0), outputs, strict=True):
            h = torch.lerp(h, n, z, out=out)
        ctx.save_for_backward(gate, projected, states)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, projected, states = ctx.saved_tensors
        candidate = projected.chunk(2, dim=2)[1]
        keep = 1 - gate
        d_outputs = torch.empty_like(keep)  # gradient of h_t, including that from later steps
        steps, keeps, grads = d_outputs.unbind(0), keep.unbind(0), grad.unbind(0)
        steps[-1].copy_(grads[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addcmul(grads[t], steps[t + 1], keeps[t + 1], out=steps[t])
        d_projected = torch.empty_like(projected)
        d_gate, d_candidate = d_projected.chunk(2, dim=2)
        torch.mul(d_outputs, gate, out=d_candidate)
        d_gate.copy_(sigmoid_backward((candidate - states[:-1]).mul_(d_outputs), gate))
        return d_projected, steps[0] * keeps[0]
