"""A GRU with input feeding and additive attention on a CPU: whole targets, three products for each step.

Input feeding (Luong et al. 2015, section 3.3) makes each step wait for the attention of the previous one, so a target
is a loop of small steps. With autograd each step allocates memory and adds to the gradients of all weights and keys.
Here, as in `recurrent_kernels`, a step only computes what depends on the previous one: target vectors are projected
for all steps at once, and the backward loop collects the gradients of the products' results, so that each weight
gradient is a single product at the end.

    g = projected_t + W_o o_{t-1}                        gates r, z, n
    [u; q] = [W_hh; W_q] h + [b_hh; 0]                   u for the next step, q for the attention of this one
    h_t = n + z (h_{t-1} - n)                            the equations of `GRUCell`
    a_t = softmax(v . tanh(q_t + keys))                  c_t = a_t memory
    o_t = keep_t tanh(W_c [h_t; c_t] + b_c)              keep_t: dropout

Inside, each column is a sentence, as in the equations: with two threads the BLAS of a CPU takes up to twice as long
for `h W'`, where rows are sentences, as for `W h` (measured with MKL with 16 to 128 sentences; with one thread a tenth
longer). Longer sentences come first, and the columns of those that have ended are left out. Packed columns (N, R)
are the columns of all steps side by side.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nlpseq.layers.cells.gru import GRUCell
from nlpseq.layers.cpu.additive_attention import AdditiveGradients, AdditivePairs
from nlpseq.layers.cpu.recurrent_kernels import sigmoid_backward, softmax_backward, tanh_backward
from nlpseq.layers.cross_attention import AdditiveAttention

COLUMNS = 16  # BLAS processes this many at once: a product with a few less is not faster


class FeedingOutput(NamedTuple):
    """The result of a sweep; after the end of a row it is zero, or what would follow.

    Attributes:
        outputs: (B, T, C) after dropout.
        weights: (B, T, S) attention weights.
        joined: (B, T, H + M) the cell's output and the context, if requested.
        hidden: (B, H) the cell's output after the last step, zero for rows that end earlier.
    """

    outputs: Tensor
    weights: Tensor
    joined: Tensor | None
    hidden: Tensor


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
    lengths: Tensor | None = None,
    *,
    with_joined: bool = False,
) -> FeedingOutput:
    """Run a decoder over whole targets on a CPU, without autocast. The result can be differentiated once.

    Args:
        cell: reads a target vector and the previous output, side by side.
        attention: from the cell's output to the memory.
        combine: from the cell's output and the context to the output before its tanh.
        inputs: (B, T, D) target vectors.
        hidden: (B, H) state of the cell before the first step.
        output: (B, C) the output that the first step reads.
        memory: (B, S, M) vectors to attend to.
        keys: (B, S, A) projected memory.
        mask: (B, S) True at real tokens of the memory; each row has one.
        keep: (B, T, C) dropout mask of outputs; None: no dropout.
        lengths: (B,) steps needed in each row, at least 1; None: all.
        with_joined: whether to return the cell's outputs and contexts.
    """
    columns = _Columns.of(inputs.shape[:2], lengths)
    weight_ih, weight_hh, bias_ih, bias_hh = cell.weights()
    weight_x, weight_o = weight_ih.split([inputs.size(2), output.size(1)], dim=1)
    outputs, weights, joined = _FeedingSweep.apply(  # type: ignore[no-untyped-call]
        columns.widths,
        torch.addmm(bias_ih.unsqueeze(1), weight_x, columns.pack(inputs)),
        *columns.start(hidden, output),
        *columns.source(memory, keys, mask),
        None if keep is None else columns.pack(keep).contiguous(),
        weight_o,
        torch.cat([weight_hh, attention.query.weight]),
        F.pad(bias_hh, (0, keys.size(2))),
        *(attention.score.weight[0], combine.weight, combine.bias),
    )
    last = columns.last(joined[: hidden.size(1)])
    joined = columns.unpack(joined) if with_joined else None
    return FeedingOutput(columns.unpack(outputs), columns.unpack(weights), joined, last)


class _Columns(NamedTuple):
    """The sentences that each step reads.

    Attributes:
        order: (B,) sentences, the longest first.
        widths: number of sentences at each of T steps.
        indices: (R,) index of each packed column in (B * T).
        shape: B and T.
    """

    order: Tensor
    widths: list[int]
    indices: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, shape: Sequence[int], lengths: Tensor | None) -> Self:
        """Plan the steps for B sentences with T steps and lengths (B,)."""
        batch, length = shape
        steps = torch.arange(length).unsqueeze(1)
        if lengths is None:
            lengths = torch.full((batch,), length)
        order = lengths.argsort(descending=True, stable=True)
        live = (lengths > steps).sum(1)  # (T,)
        widths = (-(-live // COLUMNS) * COLUMNS).clamp(1, batch)  # whole blocks
        active = torch.arange(batch) < widths.unsqueeze(1)  # (T, B)
        return cls(order, widths.tolist(), (order * length + steps)[active], (batch, length))

    def sorted(self, values: Tensor) -> Tensor:
        """Sort values of sentences (B, ...) in the order of the columns."""
        return values.index_select(0, self.order)

    def start(self, hidden: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Arrange what the first step reads: (B, H) and (B, C) -> (H, B) and (C, B)."""
        return self.sorted(hidden).t().contiguous(), self.sorted(output).t().contiguous()

    def source(self, memory: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sort memory, keys and mask (B, S, ...); the mask becomes that of padding."""
        return self.sorted(memory), self.sorted(keys), ~self.sorted(mask)

    def pack(self, values: Tensor) -> Tensor:
        """Pack values: (B, T, N) -> (N, R)."""
        return values.flatten(0, 1).index_select(0, self.indices).t()

    def unpack(self, columns: Tensor) -> Tensor:
        """Unpack columns: (N, R) -> (B, T, N), zero after the end of a row."""
        batch, length = self.shape
        whole = columns.new_zeros(batch * length, len(columns))
        rows = columns.t().contiguous()
        return whole.index_copy(0, self.indices, rows).view(batch, length, -1)

    def last(self, columns: Tensor) -> Tensor:
        """Return the columns of the last step: (N, R) -> (B, N), zero for rows that end earlier."""
        active = self.order[: self.widths[-1]]
        rows = columns[:, -len(active) :].t()
        return columns.new_zeros(len(self.order), len(columns)).index_copy(0, active, rows)


class _Step(NamedTuple):
    """The values of a step with n sentences that the backward pass needs."""

    before: Tensor  # h_{t-1} (H, n)
    inner: Tensor  # (H, n) the vector that r multiplies
    output: Tensor  # o_{t-1} (C, n)
    gates: Tensor  # r, z, n (3H, n)
    queries: Tensor  # (n, A)
    weights: Tensor  # (n, S)
    joined: Tensor  # (H + M, n)
    values: Tensor  # (C, n) result of the tanh

    @classmethod
    def unflatten(cls, tensors: Sequence[Tensor]) -> list[Self]:
        """Rebuild steps from the tensors of all their fields, one after the other."""
        size = len(cls._fields)
        return [cls(*tensors[start : start + size]) for start in range(0, len(tensors), size)]

    def gates_backward(self, d_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of g_t and u_t (3H, n) from that of h_t, and the part of h_{t-1} not through u_t."""
        r, z, new = self.gates.chunk(3)
        d_gates = torch.empty_like(self.gates)
        d_r, d_z, d_n = d_gates.chunk(3)
        torch.mul(d_h, tanh_backward(1 - z, new), out=d_n)
        torch.mul(d_n, sigmoid_backward(self.inner, r), out=d_r)
        torch.mul(d_h, sigmoid_backward(self.before - new, z), out=d_z)
        return d_gates, torch.cat([d_r, d_z, d_n * r]), d_h * z


class _FeedingSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        widths: list[int],
        projected: Tensor,  # (3H, R)
        hidden: Tensor,  # (H, B)
        output: Tensor,  # (C, B)
        memory: Tensor,  # (B, S, M)
        keys: Tensor,  # (B, S, A)
        padding: Tensor,  # (B, S)
        keep: Tensor | None,  # (C, R)
        *parameters: Tensor,  # (3H, C), (3H + A, H), (3H + A,), (A,), (C, H + M), (C,)
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight_o, weight_h, bias_h, vector, weight_c, bias_c = parameters
        bias_h, bias_c = bias_h.unsqueeze(1), bias_c.unsqueeze(1)
        size, pairs = len(hidden), AdditivePairs(keys, vector)
        h, o, ahead = hidden, output, torch.addmm(bias_h, weight_h, hidden)  # ahead: [u; q]
        steps, outputs = [], []
        kept = [None] * len(widths) if keep is None else keep.split(widths, dim=1)
        for n, p, k in zip(widths, projected.split(widths, dim=1), kept, strict=True):
            before, read, ahead = h[:, :n], o[:, :n], ahead[:, :n]
            inner = ahead[2 * size : 3 * size]
            gates = torch.addmm(p, weight_o, read)
            rz = gates[: 2 * size].add_(ahead[: 2 * size]).sigmoid_()
            new = gates[2 * size :].addcmul_(rz[:size], inner).tanh_()
            h = torch.lerp(new, before, rz[size:])
            ahead = torch.addmm(bias_h, weight_h, h)
            queries = ahead[3 * size :].t().contiguous()
            scores = pairs.scores(queries.unsqueeze(0))[0].masked_fill_(padding[:n], -torch.inf)
            weights = scores.softmax(dim=1)
            context = torch.bmm(weights.unsqueeze(1), memory[:n]).squeeze(1)
            joined = torch.cat([h, context.t().contiguous()])
            values = torch.addmm(bias_c, weight_c, joined).tanh_()
            steps.append(_Step(before, inner, read, gates, queries, weights, joined, values))
            h, o = joined[:size], values if k is None else values * k
            outputs.append(o)
        ctx.widths = widths
        ctx.save_for_backward(
            hidden, memory, keys, keep, weight_o, weight_h, vector, weight_c, *chain(*steps)
        )
        return (
            _beside(outputs),
            torch.cat([step.weights for step in steps]).t(),
            _beside([step.joined for step in steps]),
        )

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_outputs: Tensor, grad_weights: Tensor, grad_joined: Tensor
    ) -> tuple[Tensor | None, ...]:
        hidden, memory, keys, keep, weight_o, weight_h, vector, weight_c, *saved = ctx.saved_tensors
        widths, (size, batch) = ctx.widths, hidden.shape
        steps = _Step.unflatten(saved)
        slopes = _beside([step.values for step in steps])  # of outputs
        slopes = tanh_backward(torch.ones_like(slopes) if keep is None else keep, slopes)
        given = (slopes, grad_outputs.contiguous(), grad_joined.contiguous())
        columns = (part.split(widths, dim=1) for part in given)
        grads = list(zip(*columns, grad_weights.t().split(widths), strict=True))
        back_o, back_h, back_c = (w.t().contiguous() for w in (weight_o, weight_h, weight_c))
        pairs = AdditiveGradients(keys, vector)
        # Gradients of the products' results (for `values` before the tanh), and those of the following step.
        d_gates, d_ahead, d_values, d_contexts = [], [], [], []
        d_g, d_u, d_before = (hidden.new_empty(rows, 0) for rows in (3 * size, 3 * size, size))
        steps.reverse()
        for step, (slope, d_o, d_joined, d_weights) in zip(steps, reversed(grads), strict=True):
            n = len(step.queries)
            d_values.append((d_o + _widened(back_o @ d_g, n)).mul_(slope))
            d_joined = torch.addmm(d_joined, back_c, d_values[-1])
            d_contexts.append(d_joined[size:].t().contiguous())
            d_weights = d_weights + torch.bmm(memory[:n], d_contexts[-1].unsqueeze(2)).squeeze(2)
            d_scores = softmax_backward(d_weights, step.weights, 1, d_weights.dtype)
            d_queries = pairs.backward(d_scores.unsqueeze(0), step.queries.unsqueeze(0))[0]
            d_ahead.append(torch.cat([_widened(d_u, n), d_queries.t().contiguous()]))
            d_h = torch.addmm(d_joined[:size] + _widened(d_before, n), back_h, d_ahead[-1])
            d_g, d_u, d_before = step.gates_backward(d_h)
            d_gates.append(d_g)
        d_ahead.append(F.pad(d_u, (0, 0, 0, keys.size(2))))  # no attention before the first step
        states = [step.joined[:size] for step in steps] + [hidden]
        weights = _stacked([step.weights for step in steps], batch)  # (T, B, S)
        all_ahead, all_values = _beside(d_ahead), _beside(d_values)
        return (
            None,
            _beside(d_gates[::-1]),
            torch.addmm(d_before, back_h, d_ahead[-1]),
            back_o @ d_g,
            torch.bmm(weights.permute(1, 2, 0), _stacked(d_contexts, batch).transpose(0, 1)),
            pairs.d_keys,
            None,
            None,
            _beside(d_gates) @ _beside([step.output for step in steps]).t(),
            all_ahead @ _beside(states).t(),
            all_ahead.sum(1),
            pairs.d_vector,
            all_values @ _beside([step.joined for step in steps]).t(),
            all_values.sum(1),
        )


def _beside(steps: Sequence[Tensor]) -> Tensor:
    """Pack the columns (N, n) of all steps side by side: (N, R)."""
    return torch.cat(list(steps), dim=1)


def _widened(columns: Tensor, total: int) -> Tensor:
    """Pad columns (N, n) with zeros for sentences that a later step did not have: (N, total)."""
    more = total - columns.size(1)
    return F.pad(columns, (0, more)) if more else columns


def _stacked(steps: Sequence[Tensor], batch: int) -> Tensor:
    """Stack steps (n, N), with zeros for sentences that have ended: (T, B, N)."""
    return torch.stack([F.pad(step, (0, 0, 0, batch - len(step))) for step in steps])
