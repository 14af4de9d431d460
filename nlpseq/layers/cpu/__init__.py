"""Fast paths for the CPU, and the only place in `nlpseq.layers` that looks at the type of a device.

Each module here has a plain twin in `nlpseq.layers`: read that first; it is what other devices run, and what
`torch.export` and `torch.compile` see. Reading order: `recurrent_kernels`, `small_batch_matmul`,
`additive_attention`, `input_feeding_gru`, `token_by_token`.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def uses_cpu_kernels(tensor: Tensor) -> bool:
    """Return whether the kernels of this package run on the tensor: on a CPU, and not while a graph is traced."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def uses_input_feeding_kernel(tensor: Tensor) -> bool:
    """Return whether `input_feeding_gru` runs on the tensor: on a CPU, without autocast."""
    return uses_cpu_kernels(tensor) and not torch.is_autocast_enabled("cpu")


def is_cpu_inference(tensor: Tensor) -> bool:
    """Return whether only values are needed: on a CPU, in float32 or float64, without gradient or autocast."""
    if torch.is_grad_enabled() or not uses_cpu_kernels(tensor):
        return False
    return tensor.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")


def overwrites_softmax_input(logits: Tensor) -> bool:
    """Return whether `torch.softmax(x, out=x)` is safe: on a CPU it reads a row before it writes it."""
    return uses_cpu_kernels(logits)


def multiplies_in_panels(out: Tensor) -> bool:
    """Return whether a product with a vocabulary is faster in panels, as float32 is on a CPU."""
    return uses_cpu_kernels(out) and out.dtype.itemsize >= 4


def reads_values_for_free(tensor: Tensor) -> bool:
    """Return whether `tensor.item()` is free.

    On a GPU it waits for all the work in the queue, and in a graph that is traced there are no values.
    """
    return uses_cpu_kernels(tensor)


def may_be_padded(mask: Tensor | None) -> bool:
    """Return whether a mask (B, T) may be False somewhere; what a GPU would have to wait for counts as padded."""
    return mask is not None and not (reads_values_for_free(mask) and bool(mask.all()))


def product_dtype(tensor: Tensor) -> torch.dtype:
    """Return the type that autocast multiplies a tensor in; its own type where autocast is off."""
    device = tensor.device.type
    if torch.is_autocast_enabled(device) and tensor.dtype != torch.float64:
        return torch.get_autocast_dtype(device)
    return tensor.dtype


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """Turn autocast off on the tensor's device."""
    return torch.autocast(tensor.device.type, enabled=False)


def without_cpu_autocast() -> AbstractContextManager[object]:
    """Turn autocast off on the CPU: on many CPUs oneDNN has no LSTM in bfloat16, and raises."""
    if torch.is_autocast_enabled("cpu"):
        return torch.autocast("cpu", enabled=False)
    return nullcontext()
