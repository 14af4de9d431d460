"""The environment that the bits of a run depend on beside its recipe and data: versions, device, number of threads."""

from collections.abc import Mapping
from typing import Any

import torch

from nlpseq.versions import versions

DECISIVE_VERSIONS = ("python", "nlpseq", "torch", "tokenizers")


def environment(device: torch.device) -> dict[str, Any]:
    """Return the environment of this process, as part of a checkpoint."""
    now = versions()
    return {
        "versions": {name: now[name] for name in DECISIVE_VERSIONS},
        "device": device.type,
        "threads": torch.get_num_threads(),
    }


def changes(earlier: Mapping[str, Any], device: torch.device) -> list[str]:
    """Return a line for each part of the environment that is another one than that of a checkpoint.

    Args:
        earlier: what the checkpoint stored; earlier versions stored fewer keys.
        device: of this process.
    """
    now = environment(device)
    before = earlier.get("versions", {})
    changed = [
        f"{name} {before[name]} -> {version}"
        for name, version in now["versions"].items()
        if before.get(name, version) != version
    ]
    lines = [f"resuming with other versions ({', '.join(changed)})"] if changed else []
    names = {"device": "on another device", "threads": "with another number of threads"}
    for key, words in names.items():
        if earlier.get(key, now[key]) != now[key]:
            lines.append(f"resuming {words} ({earlier[key]} -> {now[key]})")
    return [f"{line}: results may differ in bits" for line in lines]
