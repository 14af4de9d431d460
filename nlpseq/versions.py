"""What a figure was made with: versions and machine."""

import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import torch


@cache
def versions() -> dict[str, str]:
    """The versions that decide a result: nlpseq, Python, torch, tokenizers."""
    packages = ("nlpseq", "torch", "tokenizers", "accelerate", "datasets")
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def machine(device: torch.device) -> dict[str, str | int]:
    """The processor or accelerator, and how many cores and threads were at hand."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "name": name,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
    }


def _processor() -> str:
    """The processor's name as Linux tells it, elsewhere as Python does."""
    details = Path("/proc/cpuinfo")
    if details.exists():
        for line in details.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
