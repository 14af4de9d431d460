"""A GRU with input feeding and additive attention on a CPU: whole targets, three products a step each way.

Input feeding (Luong et al. 2015, section 3.3) makes each step wait for the attention of the one before, so
that a target is a loop of small steps. Left to autograd, every step allocates, and adds its own share to the
gradient of every weight and of all keys. Here, as in `kernels.py`, a step does what depends on the step before
and nothing else: the target vectors' share is projected for all steps at once, and the backward loop collects
gradients of what the products gave, so that each weight's gradient is a single product at the end.

    g = projected_t + W_o o_{t-1}                        gates r, z, n
    [u; q] = [W_hh; W_q] h + [b_hh; 0]                   read by the next step, and by this one's attention
    h_t = n + z (h_{t-1} - n)                            the equations of `GRUCell`
    a_t = softmax(v . tanh(q_t + keys))                  c_t = a_t memory
    o_t = keep_t tanh(W_c [h_t; c_t] + b_c)              keep_t: dropout

Time is dimension 0 inside.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nlpseq.layers.additive_scores import AdditiveGradients, AdditivePairs
from nlpseq.layers.cells import GRUCell
from nlpseq.layers.cross_attention import AdditiveAttention
from nlpseq.layers.kernels import sigmoid_backward, softmax_backward, tanh_backward


class Fed(NamedTuple):
    """What a sweep gives.

    Attributes:
        outputs: (B, T, C) after dropout.
        joined: (B, T, H + M) the cell's units and the context.
        weights: (B, T, S) of attention.
    """

    outputs: Tensor
    joined: Tensor
    weights: Tensor


def feeding_sweep(
    cell: GRUCell,
    attention: AdditiveAttention,
    combine: nn.Linear,
    inputs: Tensor,
    hidden: Tensor,
    output: Tensor,
    memory: Tensor,
    keys: Tensor,
    mask: Tensor,
    keep: Tensor | None,
) -> Fed:
    """Read whole targets on a CPU, without autocast.  It can be differentiated once.

    Args:
        cell: reads a target vector and the last output, side by side.
        attention: from the cell's units to the memory.
        combine: from units and context to what the tanh of an output is taken of.
        inputs: (B, T, D) target vectors.
        hidden: (B, H) of the cell, before the first step.
        output: (B, C) that the first step reads.
        memory: (B, S, M) what is attended to.
        keys: (B, S, A) of it.
        mask: (B, S) True at its real tokens; each row has one.
        keep: (B, T, C) what outputs are multiplied by; None: nothing is dropped.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = cell.weights()
    weight_x, weight_o = weight_ih.split([inputs.size(2), output.size(1)], dim=1)
    parts = _FeedingSweep.apply(  # type: ignore[no-untyped-call]
        F.linear(inputs.transpose(0, 1), weight_x, bias_ih),
        hidden,
        output,
        memory,
        keys,
        mask,
        None if keep is None else keep.transpose(0, 1),
        weight_o,
        torch.cat([weight_hh, attention.query.weight]),
        F.pad(bias_hh, (0, keys.size(2))),
        attention.score.weight[0],
        combine.weight,
        combine.bias,
    )
    return Fed(*(part.transpose(0, 1) for part in parts))


