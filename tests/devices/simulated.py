"""A device without hardware: its tensors hold values of the CPU, and count what a GPU would make the host wait for.

Tensors of this device are another type (`privateuseone`), so a model takes every path that it takes on a GPU, and
tensors of the CPU and of the device do not mix. Waits are copies to the host, and operations whose result has a
shape that depends on values. Where `float64` is False the device refuses that type, as Apple's GPUs do.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from library import LibraryFunctions
from torch import Tensor, nn
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from nlpseq.types import WITHOUT_FLOAT64

aten = torch.ops.aten
READS = {aten._local_scalar_dense, aten.equal, aten.is_nonzero}
SHAPES = {  # shapes of their results depend on values
    aten.nonzero,
    aten.masked_select,
    aten.unique_consecutive,
    aten.unique_dim,
    aten._unique2,
    aten.unique_dim_consecutive,
    aten.bincount,
}
CHECKS = {aten.multinomial}  # looks at its argument first

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this torch has no devices written in Python", allow_module_level=True)


class _Module(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def _lazy_init(self) -> None:
        pass


if torch._C._get_privateuse1_backend_name() == "privateuseone":
    backend_registration._setup_privateuseone_for_python_backend("simulated", _Module())
DEVICE = torch.device("simulated:0")


class FarTensor(Tensor):
    """A tensor of the device; `near` holds its values."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> "FarTensor":
        far = torch.Tensor._make_wrapper_subclass(
            cls,
            near.shape,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=DEVICE,
        )
        far.near = near
        return far

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, None)


class Device(TorchDispatchMode):
    """Makes new tensors of the device, and counts waits.

    Attributes:
        waits: number of waits by the operation that waits.
        float64: whether the device has that type.
        refused: operations that made a float64 where the device has none.
        library_calls: layers of each call of torch's recurrent functions.
    """

    def __init__(self, *, float64: bool = True) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.float64 = float64
        self.library_calls: list[int] = []
        self.refused: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, self)


def _run(func: Any, args: Any, kwargs: dict[str, Any], device: Device | None) -> Any:
    """Run an operation on the near values; results are far if an argument is, or if they are made there."""
    leaves = tree_leaves((args, kwargs))
    far = [leaf for leaf in leaves if isinstance(leaf, FarTensor)]
    near = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, FarTensor)]
    target = kwargs.get("device")
    to_device = isinstance(target, torch.device) and target.type == DEVICE.type
    to_host = isinstance(target, torch.device) and target.type == "cpu"
    copies = func.overloadpacket in (aten.copy_, aten._to_copy)
    if far and not copies and any(part.dim() for part in near):
        raise RuntimeError(f"{func}: tensors of the device and of the CPU are mixed")
    if device is not None:
        _count(func, args, kwargs, bool(far), to_host, to_device, device)

    def unwrap(leaf: Any) -> Any:
        if isinstance(leaf, FarTensor):
            return leaf.near
        if isinstance(leaf, torch.device) and leaf.type == DEVICE.type:
            return torch.device("cpu")
        return leaf

    if kwargs.get("pin_memory"):
        kwargs = kwargs | {"pin_memory": False}
    result = func(*tree_map(unwrap, args), **tree_map(unwrap, kwargs))
    if to_host or not (far or to_device):
        return result
    wrapped = {id(leaf.near): leaf for leaf in far}

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if device is not None and not device.float64 and value.dtype == torch.float64:
            device.refused.append(
                str(func)
            )  # an exception in a backward pass would end the process
        return wrapped[id(value)] if id(value) in wrapped else FarTensor(value)

    in_place = func._schema.is_mutable and any(
        argument.alias_info is not None and argument.alias_info.is_write
        for argument in func._schema.arguments
    )
    if in_place and isinstance(args[0], Tensor) and not isinstance(args[0], FarTensor):
        return args[0]  # a tensor of the CPU was written
    return tree_map(wrap, result)


def _count(
    func: Any,
    args: Any,
    kwargs: dict[str, Any],
    is_far: bool,
    to_host: bool,
    to_device: bool,
    device: Device,
) -> None:
    """Count an operation for which the host waits."""
    packet = func.overloadpacket
    name = packet.__name__
    if packet is aten.copy_:
        into_far, from_far = (isinstance(part, FarTensor) for part in args[:2])
        if into_far != from_far:
            device.waits["copy_"] += 1
    elif not is_far and not to_device:
        return
    elif packet in READS | SHAPES | CHECKS or (is_far and to_host):
        device.waits[name] += 1
    elif packet is aten._to_copy and to_device and not is_far and not kwargs.get("non_blocking"):
        device.waits["to device"] += 1
    elif packet is aten.repeat_interleave and kwargs.get("output_size") is None:
        device.waits[name] += 1
    elif packet in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
        if any(isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1]):
            device.waits[f"{name} by a mask"] += 1


@contextmanager
def simulated(*, float64: bool = True) -> Iterator[Device]:
    """Use the device inside the context; where it has no float64, the library knows."""
    without = WITHOUT_FLOAT64 | (set() if float64 else {DEVICE.type})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nlpseq.types.WITHOUT_FLOAT64", without)
        modes = LibraryFunctions(), Device(float64=float64)
        with (
            torch.autograd.set_multithreading_enabled(False),
            modes[0] as library,
            modes[1] as device,
        ):
            device.library_calls = library.calls
            yield device
        assert not device.refused, "this device has no float64"


def near(value: Any) -> Any:
    """Return values of the device as tensors of the CPU."""
    return tree_map(lambda leaf: leaf.near if isinstance(leaf, FarTensor) else leaf, value)


def moved(module: nn.Module) -> nn.Module:
    """Copy a module to the device; parameters that are shared stay shared, which `Module.to` would not do here."""
    known: dict[int, Tensor] = {}
    twin = copy.deepcopy(module)
    kept = [*twin.parameters(), *twin.buffers()]  # so that no id is used twice
    for part in twin.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and id(parameter) not in known:
                far = parameter.detach().to(DEVICE)
                known[id(parameter)] = nn.Parameter(far, parameter.requires_grad)
            part._parameters[name] = None if parameter is None else known[id(parameter)]
        for name, buffer in part._buffers.items():
            part._buffers[name] = None if buffer is None else buffer.to(DEVICE)
    del kept
    return twin
