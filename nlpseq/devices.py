"""Where a run runs: device, precision, processes; and how large its model is."""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from nlpseq.errors import UserError


def build_accelerator(device: str | None, precision: str, **options: Any) -> Accelerator:
    """Devices, precision, processes and trackers, by accelerate.

    Raises:
        UserError: this machine has no such device, or accelerate refuses an option.
    """
    chosen = None if device is None else choose_device(device)
    if chosen is not None and chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    # A process may make runs of several precisions; accelerate would keep the first one's.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    try:
        mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]
        accelerator = Accelerator(cpu=device == "cpu", mixed_precision=mixed, **options)
    except (ValueError, ImportError) as error:
        raise UserError(f"accelerate refuses: {error}") from error
    if chosen is not None and accelerator.device.type != chosen.type:
        raise UserError(f"--device {device}: this process runs on {accelerator.device.type}")
    return accelerator


def choose_device(name: str | None) -> torch.device:
    """The device of that name; CUDA where there is one, if None.

    Raises:
        UserError: it is no device's name, or this machine has no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        usable = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        usable += ["mps"] if torch.backends.mps.is_available() else []
        raise UserError(f"--device {name}: not to be had; there is {', '.join(usable)}") from error
    return device