class _FeedingSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,  # (T, B, 3H)
        hidden: Tensor,  # (B, H)
        output: Tensor,  # (B, C)
        memory: Tensor,  # (B, S, M)
        keys: Tensor,  # (B, S, A)
        mask: Tensor,  # (B, S)
        keep: Tensor | None,  # (T, B, C)
        *parameters: Tensor,  # (3H, C), (3H + A, H), (3H + A,), (A,), (C, H + M), (C,)
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight_o, weight_h, bias_h, vector, weight_c, bias_c = parameters
        (length, batch, _), size = projected.shape, hidden.size(1)
        pairs, padding = AdditivePairs(keys, vector), ~mask
        states = _behind(hidden, length)  # (T + 1, B, H), as outputs (T + 1, B, C)
        outputs = _behind(output, length)
        gates = hidden.new_empty(length, batch, 2 * size)  # r and z
        new = hidden.new_empty(length, batch, size)  # n
        reads = hidden.new_empty(length + 1, batch, len(bias_h))  # u and q
        joined = hidden.new_empty(length, batch, weight_c.size(1))
        weights = hidden.new_empty(length, *mask.shape)
        values = outputs[1:] if keep is None else torch.empty_like(outputs[1:])  # of the tanh
        torch.addmm(bias_h, hidden, weight_h.t(), out=reads[0])
        for t in range(length):
            g = torch.addmm(projected[t], outputs[t], weight_o.t())
            u_rz, u_n, _ = reads[t].split([2 * size, size, keys.size(2)], dim=1)
            rz = torch.add(g[:, : 2 * size], u_rz, out=gates[t]).sigmoid_()
            n = torch.addcmul(g[:, 2 * size :], rz[:, :size], u_n, out=new[t]).tanh_()
            h = torch.lerp(n, states[t], rz[:, size:], out=states[t + 1])
            q = torch.addmm(bias_h, h, weight_h.t(), out=reads[t + 1])[:, 3 * size :]
            scores = pairs.scores(q.unsqueeze(0))[0].masked_fill_(padding, -torch.inf)
            a = torch.softmax(scores, dim=1, out=weights[t])
            joined[t, :, :size] = h
            joined[t, :, size:] = torch.bmm(a.unsqueeze(1), memory).squeeze(1)
            torch.addmm(bias_c, joined[t], weight_c.t(), out=values[t]).tanh_()
            if keep is not None:
                torch.mul(values[t], keep[t], out=outputs[t + 1])
        ctx.save_for_backward(
            memory, keys, keep, weight_o, weight_h, vector, weight_c,
            states, outputs, gates, new, reads, joined, weights, values,
        )  # fmt: skip
        return outputs[1:], joined, weights

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_outputs: Tensor, grad_joined: Tensor, grad_weights: Tensor
    ) -> tuple[Tensor | None, ...]:
        memory, keys, keep, weight_o, weight_h, vector, weight_c, *saved = ctx.saved_tensors
        states, outputs, gates, new, reads, joined, weights, values = saved
        length, batch, size = new.shape
        # Whatever does not depend on the gradient is computed for all steps at once.
        slopes = _Slopes.of(gates, new, states[:-1], reads[:-1, :, 2 * size : 3 * size])
        slope_o = tanh_backward(torch.ones_like(values) if keep is None else keep, values)
        pairs = AdditiveGradients(keys, vector)
        d_projected = new.new_empty(length, batch, 3 * size)
        d_reads = torch.zeros_like(reads)
        d_values = torch.empty_like(values)  # of what the tanh is taken of
        d_contexts = new.new_empty(length, batch, memory.size(2))
        d_h, d_o = torch.zeros_like(states[0]), grad_outputs[-1]
        for t in range(length - 1, -1, -1):
            torch.mul(d_o, slope_o[t], out=d_values[t])
            d_joined = torch.addmm(grad_joined[t], d_values[t], weight_c)
            d_contexts[t] = d_joined[:, size:]
            d_a = torch.bmm(memory, d_contexts[t].unsqueeze(2)).squeeze(2).add_(grad_weights[t])
            d_scores = softmax_backward(d_a, weights[t], 1, d_a.dtype)
            queries = reads[t + 1 : t + 2, :, 3 * size :]
            d_reads[t + 1, :, 3 * size :] = pairs.backward(d_scores.unsqueeze(0), queries)[0]
            d_h.add_(d_joined[:, :size]).addmm_(d_reads[t + 1], weight_h)
            slopes.backward(t, d_h, d_projected[t], d_reads[t, :, : 3 * size])
            earlier = grad_outputs[t - 1] if t else torch.zeros_like(d_o)
            d_o = torch.addmm(earlier, d_projected[t], weight_o)
        d_h.addmm_(d_reads[0], weight_h)
        return (
            d_projected,
            d_h,
            d_o,
            torch.bmm(weights.permute(1, 2, 0), d_contexts.transpose(0, 1)),
            pairs.d_keys,
            None,
            None,
            _weight_gradient(d_projected, outputs[:-1]),
            _weight_gradient(d_reads, states),
            d_reads.sum((0, 1)),
            pairs.d_vector,
            _weight_gradient(d_values, joined),
            d_values.sum((0, 1)),
        )


class _Slopes(NamedTuple):
    """Of a GRU's steps, each (T, B, H): how h_t changes with what its gates are computed from."""

    new: Tensor
    update: Tensor
    reset: Tensor  # how the candidate does, through the reset gate
    reset_gate: Tensor
    update_gate: Tensor

    @classmethod
    def of(cls, gates: Tensor, new: Tensor, before: Tensor, inner: Tensor) -> "_Slopes":
        """From r and z, n, h_{t-1}, and what r multiplies."""
        r, z = gates.chunk(2, dim=2)
        return cls(
            tanh_backward(1 - z, new),
            sigmoid_backward(before - new, z),
            sigmoid_backward(inner, r),
            r,
            z,
        )

    def backward(self, t: int, d_h: Tensor, d_inputs: Tensor, d_recurrent: Tensor) -> None:
        """From the gradient of h_t to that of h_{t-1}, in place; fills in those of g_t and u_t (B, 3H)."""
        d_r, d_z, d_n = d_inputs.chunk(3, dim=1)
        torch.mul(d_h, self.new[t], out=d_n)
        torch.mul(d_n, self.reset[t], out=d_r)
        torch.mul(d_h, self.update[t], out=d_z)
        d_recurrent.copy_(d_inputs)
        d_recurrent.chunk(3, dim=1)[2].mul_(self.reset_gate[t])
        d_h.mul_(self.update_gate[t])


def _behind(first: Tensor, length: int) -> Tensor:
    """An empty (T + 1, B, ...) but for what stands before the first step."""
    whole = first.new_empty(length + 1, *first.shape)
    whole[0] = first
    return whole


def _weight_gradient(grad: Tensor, inputs: Tensor) -> Tensor:
    """Of a weight (N, K) that all steps multiply: grad (T, B, N) of the products, inputs (T, B, K)."""
    return grad.flatten(0, 1).t() @ inputs.flatten(0, 1)
