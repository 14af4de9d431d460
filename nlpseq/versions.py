"""Versions and hardware, recorded with results."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("nlpseq", "torch", "tokenizers", "accelerate", "datasets")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def machine(device: torch.device) -> dict[str, str | int]:
    """Return the name of the processor or accelerator, and the number of cores and threads."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "name": name,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # nlpseq itself, run from a checkout without installation
        return "unknown"


def _processor() -> str:
    """Return the processor's name from /proc/cpuinfo on Linux, elsewhere from Python."""
    details = Path("/proc/cpuinfo")
    if details.exists():
        for line in details.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
