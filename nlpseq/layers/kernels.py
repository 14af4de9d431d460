"""Sweeps over time for the CPU: one matrix product a step forwards, one backwards, nothing else.

`torch.gru` and `torch.rnn_tanh` sum the gradient of the recurrent weights step by step. Here the
backward loop only collects the gradients of the pre-activations, writing into buffers allocated
once, and every weight gradient is a single product at the end. (The LSTM needs no such help on a
CPU: oneDNN's kernel already runs at the speed of its matrix products.)

Inside, time is dimension 0, so that a step is a contiguous block: `projected` (T, B, G*H) is the
input's share of the pre-activations, already computed for the whole window by one product.
All return outputs (T, B, H) and are differentiable once, in every argument.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rnn_sweep(projected: Tensor, hidden: Tensor, weight_hh: Tensor, nonlinearity: str) -> Tensor:
    """h_t = f(projected_t + W_hh h_{t-1}) with f tanh or relu; both biases are in `projected`."""
    dtype = weight_hh.dtype  # autocast may have made `projected` narrower
    outputs: Tensor = _RNNSweep.apply(  # type: ignore[no-untyped-call]
        projected.to(dtype), hidden.to(dtype), weight_hh, nonlinearity
    )
    return outputs


def gru_sweep(projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias_n: Tensor) -> Tensor:
    """The GRU's equations (see `GRUCell`); `bias_n` (H,) is the one bias inside the reset gate."""
    dtype = weight_hh.dtype
    outputs: Tensor = _GRUSweep.apply(  # type: ignore[no-untyped-call]
        projected.to(dtype), hidden.to(dtype), weight_hh, bias_n
    )
    return outputs


def lerp_sweep(gate: Tensor, candidate: Tensor, hidden: Tensor) -> Tensor:
    """h_t = (1 - gate_t) h_{t-1} + gate_t candidate_t; gate and candidate (T, B, H)."""
    dtype = hidden.dtype
    outputs: Tensor = _LerpSweep.apply(  # type: ignore[no-untyped-call]
        gate.to(dtype), candidate.to(dtype), hidden
    )
    return outputs


def _shifted(first: Tensor, outputs: Tensor) -> Tensor:
    """The state before each step: (T, B, H)."""
    return torch.cat([first.unsqueeze(0), outputs[:-1]])


class _RNNSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, hidden: Tensor, weight_hh: Tensor, nonlinearity: str
    ) -> Tensor:
        outputs = torch.empty_like(projected)
        activate = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        recurrent, h = weight_hh.t(), hidden
        for p, out in zip(projected.unbind(0), outputs.unbind(0), strict=True):
            h = activate(torch.addmm(p, h, recurrent, out=out))
        ctx.save_for_backward(outputs, hidden, weight_hh)
        ctx.nonlinearity = nonlinearity
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        outputs, hidden, weight_hh = ctx.saved_tensors
        if ctx.nonlinearity == "tanh":
            slope = 1 - outputs.square()
        else:
            slope = (outputs > 0).to(outputs.dtype)
        d_pre = torch.empty_like(outputs)  # gradient of the pre-activations
        grads, slopes, steps = grad.unbind(0), slope.unbind(0), d_pre.unbind(0)
        torch.mul(grads[-1], slopes[-1], out=steps[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addmm(grads[t], steps[t + 1], weight_hh, out=steps[t]).mul_(slopes[t])
        d_weight = d_pre.flatten(0, 1).t() @ _shifted(hidden, outputs).flatten(0, 1)
        return d_pre, steps[0] @ weight_hh, d_weight, None


class _GRUSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias_n: Tensor
    ) -> Tensor:
        length, batch, size = *projected.shape[:2], hidden.shape[1]
        outputs = projected.new_empty(length, batch, size)
        gates = projected.new_empty(length, batch, 2 * size)  # r and z
        new = torch.empty_like(outputs)  # n
        inner = torch.empty_like(outputs)  # W_hn h + b_hn, which the reset gate multiplies
        recurrent_rz, recurrent_n = weight_hh.t().split([2 * size, size], dim=1)
        projected_rz, projected_n = (
            part.unbind(0) for part in projected.split([2 * size, size], dim=2)
        )
        h = hidden
        buffers = zip(
            outputs.unbind(0), gates.unbind(0), new.unbind(0), inner.unbind(0), strict=True
        )
        for t, (out, rz, n, q) in enumerate(buffers):
            torch.addmm(projected_rz[t], h, recurrent_rz, out=rz).sigmoid_()
            torch.addmm(bias_n, h, recurrent_n, out=q)
            torch.addcmul(projected_n[t], rz[:, :size], q, out=n).tanh_()
            h = torch.lerp(n, h, rz[:, size:], out=out)
        ctx.save_for_backward(outputs, gates, new, inner, hidden, weight_hh)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        outputs, gates, new, inner, hidden, weight_hh = ctx.saved_tensors
        size = outputs.shape[2]
        reset, update = gates.split(size, dim=2)
        before = _shifted(hidden, outputs)
        # Whatever does not depend on the gradient is computed for all steps at once.
        slope_n = (1 - update).mul_(1 - new.square()).unbind(0)
        slope_z = (before - new).mul_(update).mul_(1 - update).unbind(0)
        slope_r = (1 - reset).mul_(reset).mul_(inner).unbind(0)
        resets, updates, grads = reset.unbind(0), update.unbind(0), grad.unbind(0)
        d_new = torch.empty_like(outputs)
        d_recurrent = torch.empty_like(outputs.repeat(1, 1, 3))  # of W_hh h + b: r, z, n
        steps, steps_n = d_recurrent.unbind(0), d_new.unbind(0)
        d_h = torch.zeros_like(hidden)
        for t in range(len(steps) - 1, -1, -1):
            d_h.add_(grads[t])
            d_r, d_z, d_q = steps[t].split(size, dim=1)
            torch.mul(d_h, slope_n[t], out=steps_n[t])
            torch.mul(steps_n[t], slope_r[t], out=d_r)
            torch.mul(d_h, slope_z[t], out=d_z)
            torch.mul(steps_n[t], resets[t], out=d_q)
            d_h.mul_(updates[t]).addmm_(steps[t], weight_hh)
        rows = d_recurrent.flatten(0, 1)  # (T*B, 3H)
        d_projected = torch.cat([d_recurrent[..., : 2 * size], d_new], dim=2)
        d_bias_n = rows[:, 2 * size :].sum(0)
        return d_projected, d_h, rows.t() @ before.flatten(0, 1), d_bias_n


class _LerpSweep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, candidate: Tensor, hidden: Tensor) -> Tensor:
        outputs = torch.empty_like(candidate)
        h = hidden
        for z, new, out in zip(gate.unbind(0), candidate.unbind(0), outputs.unbind(0), strict=True):
            h = torch.lerp(h, new, z, out=out)
        ctx.save_for_backward(gate, candidate, hidden, outputs)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gate, candidate, hidden, outputs = ctx.saved_tensors
        keep = 1 - gate
        d_outputs = torch.empty_like(
            outputs
        )  # everything that flows into h_t, later steps included
        steps, keeps, grads = d_outputs.unbind(0), keep.unbind(0), grad.unbind(0)
        steps[-1].copy_(grads[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addcmul(grads[t], steps[t + 1], keeps[t + 1], out=steps[t])
        d_gate = (candidate - _shifted(hidden, outputs)).mul_(d_outputs)
        return d_gate, d_outputs * gate, steps[0] * keeps[0]
