"""Loops over time whose steps wait for one another: weight gradients once a loop, not once a step.

Autograd takes the gradient of a weight at each of T steps, a product that writes a whole matrix, and
adds the T matrices up. Here a step only keeps its input and the gradient of its output; when the
backward pass has been through all steps, the gradient of a weight is one product of all of them:

    dW = sum over t of dy_t' x_t = [dy_1; ...; dy_T]' [x_1; ...; x_T]

That has the same terms, and on a CPU runs at the speed of large products. `kernels.py` does the same
for a layer that reads nothing but its own last state; this is for loops of any other content.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from nlpseq.layers.kernels import sigmoid_backward, tanh_backward


class Loop(TorchFunctionMode):
    """What a `with` block runs on a CPU: linear layers and GRU cells whose weights it sees again and again.

    Results are those of the same lines without it; gradients can be taken once (no double backward).
    Under autocast, and for weights that are made anew at each step, everything stays as it is.

        with Loop():
            for x in inputs.unbind(1):
                h = cell.step(layer(x), h)
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[int, _Shared] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Every function of torch comes by here."""
        if kwargs or not torch.is_grad_enabled():
            pass
        elif func is F.linear:
            return self._linear(*args)
        elif func is torch.gru_cell and args[0].device.type == "cpu":
            inputs, hidden, weight_ih, weight_hh, bias_ih, bias_hh = args
            read = self._linear(inputs, weight_ih, bias_ih)  # (B, 3H)
            kept = self._linear(hidden, weight_hh, bias_hh)
            return _GRUGates.apply(read, kept, hidden)  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))

    def _linear(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if not _is_shared(inputs, weight, bias):
            return F.linear(inputs, weight, bias)
        shared = self._seen.get(id(weight))
        if shared is None:
            shared = self._seen[id(weight)] = _Shared(weight, bias)
        return shared(inputs)


def _is_shared(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether this is a layer's own weight, on a CPU, and its gradient is wanted."""
    return (
        isinstance(weight, nn.Parameter)
        and weight.requires_grad
        and (bias is None or (isinstance(bias, nn.Parameter) and bias.requires_grad))
        and inputs.device.type == "cpu"
        and inputs.dtype == weight.dtype
        and not torch.is_autocast_enabled("cpu")
    )


class _Shared:
    """A weight (and bias) for as long as one loop runs, and what its steps left for the gradient."""

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None) -> None:
        self.parameter = weight  # kept, so that no other tensor takes its id
        self.steps = 0
        self.left: dict[int, tuple[Tensor, Tensor]] = {}
        self.weight, self.bias = _Collect.apply(weight, bias, self.left)  # type: ignore[no-untyped-call]

    def __call__(self, inputs: Tensor) -> Tensor:
        self.steps += 1
        outputs: Tensor = _Linear.apply(  # type: ignore[no-untyped-call]
            inputs, self.weight, self.bias, self.left, self.steps
        )
        return outputs


class _Collect(torch.autograd.Function):
    """The weight as it is. Backward runs after that of all steps, though none hands it a gradient."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor | None, left: dict[int, tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor | None]:
        ctx.set_materialize_grads(False)
        ctx.left = left
        ctx.has_bias = bias is not None
        return weight.view_as(weight), None if bias is None else bias.view_as(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *_: None) -> tuple[Tensor | None, Tensor | None, None]:
        if not ctx.left:
            return None, None, None
        inputs, grads = (torch.cat(parts) for parts in zip(*ctx.left.values(), strict=True))
        ctx.left.clear()
        return grads.t() @ inputs, grads.sum(0) if ctx.has_bias else None, None


class _Linear(torch.autograd.Function):
    """A step of a linear layer: inputs (..., D) -> outputs (..., G)."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: dict[int, tuple[Tensor, Tensor]],
        step: int,
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.left, ctx.step = left, step
        return F.linear(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        inputs, weight = ctx.saved_tensors
        # By the number of the step: a second backward pass over it replaces what the first one left.
        ctx.left[ctx.step] = (inputs.flatten(0, -2), grad.flatten(0, -2))
        return grad @ weight if ctx.needs_input_grad[0] else None, None, None, None, None


class _GRUGates(torch.autograd.Function):
    """What follows the products of a `GRUCell`: what is read and kept (B, 3H), and h (B, H) -> h'."""

    @staticmethod
    def forward(ctx: Any, read: Tensor, kept: Tensor, hidden: Tensor) -> Tensor:
        size = hidden.size(1)
        gates = (read[:, : 2 * size] + kept[:, : 2 * size]).sigmoid_()
        reset, update = gates.chunk(2, dim=1)
        inner = kept[:, 2 * size :]
        new = torch.addcmul(read[:, 2 * size :], reset, inner).tanh_()
        ctx.save_for_backward(gates, inner, new, hidden)
        return torch.lerp(new, hidden, update)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gates, inner, new, hidden = ctx.saved_tensors
        size = hidden.size(1)
        reset, update = gates.chunk(2, dim=1)
        d_read = torch.empty_like(grad).resize_(len(grad), 3 * size)
        d_kept = torch.empty_like(d_read)
        d_new = tanh_backward(grad * (1 - update), new)
        d_read[:, 2 * size :] = d_new
        torch.mul(d_new, reset, out=d_kept[:, 2 * size :])
        d_read[:, :size] = sigmoid_backward(d_new * inner, reset)
        d_read[:, size : 2 * size] = sigmoid_backward(grad * (hidden - new), update)
        d_kept[:, : 2 * size] = d_read[:, : 2 * size]
        return d_read, d_kept, grad * update
