"""The lower bound of a training step: its matrix products alone.

All code that trains a language model of stacked LSTM layers on a CPU has to multiply these matrices. Each is one
`torch.mm` into an existing buffer, without activations, the look-up of vectors, the softmax and the optimizer. The
time of this step divided by that of a real one is the share of the machine's matrix-product speed that the real one
reaches.

A layer of H units with D inputs, over windows of T tokens in a batch of B (the weight gradients of
the recurrence need no loop: they are one product):

    inputs     forward (BT, D) (D, 4H)      backward (BT, 4H) (4H, D)  and  (4H, BT) (BT, D)
    recurrence forward T (B, H) (H, 4H)     backward T (B, 4H) (4H, H) and  (4H, BT) (BT, H)
    softmax    forward (BT, H) (H, V)       backward (BT, V) (V, H)    and  (V, BT) (BT, H)
"""

import time
from typing import NamedTuple

import torch
from torch import Tensor


class Product(NamedTuple):
    """A product left @ right into `out`, and how often a step computes it."""

    left: Tensor
    right: Tensor
    out: Tensor
    times: int = 1


class MatrixProducts:
    """The matrix products of a training step.

    Args:
        batch_size: B.
        window: T.
        embedding_dim: inputs of the first layer.
        hidden_size: H.
        num_layers: layers.
        vocab_size: V.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        window: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int,
        vocab_size: int,
    ) -> None:
        rows, gates = batch_size * window, 4 * hidden_size
        self.products: list[Product] = []
        for layer in range(num_layers):
            inputs = embedding_dim if layer == 0 else hidden_size
            self.products += three_products(rows, inputs, gates)
            step, back, _ = three_products(batch_size, hidden_size, gates)
            *_, weights = three_products(rows, hidden_size, gates)
            self.products += [step._replace(times=window), back._replace(times=window), weights]
        self.products += three_products(rows, hidden_size, vocab_size)

    @property
    def operations(self) -> int:
        """Return the floating-point operations of a step; a multiplication and an addition count as two."""
        sizes = (
            (p.left.size(0) * p.left.size(1) * p.right.size(1), p.times) for p in self.products
        )
        return 2 * sum(size * times for size, times in sizes)

    def run(self, steps: int) -> list[float]:
        """Compute the products of so many steps; return the time after each, in seconds."""
        clock = []
        for _ in range(steps):
            for left, right, out, times in self.products:
                for _ in range(times):
                    torch.mm(left, right, out=out)
            clock.append(time.perf_counter())
        return clock


def three_products(rows: int, inputs: int, outputs: int) -> list[Product]:
    """Return the products of a linear layer: forward, gradient of inputs, gradient of weight."""
    x, w, y = torch.rand(rows, inputs), torch.rand(outputs, inputs), torch.rand(rows, outputs)
    dx, dw, forward = torch.empty_like(x), torch.empty_like(w), torch.empty_like(y)
    return [Product(x, w.t(), forward), Product(y, w, dx), Product(y.t(), x, dw)]
