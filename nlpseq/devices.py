"""Devices: the one default for training and prediction, and accelerate's view of device and precision."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType

from nlpseq.errors import UserError

PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
"""Accelerate's names of the precisions that a recipe can name."""


AUTO = "auto"
TYPES = ("cpu", "cuda", "mps")
"""The types of device that are tested."""


def choose_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device that training, prediction and every other command use.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` or None: CUDA if this machine has it, else Apple's MPS, else the
            CPU.

    Raises:
        UserError: the name is not one of a device, or this machine has no such device.
    """
    if name is None or name == AUTO:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in TYPES:
            raise RuntimeError("nlpseq does not run there")
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        available += ["mps"] if torch.backends.mps.is_available() else []
        raise UserError(
            f"device {str(name)!r} is not available on this machine; available: {', '.join(available)}"
        ) from error
    return device


def build_accelerator(
    device: str | torch.device | None,
    precision: str,
    *,
    track: str | None = None,
    project_dir: str | None = None,
) -> Accelerator:
    """Build accelerate's object for device, precision, processes and trackers.

    Args:
        device: see `choose_device`; with several processes accelerate gives each its own CUDA device.
        precision: a key of `PRECISIONS`.
        track: name of a tracker.
        project_dir: folder for trackers that write files.

    Raises:
        UserError: this machine has no such device or tracker, or the device lacks the precision.
    """
    installed = [str(tracker) for tracker in get_available_trackers()]
    if track in LoggerType.list() and track not in (*installed, "all"):  # accelerate ignores these
        raise UserError(f"--track {track}: its package is not installed; pip install {track}")
    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    # A process may make runs of several precisions; accelerate would keep that of the first.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    try:
        accelerator = Accelerator(
            cpu=chosen.type == "cpu",
            mixed_precision=PRECISIONS[precision],
            log_with=track,
            project_dir=project_dir,
        )
    except (ValueError, ImportError) as error:
        raise UserError(f"accelerate refuses: {error}") from error
    if accelerator.device.type != chosen.type:
        raise UserError(f"device {str(device)!r}: this process runs on {accelerator.device.type}")
    return accelerator
