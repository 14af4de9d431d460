"""Where a run runs: device, precision, processes; and how large its model is."""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from nlpseq import hub
from nlpseq.errors import UserError


def build_accelerator(device: str | None, precision: str, **options: Any) -> Accelerator:
    """Devices, precision, processes and trackers, by accelerate.

    Raises:
        UserError: this machine has no such device, or accelerate refuses an option.
    """
    chosen = None if device is None else hub.choose_device(device)
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


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Trained parameters, in all and by part; what two parts share counts in the first."""
    seen: set[int] = set()
    counts = {}
    for name, part in model.named_children():
        own = [p for p in part.parameters() if p.requires_grad and id(p) not in seen]
        seen.update(id(p) for p in own)
        counts[name] = sum(p.numel() for p in own)
    return {"total": sum(counts.values()), **counts}
